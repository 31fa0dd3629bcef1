"""Edits of shares: as they are read, as they stream, and as they are caught up with."""
import pytest

import feed_pb2 as pb
from harness import wait_until

BIG = "🙂" * 1990  # 7,960 bytes: 150 of them leave a ring of a megabyte
SMALL_RING = ("--cache-ring-bytes", "1048576")


def words(share):
    return share.title, share.extract, share.comment


@pytest.mark.ways("read")
def test_an_edit_is_seen_by_every_read_at_once_and_keeps_all_else(client, name):
    client.follow(name("rita"), name("alice"))
    share = client.share(name("alice"), "http://example.org/a", title="T", extract="E", comment="C",
                         image_url="http://example.org/i").id
    before, first = client.get(share), client.timeline(name("rita")).shares[0]
    assert first.id == share and not before.edited_at_ms
    comment = client.comment(name("bob"), share)
    assert not client.edit(name("alice"), share, title="T2", comment="C2").repeated
    for found in (client.get(share), client.timeline(name("rita")).shares[0], client.profile(name("alice")).shares[0]):
        assert words(found) == ("T2", "", "C2")
        assert (found.id, found.url, found.image_url, found.created_at_ms) == (
            share, "http://example.org/a", "http://example.org/i", before.created_at_ms)
        assert found.edited_at_ms >= before.created_at_ms and found.comment_count == 1
    assert [one.id for one in client.dialogue(share)] == [comment]


def test_what_says_so_already_is_no_edit(client, name):
    share = client.share(name("alice"), title="T", extract="x " * 300).id
    extract = client.get(share).extract
    assert client.edit(name("alice"), share, title="T", extract="x " * 300).repeated
    assert not client.get(share).edited_at_ms
    assert not client.edit(name("alice"), share, title="U", extract=extract).repeated
    edited_at = client.get(share).edited_at_ms
    assert client.edit(name("alice"), share, title="U", extract=extract).repeated
    assert client.get(share).edited_at_ms == edited_at


def test_what_cannot_be_edited_is_refused_by_name(client, name):
    share = client.share(name("alice")).id

    def refusal(**fields):
        error = client.refusal(pb.EditShareRequest(**{"author": name("alice"), "id": share, **fields}))
        return error.code, error.field
    assert refusal(author="") == ("INVALID", "author")
    assert refusal(id=0) == ("INVALID", "id")
    assert refusal(title="x" * 301) == ("INVALID", "title")
    assert refusal(comment="x" * 2001) == ("INVALID", "comment")
    assert refusal(author=name("bob")) == ("FORBIDDEN", "")
    assert refusal(id=6400) == ("NOT_FOUND", "")
    client.delete(name("alice"), share)
    assert refusal() == ("NOT_FOUND", "")


def test_a_share_is_edited_only_for_a_while(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--share-edit-window-s", "1")
    with daemon.connect() as client:
        share = client.share("alice").id
        client.edit("alice", share, title="T")

        def too_late():
            error = client.call_all([pb.EditShareRequest(author="alice", id=share, title=f"T{client.new_id()}")])[0]
            return error if not isinstance(error, pb.EditShareReply) else None
        error = wait_until(too_late, what="the end of the window")
        assert (error.code, error.field, error.limit) == ("LIMIT_EXCEEDED", "edit_window_s", 1)
        assert client.edit("alice", share, title=client.get(share).title).repeated
    daemon.stop()
    with start_feedd("--redis-url", redis.url, "--share-edit-window-s", "0", state="other").connect() as client:
        share = client.share("alice").id
        error = client.refusal(pb.EditShareRequest(author="alice", id=share, title="never"))
        assert (error.code, error.field, error.limit) == ("LIMIT_EXCEEDED", "edit_window_s", 0)


@pytest.mark.ways("live")
def test_home_and_profile_are_told_of_an_edit_and_dialogues_are_not(client, connect, name):
    client.follow(name("rita"), name("alice"))
    share = client.share(name("alice"), comment="C").id
    watcher = connect()
    home, profile, dialogue = (watcher.follow_stream(**stream) for stream in
                               ({"home": name("rita")}, {"profile": name("alice")}, {"dialogue": share}))
    position = client.edit(name("alice"), share, comment="C2").position
    comment = client.comment(name("bob"), share)
    watcher.wait(lambda: home.of_kind("edited") and profile.of_kind("edited") and dialogue.comments, "the edit")
    for stream in home, profile:
        event, = stream.of_kind("edited")
        assert (event.id, event.share.id, event.share.author, event.share.comment) == (position, share, name("alice"), "C2")
        assert event.share.edited_at_ms
    assert not dialogue.of_kind("edited") and dialogue.comments == [comment]


def test_another_daemon_reads_what_was_edited(start_feedd, redis):
    one, other = (start_feedd("--redis-url", redis.url, state=state) for state in ("one", "other"))
    with one.connect() as client, other.connect() as elsewhere:
        elsewhere.follow("rita", "alice")
        share = client.share("alice", comment="C").id
        wait_until(lambda: elsewhere.timeline("rita").shares, what="the share")
        for number in range(5):
            client.edit("alice", share, comment=f"C{number}")
        wait_until(lambda: elsewhere.get(share).comment == "C4", what="the last edit")
        assert elsewhere.timeline("rita").shares[0].comment == "C4"


@pytest.mark.ways("resumed")
@pytest.mark.parametrize("flags", [(), SMALL_RING, (*SMALL_RING, "--store-partitions", "4")],
                         ids=["out-of-the-ring", "out-of-the-store", "out-of-a-store-of-four-partitions"])
def test_who_comes_back_hears_of_edits(start_feedd, flags):
    daemon = start_feedd(*flags)
    with daemon.connect() as client:
        client.follow("rita", "alice")
        seen, gone = client.share("alice", comment="C").id, client.share("alice").id
        tokens = {stream: client.follow_stream(**dict([stream])).token for stream in (("home", "rita"), ("profile", "alice"))}
        missed = client.share("alice", comment="D").id
        client.edit("alice", seen, comment="C1")
        client.edit("alice", gone, comment="G1")
        client.edit("alice", missed, comment="D1")
        client.edit("alice", seen, comment="C2")
        client.delete("alice", gone)
        if flags:
            client.share_patiently("zoe", 150, comment=BIG)
    with daemon.connect() as client:
        for stream, token in tokens.items():
            stream = client.follow_stream(token=token, **dict([stream]))
            stream.wait_for_deletion(gone)
            assert [(one.id, one.comment) for one in stream.shares] == [(missed, "D1")]
            edits = {event.share.id: event.share.comment for event in stream.of_kind("edited")}
            assert edits[seen] == "C2" and gone not in edits and edits.get(missed, "D1") == "D1"
            assert stream.deleted == [gone] and not stream.gaps


def test_an_edit_that_redis_lost_is_not_read_any_more(start_feedd, start_redis):
    redis = start_redis("--appendfsync", "always")
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client:
        share = client.share("alice", comment="C").id
        size = (redis.directory / "appendonlydir" / "appendonly.aof.1.incr.aof").stat().st_size
        client.edit("alice", share, comment="lost")
        redis.kill()
        with open(redis.directory / "appendonlydir" / "appendonly.aof.1.incr.aof", "r+b") as file:
            file.truncate(size)
        redis = redis.restart()

        def reads():
            reply = client.call_all([pb.GetShareRequest(id=share)])[0]
            return isinstance(reply, pb.GetShareReply) and reply.share.comment == "C"
        wait_until(reads, what="the share as it was")
