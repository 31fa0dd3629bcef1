"""What the packages hold and say, as it is looked over without being installed."""
import re
import shutil
import subprocess

import pytest

# What a package must hold, as patterns, and what it must depend on.
HOLDS = {
    "feedd": ["/usr/sbin/feedd", "/etc/feedd/feedd.conf",
              "/usr/share/man/man8/feedd.8.gz", "/usr/share/man/man5/feedd.conf.5.gz",
              *(f"/usr/lib/systemd/system/{unit}" for unit in
                ("feedd.service", "feedd.socket", "feedd@.service", "feedd@.socket")),
              "/usr/lib/sysusers.d/feedd.conf", "/usr/lib/sysctl.d/50-feedd.conf", "/usr/share/feedd/feedd.rules.yml",
              "/usr/share/feedd/grafana-dashboard.json"],
    "feedctl": ["/usr/bin/feedctl", "/usr/share/man/man1/feedctl.1.gz", "/usr/share/bash-completion/completions/feedctl",
                "/usr/share/zsh/vendor-completions/_feedctl"],
    "feedbench": ["/usr/bin/feedbench", "/usr/share/man/man1/feedbench.1.gz"],
    "libfeed": [r"/usr/lib/.*/libfeed\.so\.0", r"/usr/lib/.*/libfeed\.so\.0\.\d+\.\d+"],
    "libfeed-dev": ["/usr/include/feed/feed.h", r"/usr/lib/.*/libfeed\.so", r"/usr/lib/.*/libfeed\.a", r".*/libfeed\.pc",
                    "/usr/share/man/man3/libfeed.3.gz", r".*/feed-config\.cmake"],
}
DEPENDS = {
    "feedd": ["redis-server", "libevent", "libhiredis", "libsystemd0", "libc6"],
    "feedctl": ["libprotobuf-c1", "libc6"],
    "feedbench": ["feedd", "libc6"],
    "libfeed": ["libprotobuf-c1", "libc6"],
    "libfeed-dev": ["libfeed (= ", "libprotobuf-c-dev"],
}
EXPOSURE_MAX = 15  # tenths, of systemd-analyze security


def said_by(*words, timeout=60, **environment):
    """The exit status of a command, and all that it said."""
    result = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
                            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **environment})
    return result.returncode, result.stdout


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


def test_there_are_the_packages_that_there_should_be(packages):
    assert set(packages) == set(HOLDS)


@pytest.mark.parametrize("name", HOLDS)
def test_a_package_holds_and_says_what_it_should(packages, name):
    files, depends = packages[name].files(), packages[name].field("Depends")
    wanted = [*HOLDS[name], f"/usr/share/doc/{name}/copyright"]
    assert [one for one in wanted if not any(re.fullmatch(one, file) for file in files)] == []
    assert [one for one in DEPENDS[name] if one not in depends] == []


@needs("lintian")
@pytest.mark.timeout(180)
def test_lintian_finds_no_error(packages):
    status, said = said_by("lintian", "--no-cfg", "--fail-on", "error",
                           "--suppress-tags", "bogus-mail-host-in-debian-changelog",
                           *(package.path for package in packages.values()), timeout=170)
    assert status == 0, said


@needs("man")
def test_man_pages_render_without_a_warning(unpacked):
    pages = sorted((unpacked / "usr/share/man").rglob("*.gz"))
    assert len(pages) >= 5
    for page in pages:
        # What it shows goes away: only what it complains of is left.
        words = 'exec man --warnings -E UTF-8 -l -Tutf8 "$1" 2>&1 >/dev/null'
        status, said = said_by("sh", "-c", words, "sh", page, MANWIDTH="80")
        assert (status, said) == (0, ""), page


@needs("systemd-analyze")
@pytest.mark.parametrize("unit", ["feedd.service", "feedd@.service"])
def test_a_service_is_closed_off(unpacked, unit):
    unit = shutil.copy(unpacked / "usr/lib/systemd/system" / unit, unpacked / unit.replace("@", "@1"))
    status, said = said_by("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    assert status == 0, said
