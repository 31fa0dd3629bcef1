"""feedd@1 and feedd@2 under a systemd that is PID 1: one port, one Redis, which is not theirs."""
import socket

import pytest

from conftest import install
from feed_client import Client
from machine import Failed
from pages import fetch
from served import SERVED, Visitor, is_ready
from wait import wait_until

pytestmark = pytest.mark.timeout(120)
SINGLE = ("feedd.socket", "feedd.service")
BOTH = ("feedd@1.service", "feedd@2.service")
PASSWORD = "a-secret"
REDIS = ("redis-server", "--supervised", "systemd", "--port", "6390", "--requirepass", PASSWORD,
         "--dir", "/var/lib/external-redis", "--appendonly", "yes", "--save", "")


def start_redis(machine):
    machine.run("systemd-run", "--unit=external-redis", "--service-type=notify",
                "--property=StateDirectory=external-redis", *REDIS)


def both_ready():
    return is_ready("127.0.0.1") and is_ready("127.0.0.2")


@pytest.fixture
def instances(installed, configure):
    """As operations.md says."""
    machine = installed
    start_redis(machine)
    credentials = machine.path("/etc/credstore")
    credentials.mkdir(mode=0o700, exist_ok=True)
    (credentials / "feedd.redis-password").write_text(PASSWORD)
    configure("\n[redis]\nurl = redis://127.0.0.1:6390\n")
    machine.run("systemctl", "disable", "--now", *SINGLE)
    machine.run("systemctl", "enable", "--now", "feedd@1", "feedd@2")
    wait_until(both_ready, what="both to be ready")
    yield machine
    machine.ask("systemctl", "disable", "--now", *BOTH, "feedd@1.socket", "feedd@2.socket")
    machine.ask("systemctl", "stop", "external-redis")
    (credentials / "feedd.redis-password").unlink()
    machine.ask("systemctl", "enable", *SINGLE)


def test_without_an_external_redis_they_do_not_start(installed):
    installed.run("systemctl", "stop", *SINGLE)
    with pytest.raises(Failed):
        installed.run("systemctl", "start", "feedd@1")
    assert any("redis.url" in line and "must be set" in line for line in installed.journal("--unit=feedd@1.service"))
    installed.run("systemctl", "stop", "feedd@1.socket")


def connections(machine, number):
    return int(machine.property(f"feedd@{number}.service", "StatusText").split()[0])


def test_two_share_a_port_a_user_and_a_redis_and_each_has_pages_of_its_own(instances):
    clients = [Client(SERVED) for _ in range(60)]
    try:
        wait_until(lambda: connections(instances, 1) > 0 and connections(instances, 2) > 0
                   and connections(instances, 1) + connections(instances, 2) == 60, what="connections of both")
        share = clients[0].share("author").id
        wait_until(lambda: all(client.profile_ids("author") == [share] for client in clients), what="the share, from both")
    finally:
        for client in clients:
            client.close()
    assert {instances.property(unit, "User") for unit in BOTH} == {"feedd-shared"}
    assert instances.active(*BOTH, "feedd@1.socket", "feedd@2.socket")
    assert not any("not-listening" in line for line in instances.journal("--unit=feedd@*"))
    for number in (1, 2):
        server = f"unix:/run/feedd-{number}/admin.sock"
        assert '"ready"' in instances.run("feedctl", "--server", server, "--json", "admin", "stats")


def test_a_rolling_restart_refuses_no_connection(instances):
    with Visitor() as visitor:
        for unit in BOTH:
            instances.run("systemctl", "restart", unit)
            visitor.wait_for_more()


def test_who_waits_in_the_queue_of_one_that_goes_for_good_comes_to_the_other(instances):
    instances.run("systemctl", "kill", "--signal=STOP", *BOTH)
    waiting = [socket.create_connection(SERVED) for _ in range(40)]
    instances.run("systemctl", "kill", "--signal=KILL", "feedd@1.service")  # it shall not let them in before it goes
    instances.run("systemctl", "stop", "feedd@1.socket", "feedd@1.service")
    instances.run("systemctl", "kill", "--signal=CONT", "feedd@2.service")
    for connection in waiting:
        with Client(connection) as client:
            client.ping()


def test_they_are_up_while_redis_is_away_and_say_so(instances):
    instances.run("systemctl", "stop", "external-redis")
    for unit in BOTH:
        instances.run("systemctl", "restart", unit)
        assert instances.active(unit)
        wait_until(lambda: instances.property(unit, "StatusText").startswith("Redis is away (127.0.0.1)"), 
                   what=lambda: f"another status than {instances.property(unit, 'StatusText')}")
    assert fetch("http://127.0.0.2:9309/healthz")[0] == 200 and not is_ready("127.0.0.2")
    start_redis(instances)
    wait_until(both_ready, what="both to be ready again")


def test_removing_ends_them_and_purging_takes_their_state(instances):
    instances.run("dpkg", "--remove", "feedbench", "feedd")
    assert not any(instances.active(unit) for unit in (*BOTH, "feedd@1.socket", "feedd@2.socket"))
    assert instances.path("/var/lib/feedd-1").is_dir() and instances.path("/var/lib/feedd-2").is_dir()
    instances.run("dpkg", "--purge", "feedd")
    assert not [*instances.path("/var/lib").glob("feedd*"), *instances.path("/etc/systemd/system").glob("*/feedd*")]


def test_an_upgrade_restarts_those_that_run_and_no_other(instances, newer):
    before = {unit: instances.property(unit, "MainPID") for unit in BOTH}
    with Visitor():
        install(instances, newer)
        assert all(instances.property(unit, "MainPID") not in ("0", pid) for unit, pid in before.items())
        assert instances.active(*BOTH)
    assert not any(instances.active(unit) for unit in SINGLE)
    assert instances.ask("systemctl", "is-enabled", *SINGLE) == "disabled\ndisabled"
