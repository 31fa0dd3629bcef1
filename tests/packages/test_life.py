"""The life of the packages: upgraded, removed, installed again, purged."""
import pytest

from conftest import install
from feed_client import Client
from served import SERVED, Visitor, wait_until_ready

pytestmark = pytest.mark.timeout(120)
CONFIG = "/etc/feedd/feedd.conf"


def status(machine):
    return machine.ask("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "feedd")


def test_where_no_systemd_runs_they_are_installed_for_the_next_boot(machine, packages):
    machine.run("dpkg", "--purge", *packages)
    unseen = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /run/systemd && exec dpkg "$@"', "sh")
    install(machine, *packages.values(), command=unseen)
    assert not machine.active("feedd.service")
    assert machine.run("systemctl", "is-enabled", "feedd.service", "feedd.socket") == "enabled\nenabled"
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "feedd.socket", "feedd.service")
    wait_until_ready()


def there(machine, *paths):
    """Those that are."""
    return [path for path in paths if machine.ask("sh", "-c", f"ls -d {path} 2>/dev/null")]


def test_an_upgrade_keeps_what_an_administrator_changed_the_data_and_the_port(installed, newer, configure):
    configure("\n[limits]\nmax_page = 7\n")
    pid = installed.property("feedd.service", "MainPID")
    with Client(SERVED) as client:
        shares = client.share_many("upgraded", 20)
    with Visitor():
        install(installed, newer)
        assert installed.property("feedd.service", "MainPID") not in ("0", pid)
    assert status(installed) == f"installed {newer.version}"
    assert installed.path(CONFIG).read_text().endswith("max_page = 7\n")
    assert "says something new" in installed.path(f"{CONFIG}.dpkg-dist").read_text()
    wait_until_ready()
    with Client(SERVED) as client:
        assert client.hello_reply.limits.max_page == 7
        assert client.profile_ids("upgraded") == shares[::-1]


def test_removing_keeps_the_data_and_purging_takes_it(installed, packages):
    with Client(SERVED) as client:
        shares = client.share_many("removed", 20)
    installed.run("dpkg", "--remove", "feedbench", "feedd")
    assert not installed.active("feedd.service") and not installed.active("feedd.socket")
    assert there(installed, "/usr/sbin/feedd", "/lib/systemd/system/feedd*") == []
    assert there(installed, CONFIG, "/var/lib/feedd/appendonlydir") == [CONFIG, "/var/lib/feedd/appendonlydir"]
    install(installed, packages["feedd"])
    wait_until_ready()
    with Client(SERVED) as client:
        assert client.profile_ids("removed") == shares[::-1]

    installed.run("dpkg", "--purge", *packages)
    assert there(installed, "/etc/feedd", "/var/lib/feedd*", "/var/lib/private/feedd*", "/run/feedd*",
                 "/etc/systemd/system/*/feedd*", "/etc/systemd/system/feedd*",
                 "/var/lib/systemd/deb-systemd-helper-*/feedd*") == []
    assert "feedd" not in installed.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "feedd*.s*")
