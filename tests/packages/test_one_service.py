"""feedd.service under a systemd that is PID 1: started, reloaded, watched, killed, drained."""
import re

import pytest

from feed_client import Client
from machine import Failed
from served import SERVED, Visitor, is_ready, wait_until_ready
from wait import wait_until

pytestmark = pytest.mark.timeout(120)


def main_pid(machine):
    return int(machine.property("feedd.service", "MainPID"))


def restarts(machine):
    return int(machine.property("feedd.service", "NRestarts"))


def active_after_s(machine):
    """How long the last start took."""
    moments = ("InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    begun, ended = (int(machine.property("feedd.service", moment)) for moment in moments)
    return (ended - begun) / 1e6


def signal(machine, name):
    machine.run("systemctl", "kill", "--kill-whom=main", f"--signal={name}", "feedd.service")


def test_installing_starts_a_service_that_works(installed):
    assert installed.active("feedd.service", "feedd.socket")
    assert installed.run("systemctl", "is-enabled", "feedd.service", "feedd.socket") == "enabled\nenabled"
    installed.run("feedctl", "follow", "bob", "alice")
    installed.run("feedctl", "share", "--as", "alice", "https://example.org/teapots", "--title", "On teapots")
    wait_until(lambda: "On teapots" in installed.run("feedctl", "timeline", "bob"), what="the share in the timeline")
    assert installed.path("/proc/sys/net/ipv4/tcp_migrate_req").read_text() == "1\n"
    wait_until(lambda: re.fullmatch(r"\d+ connections, \d+ shares/s, fan-out lag \d+ ms",
                                    installed.property("feedd.service", "StatusText")), what="a status")


def test_the_units_are_sound_where_they_are_installed(installed):
    units = ("feedd.socket", "feedd.service", "feedd@1.socket", "feedd@1.service")
    words = installed.run("sh", "-c", 'exec systemd-analyze verify --man=no "$@" 2>&1', "sh", *units)
    assert "feedd" not in words, words


def test_the_service_may_do_little(installed):
    status = installed.run("cat", f"/proc/{main_pid(installed)}/status")
    user = re.search(r"^Uid:\t(\d+)", status, re.MULTILINE).group(1)
    assert 61184 <= int(user) <= 65519, "a user that exists only while it runs"
    for line in ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        assert line in status


def test_a_reload_tells_systemd_of_it_and_applies_what_changed(installed, configure):
    pid = main_pid(installed)
    configure("\n[limits]\nmax_page = 7\n")
    installed.run("systemctl", "log-level", "debug")  # PID 1 tells what it is told
    for reload in (lambda: installed.run("systemctl", "reload", "feedd.service"), lambda: signal(installed, "HUP")):
        reload()
        wait_until(lambda: installed.active("feedd.service"), what="the end of the reload")
    installed.run("systemctl", "log-level", "info")
    told = [line for line in installed.journal("_PID=1") if f"Got notification message from PID {pid}" in line]
    assert sum("RELOADING=1" in line for line in told) == 2
    with Client(SERVED) as client:
        assert client.hello_reply.limits.max_page == 7
    configure("\n[limits]\nmax_page = seven\n")
    with pytest.raises(Failed):
        installed.run("systemctl", "reload", "feedd.service")
    assert main_pid(installed) == pid and installed.active("feedd.service")
    assert any("feedd.conf" in line and "max_page" in line for line in installed.journal("--unit=feedd.service"))


def test_a_daemon_that_hangs_is_ended_and_started_anew(installed, adjust):
    assert installed.property("feedd.service", "WatchdogUSec") == "1min"
    adjust("WatchdogSec=1")  # as nobody waits for that here
    installed.run("systemctl", "restart", "feedd.service")
    wait_until_ready()
    with Client(SERVED) as client:
        share = client.share("watched").id
    before = restarts(installed)
    signal(installed, "STOP")
    wait_until(lambda: restarts(installed) > before, timeout=30, what="the watchdog")
    assert any("Watchdog timeout" in line for line in installed.journal("--unit=feedd.service"))
    wait_until_ready()
    with Client(SERVED) as client:
        assert client.get(share).id == share


def test_a_daemon_that_is_killed_comes_back_with_all_that_was_acknowledged(installed):
    with Client(SERVED) as client:
        shares = client.share_many("killed", 100)
    before = restarts(installed)
    signal(installed, "KILL")
    wait_until(lambda: restarts(installed) > before and is_ready(), what="the daemon to be ready again")
    with Client(SERVED) as client:
        assert client.profile_ids("killed") == shares[::-1]
    assert restarts(installed) == before + 1


def test_a_daemon_that_crashes_often_is_started_as_often_and_one_with_a_wrong_option_not_at_all(installed, adjust, configure):
    adjust("RestartSec=100ms")
    for _ in range(8):
        pid = main_pid(installed)
        signal(installed, "KILL")
        wait_until(lambda: main_pid(installed) not in (0, pid) and installed.active("feedd.service"), what="the next life")
    configure("\n[redis]\nurl = nowhere\n")
    before = restarts(installed)
    with pytest.raises(Failed):
        installed.run("systemctl", "restart", "feedd.service")
    assert installed.property("feedd.service", "ActiveState") == "failed" and restarts(installed) <= before
    assert any("feedd.conf" in line and "redis.url" in line for line in installed.journal("--unit=feedd.service"))
    configure("")
    installed.run("systemctl", "start", "feedd.service")
    assert installed.active("feedd.socket", "feedd.service")


def test_the_start_may_take_as_long_as_redis_reads_its_file(installed, adjust, configure):
    with Client(SERVED) as client:
        shares = client.share_many("slow", 200)
    slow = installed.path("/usr/local/bin/slow-redis")  # rests after each command that it reads
    slow.write_text('#!/bin/sh\nexec redis-server "$@" --key-load-delay 500\n')
    slow.chmod(0o755)
    configure("\n[redis]\nserver = slow-redis\n")
    adjust("TimeoutStartSec=1")
    installed.run("systemctl", "restart", "feedd.service")
    assert active_after_s(installed) > 1
    wait_until_ready()
    with Client(SERVED) as client:
        assert client.profile_ids("slow") == shares[::-1]


def test_a_restart_refuses_no_connection(installed):
    with Visitor():
        pid = main_pid(installed)
        installed.run("systemctl", "restart", "feedd.service")
        assert main_pid(installed) not in (0, pid)


def test_who_comes_after_a_drain_starts_the_daemon_again(installed):
    with Client(SERVED) as client:
        installed.run("feedctl", "admin", "drain")
        closing = client.wait_closed()
        assert closing.retry
    wait_until(lambda: installed.property("feedd.service", "ActiveState") == "inactive", what="the end of the service")
    assert installed.property("feedd.service", "Result") == "success"
    with Client(SERVED) as client:
        client.ping()
    wait_until(lambda: installed.active("feedd.service"), what="the service")


def test_the_journal_knows_each_pair_of_a_line_as_a_field(installed):
    with Client(SERVED) as client:
        client.ping()
    matches = ("--unit=feedd.service", "FEEDD_EVENT=client-closed", "FEEDD_REASON=peer")
    wait_until(lambda: installed.journal(*matches), what="the line of a connection that ended")
