"""A reload, by SIGHUP or by an operator: it reaches every room at once, or changes nothing."""
import json
import re
import signal
import subprocess

import pytest

import harness
from feed_client import Disconnected, FeedError
from harness import log_fields, wait_until

BEFORE = """\
log_level = info
[limits]
max_page = 3
max_connections = 2
max_following = 2
[timeline]
idle_ttl_s = 5000
"""
AFTER = """\
log_level = debug
unix = /nonexistent/feedd.sock
[limits]
max_page = 5
max_connections = 3
max_following = 4
[timeline]
idle_ttl_s = 9000
"""


@pytest.fixture
def daemon(start_feedd, tmp_path):
    file = tmp_path / "feedd.conf"
    file.write_text(BEFORE)
    daemon = start_feedd("--config", file)
    daemon.file = file
    return daemon


def reload_by_signal(daemon):
    """The line that says how it ended, and those before it."""
    after = len(daemon.lines)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line(r"event=reload(ed|-refused)", after=after)
    return [log_fields(line) for line in daemon.lines[after:]]


def reload_by_operator(daemon, *flags):
    return subprocess.run([harness.FEEDCTL, "--server", f"unix:{daemon.state_dir}/admin.sock", *flags, "admin", "reload"],
                          capture_output=True, text=True, timeout=50, env=harness.ENVIRONMENT)


def what_holds(daemon, client, reader):
    """What each room makes of its settings: the page of a read, for how many thousand seconds a timeline is
    kept, how many subjects may be followed."""
    page = len(client.timeline("author", limit=100).shares)
    client.timeline(reader)
    with daemon.private_redis() as store:
        key, = store.keys(f"timeline:*:{reader}")
        kept = round(store.ttl(key) / 1000)
    client.follow(reader, "author")
    followed = 1
    while followed < 9:
        try:
            client.follow(reader, f"other{followed}")
        except FeedError as error:
            assert error.code == "LIMIT_EXCEEDED"
            break
        followed += 1
    return page, kept, followed


def test_a_reload_reaches_every_room_at_once(daemon):
    with daemon.connect() as client, daemon.connect():
        client.share_many("author", 8)
        assert what_holds(daemon, client, "before") == (3, 5, 2)
        with pytest.raises(Disconnected) as full:
            daemon.connect()
        assert "max_connections" in full.value.closing.message
        daemon.file.write_text(AFTER)
        *changes, end = reload_by_signal(daemon)
        assert {line["option"]: (line["from"], line["to"]) for line in changes if line["event"] == "option-changed"} == {
            "log_level": ("info", "debug"), "limits.max_page": ("3", "5"), "limits.max_connections": ("2", "3"),
            "limits.max_following": ("2", "4"), "timeline.idle_ttl_s": ("5000", "9000")}
        assert [line["option"] for line in changes if line["event"] == "option-needs-restart"] == ["unix"]
        assert (end["changed"], end["needs_restart"]) == ("5", "1")
        assert what_holds(daemon, client, "after") == (5, 9, 4)
        with daemon.connect() as third:
            assert third.hello_reply.limits.max_page == 5
    wait_until(lambda: any("level=debug" in line for line in daemon.lines), what="a line for debugging")


@pytest.mark.parametrize("line, hint", [
    ("[limits]\nmax_pagee = 4\n", r"feedd.conf:9: .*limits.max_pagee is no option; did you mean limits.max_page\?"),
    ("[cache]\nbody_bytes = 1\n", r"feedd.conf:9: cache.body_bytes: 1 is not a number between"),
    ("[timing]\nheartbeat_interval_ms = 60000\n", r"timing.silence_limit_ms .*must be above"),
], ids=["unknown-key", "out-of-range", "contradiction"])
def test_a_reload_with_a_mistake_changes_nothing(daemon, line, hint):
    daemon.file.write_text(AFTER.replace("unix = /nonexistent/feedd.sock\n", "") + line)
    told = reload_by_signal(daemon)
    assert [fields["event"] for fields in told] == ["reload-refused"]
    assert re.search(hint, told[0]["reason"]), told
    refused = reload_by_operator(daemon)
    assert refused.returncode == 1 and re.search(hint, refused.stderr), refused
    with daemon.connect() as client:
        client.share_many("author", 8)
        assert what_holds(daemon, client, "reader") == (3, 5, 2)


def test_an_operator_is_told_what_a_reload_changed(daemon):
    assert json.loads(reload_by_operator(daemon, "--json").stdout) == {"changes": []}
    daemon.file.write_text(AFTER)
    changes = json.loads(reload_by_operator(daemon, "--json").stdout)["changes"]
    assert {"key": "limits.max_page", "from": "3", "to": "5", "needs_restart": False} in changes
    assert {"key": "unix", "from": "", "to": "/nonexistent/feedd.sock", "needs_restart": True} in changes
    with daemon.connect() as client:
        assert client.hello_reply.limits.max_page == 5
    daemon.file.write_text(BEFORE)
    shown = reload_by_operator(daemon).stdout
    assert re.search(r"limits.max_page\s+5\s+3", shown), shown


def test_an_operators_log_level_outlives_a_reload_that_does_not_change_it(daemon):
    command = [harness.FEEDCTL, "--server", f"unix:{daemon.state_dir}/admin.sock", "--json", "admin", "log-level"]
    subprocess.run([*command, "debug"], check=True, timeout=50, env=harness.ENVIRONMENT, stdout=subprocess.DEVNULL)
    assert reload_by_signal(daemon)[-1]["changed"] == "0"
    answer = subprocess.run(command, capture_output=True, timeout=50, env=harness.ENVIRONMENT, check=True).stdout
    assert json.loads(answer)["level"] == "debug"


def test_a_daemon_without_a_file_reloads_its_flags(start_feedd):
    assert reload_by_signal(start_feedd("--limits-max-page", "7"))[-1]["changed"] == "0"
