"""feedctl watch as its users see it: events as they come, for people and for programs, and on from a token."""
import json
import signal

import pytest

import harness
from test_feedctl import DONE, share_of


@pytest.fixture
def watch(feedd):
    """Starts `feedctl watch ...`; at the end of the test whatever still runs is interrupted."""
    watchers = []

    def start(*words, daemon=feedd):
        watcher = harness.Server("feedctl watch", [harness.FEEDCTL, "--server", daemon.server_flag, *words], "stdout")
        watchers.append(watcher)
        return watcher
    yield start
    for watcher in watchers:
        if watcher in harness.RUNNING:
            interrupt(watcher)


def interrupt(watcher):
    watcher.signal(signal.SIGINT)
    assert watcher.wait_for_exit() in (DONE, -signal.SIGINT, 130)


def watched_shares(watcher):
    events = [json.loads(line) for line in watcher.lines]
    return [share_of(event["shared"]["share"]) for event in events if "shared" in event]


def test_watching_a_dialogue_shows_comments_as_they_come(watch, client, name):
    share = client.share(name("author")).id
    one, around = watch("watch", "--dialogue", str(share)), watch("--json", "watch", "--dialogue-around", name("author"))
    one.wait_for_line("up to date; waiting for what is said next")
    around.wait_for_line("caughtUp")
    comment = client.comment(name("bob"), share, "Hear, hear")
    client.delete_comment(name("bob"), share, comment)
    one.wait_for_line("Hear, hear")
    one.wait_for_line(f"comment #{comment} was deleted")
    around.wait_for_line(f'"commentDeleted".*{comment}')
    said, = [event["commented"] for event in map(json.loads, around.lines) if "commented" in event]
    assert (said["author"], said["comment"]["id"], said["comment"]["text"]) == (name("author"), str(comment), "Hear, hear")


def test_watching_a_reader_shows_shares_as_they_come(watch, client, name):
    client.follow(name("reader"), name("author"))
    for_people, for_programs = watch("watch", name("reader")), watch("--json", "watch", name("reader"))
    for_programs.wait_for_line("caughtUp")
    for_people.wait_for_line("up to date")
    share_id = client.share(name("author"), title="A live title", comment="My comment").id
    for_people.wait_for_line("A live title")
    for_people.wait_for_line("My comment")
    for_programs.wait_for_line("A live title")
    assert watched_shares(for_programs) == [client.get(share_id)]
    client.delete(name("author"), share_id)
    for_programs.wait_for_line('"deleted"')
    for_people.wait_for_line("delete")


def test_watching_a_profile_needs_no_follow(watch, client, name):
    watcher = watch("--json", "watch", "--profile", name("author"))
    watcher.wait_for_line("caughtUp")
    share_id = client.share(name("author")).id
    watcher.wait_for_line(str(share_id))


def test_watching_goes_on_where_the_token_in_the_file_says(watch, client, name, tmp_path):
    file = tmp_path / "token"
    first = watch("--json", "watch", name("author"), "--resume", file)
    first.wait_for_line("caughtUp")
    seen = client.share(name("author")).id
    first.wait_for_line(str(seen))
    interrupt(first)
    assert file.stat().st_size > 0
    missed = client.share_many(name("author"), 150)
    second = watch("--json", "watch", name("author"), "--resume", file)
    second.wait_for_line("caughtUp")
    live = client.share(name("author")).id
    second.wait_for_line(str(live))
    ids = [share.id for share in watched_shares(second)]
    assert ids == missed + [live] or ids == [seen] + missed + [live]


def test_watching_survives_a_restart_of_the_daemon(start_feedd, workdir):
    flags = ("--unix", workdir / "feedd.sock")
    daemon = start_feedd(*flags)
    command = [harness.FEEDCTL, "--server", f"unix:{workdir / 'feedd.sock'}", "--json", "watch", "author"]
    watcher = harness.Server("feedctl watch", command, "stdout")
    try:
        watcher.wait_for_line("caughtUp")
        with daemon.connect() as client:
            shares = [client.share("author").id]
        watcher.wait_for_line(str(shares[0]))
        for kill in (False, True):
            daemon.kill() if kill else daemon.stop()
            daemon = daemon.restart()
            with daemon.connect() as client:
                shares.append(client.share("author").id)
            watcher.wait_for_line(str(shares[-1]))
        assert [share.id for share in watched_shares(watcher)] == shares
    finally:
        interrupt(watcher)
