"""Looks the Debian packages in a directory over: `packages.py DIRECTORY`.

What each holds and says, and that installing, removing and purging them does what it should: in a copy of this system that
ends with the process, if there are rights to make one.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

# What a package must hold, and what its control fields must say.
HOLDS = {
    "feedd": ["/usr/sbin/feedd", "/etc/feedd/feedd.conf", "/usr/share/man/man8/feedd.8.gz", "/usr/share/man/man5/feedd.conf.5.gz",
              *(f"/usr/lib/systemd/system/{unit}" for unit in
                ("feedd.service", "feedd.socket", "feedd@.service", "feedd@.socket")),
              "/usr/lib/sysusers.d/feedd.conf", "/usr/lib/sysctl.d/50-feedd.conf"],
    "feedctl": ["/usr/bin/feedctl", "/usr/share/man/man1/feedctl.1.gz", "/usr/share/bash-completion/completions/feedctl",
                "/usr/share/zsh/vendor-completions/_feedctl"],
    "feedbench": ["/usr/bin/feedbench", "/usr/share/man/man1/feedbench.1.gz"],
    "libfeed": [r"/usr/lib/.*/libfeed\.so\.0", r"/usr/lib/.*/libfeed\.so\.0\.\d+\.\d+"],
    "libfeed-dev": ["/usr/include/feed/feed.h", r"/usr/lib/.*/libfeed\.so", r"/usr/lib/.*/libfeed\.a", r".*/libfeed\.pc",
                    "/usr/share/man/man3/libfeed.3.gz", r".*/feed-config\.cmake"],
}
SAYS = {
    "feedd": ["redis-server", "libevent", "libhiredis", "libsystemd0", "libc6"],
    "feedctl": ["libprotobuf-c1", "libc6"],
    "feedbench": ["feedd", "libc6"],
    "libfeed": ["libprotobuf-c1", "libc6"],
    "libfeed-dev": ["libfeed (= ", "libprotobuf-c-dev"],
}

# In a copy of the system: a tmpfs over everything that is written to.
COPY = """
set -e
mount --make-rprivate /
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work none /mnt/root
mount -t proc none /mnt/root/proc
mount --rbind /dev /mnt/root/dev
mkdir -p /mnt/root/packages
mount --bind "$1" /mnt/root/packages
exec chroot /mnt/root /bin/sh -ec "$2"
"""
LIFE = r"""
export DEBIAN_FRONTEND=noninteractive
dpkg -i /packages/*.deb
feedd --version
feedd --config /etc/feedd/feedd.conf --check-config
feedctl --help >/dev/null
test -e /etc/systemd/system/multi-user.target.wants/feedd.service
test -e /etc/systemd/system/sockets.target.wants/feedd.socket
getent passwd feedd-shared
echo "log_level = debug" >/etc/feedd/feedd.conf
dpkg -i /packages/*.deb
grep -q debug /etc/feedd/feedd.conf
mkdir -p /var/lib/private/feedd
echo data >/var/lib/private/feedd/kept
ln -sfn private/feedd /var/lib/feedd
dpkg -r feedbench feedd
test ! -e /usr/sbin/feedd
test -e /var/lib/feedd/kept
test -e /etc/feedd/feedd.conf
dpkg -P feedd
test ! -e /var/lib/private/feedd
test ! -e /var/lib/feedd
test ! -e /etc/feedd
test ! -e /etc/systemd/system/multi-user.target.wants/feedd.service
dpkg -P feedctl libfeed-dev libfeed feedbench
"""


def output(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, check=False)
    return result.returncode, result.stdout + result.stderr


def look_at(package, path):
    _, listing = output("dpkg-deb", "-c", path)
    paths = [line.split()[5].lstrip(".") for line in listing.splitlines()]
    depends = output("dpkg-deb", "-f", path, "Depends")[1]
    copyright_of = f"/usr/share/doc/{package}/copyright"
    for wanted in [*HOLDS[package], copyright_of]:
        if not any(re.fullmatch(wanted, one) for one in paths):
            yield f"{path.name} lacks {wanted}"
    for wanted in SAYS[package]:
        if wanted not in depends:
            yield f"{path.name} does not depend on {wanted}: {depends.strip()}"


def live_and_die(directory):
    if os.geteuid() != 0:
        print("installing and purging is tried by root alone: left out")
        return
    status, said = output("unshare", "-m", "-p", "-f", "--kill-child", "sh", "-c", COPY, "sh", directory.resolve(), LIFE)
    if status != 0:
        yield f"installing, upgrading, removing and purging ended with {status}:\n{said}"


def ask_lintian(paths):
    status, said = output("lintian", "--no-cfg", "--fail-on", "error", "--suppress-tags", "bogus-mail-host-in-debian-changelog", *paths)
    if status != 0:
        yield f"lintian:\n{said}"


def main():
    directory = Path(sys.argv[1])
    packages = {path.name.split("_")[0]: path for path in sorted(directory.glob("*.deb"))}
    findings = [f"there is no package {name}" for name in HOLDS if name not in packages]
    for name, path in packages.items():
        findings += look_at(name, path)
    if not findings:
        findings += live_and_die(directory)
        findings += ask_lintian(packages.values())
    for finding in findings:
        print(finding, file=sys.stderr)
    print(f"{len(packages)} packages in {directory}, {len(findings)} findings")
    sys.exit(1 if findings else 0)


main()
