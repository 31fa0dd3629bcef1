"""Ten thousand clients lose their daemon and come back at once, or when they were told to."""
import resource
from datetime import datetime

import pytest

import harness
from crowd import Crowd
from harness import wait_until

SUBSCRIBERS = 10000
STARS = 20
SPREAD_MS = 20000


@pytest.fixture
def many_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < SUBSCRIBERS + 200:
        pytest.skip(f"{hard} file descriptors are too few for {SUBSCRIBERS} connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def star_of(reader):
    return f"star{int(reader[6:]) % STARS}"


def calls(store):
    """How often Redis has carried out each command, also those within scripts."""
    return {name[8:]: row["calls"] for name, row in store.info("commandstats").items()}


def share_to_all(client):
    return {f"star{number}": client.share_many(f"star{number}", 2) for number in range(STARS)}


def test_a_herd_resumes_at_one_command_each_after_a_kill_and_after_a_shutdown(start_feedd, redis, many_descriptors):
    flags = ("--redis-url", redis.url, "--limits-max-connections", str(SUBSCRIBERS + 100),
             "--timing-reconnect-spread-ms", str(SPREAD_MS))
    daemon, other = start_feedd(*flags), start_feedd("--redis-url", redis.url, state="other")
    readers = [f"reader{number}" for number in range(SUBSCRIBERS)]
    with redis.client() as store, other.connect(timeout=60) as client:
        for first in range(0, SUBSCRIBERS, 1000):
            client.follow_many([(reader, star_of(reader)) for reader in readers[first:first + 1000]])
        with Crowd(daemon.address, readers, may_end=True) as crowd:
            wait_until(crowd.all_caught_up, timeout=60, what="all subscribers to be live")
            daemon.kill()
            wait_until(crowd.all_ended, timeout=60, what="all connections to end")
        missed = share_to_all(client)
        daemon = daemon.restart()
        before = calls(store)
        with Crowd(daemon.address, readers, tokens=crowd.tokens(), may_end=True) as crowd:
            wait_until(crowd.all_caught_up, timeout=60, what="all subscribers to be live again")
            check_cost(before, calls(store))
            check_seen(crowd, missed)
            daemon.stop()
            wait_until(crowd.all_ended, timeout=60, what="all connections to end")
        check_slots([member.closing.retry_after_ms for member in crowd.members])
        missed = share_to_all(client)
        daemon = daemon.restart()
        before = calls(store)
        with Crowd(daemon.address, readers, tokens=crowd.tokens()) as crowd:
            wait_until(crowd.all_caught_up, timeout=60, what="all subscribers to be live again")
            check_cost(before, calls(store))
            check_seen(crowd, missed)
    assert daemon.stop()["gaps"] == 0


def check_seen(crowd, missed):
    for member in crowd.members:
        star = star_of(member.reader)
        assert member.seen == [(share, star) for share in missed[star]]


def check_cost(before, after):
    """One script that loads a following set, for each; what the daemons do anyway beside it."""
    cost = {name: count - before.get(name, 0) for name, count in after.items()}
    assert SUBSCRIBERS <= cost["evalsha"] <= SUBSCRIBERS + 500, cost
    assert cost.get("lrange", 0) == cost.get("mget", 0) == cost.get("get", 0) == 0, cost


def check_slots(slots):
    """Every client has a slot of its own, and they lie evenly; who came after whom says nothing about who comes back when."""
    assert sorted(slots) == [number * SPREAD_MS // SUBSCRIBERS for number in range(SUBSCRIBERS)]
    later = sum(one < other for one, other in zip(slots, slots[1:]))
    assert SUBSCRIBERS / 50 < later < SUBSCRIBERS * 49 / 50
    tenth = slots[:SUBSCRIBERS // 10]
    assert min(tenth) < SPREAD_MS / 10 and max(tenth) > SPREAD_MS * 9 / 10


# ----------------------------------------------------------------------------------------------- libfeed keeps to its slot

WATCHERS = 20
WATCHERS_SPREAD_MS = 2000


def logged_at(line):
    return datetime.strptime(line.split(" ", 1)[0], "%Y-%m-%dT%H:%M:%S.%fZ").timestamp()


def test_clients_of_libfeed_come_back_in_their_slots_and_not_before(start_feedd, workdir):
    socket_path = workdir / "feedd.sock"
    daemon = start_feedd("--unix", socket_path, "--timing-reconnect-spread-ms", str(WATCHERS_SPREAD_MS), "--log-level", "debug")
    watchers = [harness.Server(f"watcher {number}", [harness.FEEDCTL, "--server", f"unix:{socket_path}", "watch", "reader"],
                               "stdout") for number in range(WATCHERS)]
    try:
        wait_until(lambda: sum("event=client " in line for line in daemon.lines) == WATCHERS, what="all watchers")
        daemon.stop()
        told_at = logged_at(daemon.wait_for_line("event=stopping"))
        daemon = daemon.restart()
        ready_at = logged_at(daemon.wait_for_line("event=ready"))
        greetings = wait_until(lambda: len(found := [line for line in daemon.lines if "event=client " in line]) == WATCHERS
                               and found, what="all watchers to come back")
        for number, line in enumerate(greetings):
            slot_at = told_at + number * WATCHERS_SPREAD_MS / WATCHERS / 1000
            assert slot_at - 0.002 <= logged_at(line) <= max(slot_at, ready_at) + 5  # both clocks count whole milliseconds
    finally:
        for watcher in watchers:
            watcher.process.terminate()
            watcher.wait_for_exit()
