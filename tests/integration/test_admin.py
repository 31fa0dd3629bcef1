"""What operators see and do on the admin socket, with feedctl, while real things happen."""
import grp
import json
import os
import re
import socket
import stat
import subprocess
import time

import pytest

import feed_pb2 as pb
import harness
from feed_client import Client, FeedError
from harness import wait_until
from test_slow_readers import BIG, Dribble

DONE, REFUSED = range(2)


def socket_of(daemon):
    return daemon.state_dir / "admin.sock"


def run(daemon, *words, json_wanted=True):
    flags = ["--json"] if json_wanted else []
    result = subprocess.run([harness.FEEDCTL, "--server", f"unix:{socket_of(daemon)}", *flags, "admin", *map(str, words)],
                            capture_output=True, text=True, timeout=50, env=harness.ENVIRONMENT)
    assert not harness.SANITIZER_REPORT.search(result.stderr), result.stderr
    return result


def admin(daemon, *words):
    """The object that a command answers with."""
    result = run(daemon, *words)
    assert result.returncode == DONE, result.stdout + result.stderr
    return json.loads(result.stdout)


def refusal(daemon, *words):
    result = run(daemon, *words)
    assert result.returncode == REFUSED, result
    return json.loads(result.stdout)["error"]


def text(daemon, *words):
    """What people read."""
    result = run(daemon, *words, json_wanted=False)
    assert result.returncode == DONE, result.stderr
    return result.stdout


def named(rows, name):
    return [row for row in rows if row["name"] == name]


def greet(connection, name):
    connection.call(pb.HelloRequest(protocol_version=1, client_name=name))
    return connection


# ------------------------------------------------------------------------------------------------------------ clients

def test_clients_are_listed_with_what_they_do_and_in_the_order_asked_for(start_feedd):
    daemon = start_feedd()
    with greet(daemon.connect(hello=False), "first") as first, daemon.connect(hello=False) as silent, \
            greet(daemon.connect(hello=False), "second") as second:
        second.follow_stream(home="reader")
        second.follow_stream(profile="author")
        answer = admin(daemon, "clients", "--sort", "age")
        assert answer["clients_in_all"] == 3
        ages = [row["age_ms"] for row in answer["clients"]]
        assert ages == sorted(ages, reverse=True)
        rows = [named(answer["clients"], name)[0] for name in ("first", "", "second")]
        assert [row["state"] for row in rows] == ["idle", "greeting", "live"]
        assert [row["streams"] for row in rows] == [0, 0, 2]
        assert [row["address"] for row in rows] == ["%s:%d" % one.socket.getsockname()[:2] for one in (first, silent, second)]
        assert len(admin(daemon, "clients", "--sort", "age", "--limit", "1")["clients"]) == 1
        shown = text(daemon, "clients")
        assert "second" in shown and "live" in shown and "lag" not in shown, "columns without anything are left out"


def test_a_slow_reader_is_told_apart_from_those_that_keep_up(start_feedd):
    daemon = start_feedd("--limits-queue-soft-limit-bytes", "65536")
    with daemon.connect() as client:
        client.follow("reader", "author")
        client.follow_stream(profile="somebody quiet")
        slow = Dribble(daemon.address, home="reader")
        assert admin(daemon, "slow") == {"clients_in_all": 0, "clients": []}
        while not (rows := admin(daemon, "slow")["clients"]) or rows[0]["state"] != "blocked":
            client.share_patiently("author", 20, comment=BIG)
        assert [row["name"] for row in rows] == ["dribble"]
        assert rows[0]["queue_bytes"] > 0 and rows[0]["lag_ms"] > 0 and rows[0]["blocked_ms"] >= 0
        assert [row["name"] for row in admin(daemon, "clients", "--limit", "1")["clients"]] == ["dribble"]
        assert [row["name"] for row in admin(daemon, "clients", "--sort", "bytes", "--limit", "1")["clients"]] == ["dribble"]
        slow.socket.close()
        wait_until(lambda: admin(daemon, "slow")["clients"] == [])


def test_a_client_that_is_killed_learns_why_and_may_come_back(start_feedd):
    daemon = start_feedd()
    with greet(daemon.connect(hello=False), "victim") as victim, daemon.connect() as witness:
        row, = named(admin(daemon, "clients")["clients"], "victim")
        assert admin(daemon, "kill", row["client"]) == {"killed": row["client"], "name": "victim", "streams": 0}
        closing = victim.wait_closed()
        assert closing.reason == pb.KILLED and closing.retry and closing.retry_after_ms > 0
        assert witness.ping() is not None
        victim.close()
        wait_until(lambda: not named(admin(daemon, "clients")["clients"], "victim"))
        with greet(daemon.connect(hello=False), "victim"):
            again, = named(admin(daemon, "clients")["clients"], "victim")
            assert again["client"] != row["client"]
        closed, = [row for row in admin(daemon, "closed")["closed"] if row["reason"] == "killed"]
        assert closed["client"] == row["client"] and closed["name"] == "victim" and closed["address"] == row["address"]
        assert refusal(daemon, "kill", row["client"])["code"] == "NOT_FOUND"
        assert refusal(daemon, "kill", "victim")["code"] == "INVALID"


def test_the_connections_that_ended_last_are_remembered_with_their_reasons(start_feedd):
    daemon = start_feedd("--timing-hello-timeout-ms", "50")
    with daemon.connect(hello=False) as mute:
        assert mute.wait_closed().reason == pb.NO_HELLO
    with daemon.connect(hello=False) as broken:
        broken.send_raw(b"\xff" * 10)
        assert broken.wait_closed().reason == pb.PROTOCOL_ERROR
    for number in range(300):
        greet(daemon.connect(hello=False), f"n{number}").close()
    wait_until(lambda: admin(daemon, "closed")["ended_in_all"] == 302)
    rows = admin(daemon, "closed", "--limit", "1000")["closed"]
    assert len(rows) == 256
    assert {row["reason"] for row in rows} == {"peer"}
    assert rows[0]["name"] == "n299" and rows[0]["sent_bytes"] > 0
    assert [row["ago_ms"] for row in rows] == sorted(row["ago_ms"] for row in rows)


# ------------------------------------------------------------------------------------------------------ when it matters

def test_the_admin_socket_works_when_the_port_is_full(start_feedd):
    daemon = start_feedd("--limits-max-connections", "2")
    with daemon.connect(), daemon.connect(), daemon.connect(hello=False) as third:
        assert third.wait_closed().reason == pb.SERVER_FULL
        stats = admin(daemon, "stats")
        assert (stats["connections"], stats["max_connections"]) == (2, 2)
        assert stats["counters"]["connections_refused"] == 1
        assert len(admin(daemon, "clients")["clients"]) == 2


def test_what_the_process_takes_is_told_also_where_nobody_scrapes_it(start_feedd):
    daemon = start_feedd()
    stats = admin(daemon, "stats")["counters"]
    taken = ("process_cpu_us", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds")
    assert all(stats[name] > 0 for name in taken) and abs(stats["process_start_at_ms"] / 1000 - time.time()) < 60
    assert re.search(r"process start +\d{4}-\d\d-\d\d ", text(daemon, "stats"))
    with daemon.connect() as client:
        client.share_many("author", 100)
    stopped = daemon.stop()
    assert stopped["process_cpu_us"] > stats["process_cpu_us"] and all(stopped[name] > 0 for name in taken)


def test_the_admin_socket_works_while_redis_is_away(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url)
    assert admin(daemon, "stats")["ready"]
    redis.stop()
    wait_until(lambda: not admin(daemon, "stats")["ready"])
    with daemon.connect() as client:
        assert [row["name"] for row in admin(daemon, "clients")["clients"]] == ["pytest"]
        assert client.refusal(pb.GetTimelineRequest(reader="reader")).code == "UNAVAILABLE"


def test_a_daemon_that_drains_tells_how_far_it_is(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--timing-drain-timeout-ms", "20000")
    with daemon.connect() as client, Client(socket_of(daemon)) as operator:
        request = pb.AdminRequest(command="stats")
        redis.signal(harness.signal.SIGSTOP)
        share = client.send(pb.ShareRequest(author="author", url="http://example.org/"))
        client.ping()  # so the share is under way
        answer = admin(daemon, "drain")
        assert not answer["draining_already"] and answer["connections"] == 1
        stats = json.loads(operator.call(request).json)
        assert stats["state"] == "draining" and stats["in_progress"] >= 1
        assert [row["name"] for row in admin(daemon, "clients")["clients"]] == ["pytest"]
        redis.signal(harness.signal.SIGCONT)
        assert client.reply_to(share).id > 0
        assert client.wait_closed().reason == pb.SHUTDOWN
    assert daemon.wait_for_exit() == 0
    daemon.check_log()
    assert not socket_of(daemon).exists()


# ------------------------------------------------------------------------------------------------ who may ask for what

def test_requests_of_operators_and_of_clients_keep_to_their_sockets(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as client, Client(socket_of(daemon)) as operator:
        assert client.refusal(pb.AdminRequest(command="stats")).code == "FORBIDDEN"
        assert operator.refusal(pb.ShareRequest(author="a", url="http://example.org/")).code == "FORBIDDEN"
        assert operator.refusal(pb.SubscribeRequest(home="a")).code == "FORBIDDEN"
        assert operator.ping() is not None
        assert json.loads(operator.call(pb.AdminRequest(command="log-level")).json)["level"] == "info"
    with Client(socket_of(daemon), hello=False) as stranger:
        assert stranger.refusal(pb.AdminRequest(command="stats")).code == "HELLO_REQUIRED"


@pytest.mark.parametrize("command, arguments, field", [
    ("reboot", [], "command"), ("", [], "command"), ("stats", ["now"], "arguments"), ("kill", [], "arguments"),
    ("clients", ["limit=0"], "limit"), ("clients", ["limit=1001"], "limit"), ("clients", ["limit=x"], "limit"),
    ("clients", ["sort=name"], "sort"), ("slow", ["sort=lag"], "arguments"), ("kill", ["1", "2"], "arguments"),
    ("log-level", ["loud"], "arguments"), ("kill", ["18446744073709551616"], "arguments"),
])
def test_what_cannot_be_asked_is_refused_with_the_field(feedd, command, arguments, field):
    with Client(socket_of(feedd)) as operator:
        error = operator.refusal(pb.AdminRequest(command=command, arguments=arguments))
        assert (error.code, error.field) == ("INVALID", field)
        assert operator.ping() is not None


def test_garbage_on_the_admin_socket_harms_nobody(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as client:
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", bytes(2000), b"\xff" * 100, os.urandom(5000)):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(str(socket_of(daemon)))
                stranger.sendall(garbage)
        assert client.ping() is not None
        assert admin(daemon, "stats")["connections"] == 1


def test_the_socket_has_the_permissions_that_the_options_say(start_feedd, workdir):
    daemon = start_feedd()
    assert stat.S_IMODE(socket_of(daemon).stat().st_mode) == 0o600
    group = grp.getgrgid(os.getgid())
    daemon = start_feedd("--admin-path", str(workdir / "ops"), "--admin-mode", "0660", "--admin-group", group.gr_name, state="b")
    found = (workdir / "ops").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, group.gr_gid)
    assert not socket_of(daemon).exists()


# ------------------------------------------------------------------------------------------------- the daemon as a whole

def test_the_configuration_is_shown_with_where_it_came_from_and_without_passwords(start_feedd, start_redis, workdir):
    redis = start_redis(password="secret")
    (workdir / "feedd.conf").write_text("[limits]\nmax_page = 77\n")
    daemon = start_feedd("--config", str(workdir / "feedd.conf"), "--redis-url", f"{redis.url}?password=secret&db=3")
    options = {row["key"]: row for row in admin(daemon, "config")["options"]}
    assert options["limits.max_page"]["value"] == "77" and options["limits.max_page"]["default"] == "200"
    assert options["limits.max_page"]["origin"] == f"{workdir / 'feedd.conf'}:2"
    assert options["redis.url"]["origin"] == "--redis-url"
    assert options["redis.url"]["value"] == f"{redis.url}?password=***&db=3"
    assert options["profile.cap"]["origin"] == "default"
    assert [row["key"] for row in admin(daemon, "config", "limits.max_p")["options"]] == ["limits.max_page"]
    assert refusal(daemon, "config", "nothing")["code"] == "NOT_FOUND"


def test_the_log_level_can_be_changed_while_the_daemon_runs(start_feedd):
    daemon = start_feedd()
    assert admin(daemon, "log-level") == {"level": "info", "before": "info"}
    assert admin(daemon, "log-level", "debug") == {"level": "debug", "before": "info"}
    with greet(daemon.connect(hello=False), "noisy"):
        daemon.wait_for_line("event=client .*name=noisy")
    assert admin(daemon, "log-level", "info") == {"level": "info", "before": "debug"}


def test_refused_errors_are_shown_to_people(feedd):
    result = run(feedd, "kill", "0", json_wanted=False)
    assert result.returncode == REFUSED and "no client 0" in result.stderr
    with pytest.raises(FeedError), feedd.connect() as client:
        client.call(pb.AdminRequest(command="stats"))
