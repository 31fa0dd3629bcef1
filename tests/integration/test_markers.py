"""Read markers: how far a reader has read, what is unread, and that all of the reader's connections know."""
import pytest

import feed_pb2 as pb
from feed_client import Disconnected, FeedError
from harness import wait_until

BIG = "🙂" * 1990  # 7,960 bytes: 150 of them leave a ring of a megabyte
SMALL_RING = ("--cache-ring-bytes", "1048576")


def wait_marker(stream, *marker):
    stream.client.wait(lambda: stream.markers and stream.markers[-1] == marker, f"the marker {marker}")


# --------------------------------------------------------------------------------------------------------------- reads

@pytest.mark.ways("read")
def test_a_marker_only_moves_forward_and_the_highest_one_holds(client, name):
    client.follow(name("rita"), name("sam"))
    ids = client.share_many(name("sam"), 3)
    assert client.unread(name("rita")) == (0, 3, False)
    reply = client.mark_read(name("rita"), ids[1])
    assert (reply.repeated, reply.marker) == (False, ids[1]) and reply.position
    assert client.unread(name("rita")) == (ids[1], 1, False)
    for earlier in (ids[1], ids[0]):
        reply = client.mark_read(name("rita"), earlier)
        assert (reply.repeated, reply.marker) == (True, ids[1])
    assert client.unread(name("rita")) == (ids[1], 1, False)
    client.call_all([pb.MarkReadRequest(reader=name("rita"), id=one) for one in (ids[2], ids[0])])
    assert client.unread(name("rita")) == (ids[2], 0, False)


@pytest.mark.ways("read")
def test_what_does_not_show_in_the_timeline_is_not_unread_and_neither_are_ones_own_shares(client, name):
    rita, sam, tom = name("rita"), name("sam"), name("tom")
    client.follow_many([(rita, sam), (rita, tom)])
    client.mark_read(rita, client.share(sam).id)
    deleted = client.share(sam).id
    client.share(tom)
    client.share(rita)
    client.share(sam)
    assert client.unread(rita)[1:] == (3, False)
    client.delete(sam, deleted)
    assert client.unread(rita)[1:] == (2, False)
    client.unfollow(rita, tom)
    assert client.unread(rita)[1:] == (1, False)
    client.follow(rita, tom)
    assert client.unread(rita)[1:] == (2, False)


def test_the_count_is_exact_up_to_the_cap_of_the_timeline_and_says_when_there_may_be_more(start_feedd):
    daemon = start_feedd("--timeline-cap", "20", "--timeline-slack", "1")
    with daemon.connect() as client:
        client.follow("rita", "sam")
        ids = client.share_many("sam", 30)
        wait_until(lambda: client.unread("rita") == (0, 20, True), what="a full timeline")
        client.mark_read("rita", ids[8])
        assert client.unread("rita") == (ids[8], 20, True)
        client.mark_read("rita", ids[10])
        assert client.unread("rita") == (ids[10], 19, False), "all above the marker is held"
        client.mark_read("rita", ids[25])
        assert client.unread("rita") == (ids[25], 4, False)


@pytest.mark.parametrize("share_id", [0, 1 << 53, (1 << 53) - 64, (1 << 64) - 1, 63])
def test_an_id_of_nothing_that_there_is_is_refused_by_its_field(client, name, share_id):
    error = client.refusal(pb.MarkReadRequest(reader=name("rita"), id=share_id))
    assert (error.code, error.field) == ("INVALID", "id")
    assert client.refusal(pb.MarkReadRequest(reader="", id=1 << 20)).field == "reader"
    assert client.refusal(pb.GetUnreadRequest()).field == "reader"
    assert client.unread(name("rita")) == (0, 0, False)


# ---------------------------------------------------------------------------------------------------------------- live

@pytest.mark.ways("live")
def test_every_connection_of_the_reader_on_every_daemon_is_told_and_nobody_else(start_feedd, redis):
    daemons = [start_feedd("--redis-url", redis.url, state=state) for state in ("one", "two")]
    with daemons[0].connect() as client, daemons[0].connect() as same, daemons[1].connect() as other:
        client.follow_many([("rita", "sam"), ("ruth", "sam"), ("ruth", "rita")])
        streams = [connection.follow_stream(home="rita") for connection in (client, same, other)]
        strangers = [other.follow_stream(home="ruth"), other.follow_stream(profile="rita")]
        ids = client.share_many("sam", 3)
        client.mark_read("rita", ids[0])
        for stream in streams:
            wait_marker(stream, ids[0], 2, False)
        other.mark_read("rita", ids[2])
        for stream in streams:
            wait_marker(stream, ids[2], 0, False)
            assert [marker for marker, *_ in stream.markers] == [ids[0], ids[2]], "each move once, in order"
        other.mark_read("rita", ids[1])
        other.mark_read("ruth", ids[1])
        wait_marker(strangers[0], ids[1], 1, False)
        for stream in streams:
            stream.client.ping()
            assert len(stream.markers) == 2, "one that does not move is not told"
        assert strangers[1].markers == [] and len(strangers[0].markers) == 1


@pytest.mark.ways("live")
def test_many_moves_at_once_end_with_the_last(client, connect, name):
    client.follow(name("rita"), name("sam"))
    ids = client.share_many(name("sam"), 60)
    stream = connect().follow_stream(home=name("rita"))
    client.call_all([pb.MarkReadRequest(reader=name("rita"), id=one) for one in ids[::2] + ids[1::2]])
    wait_marker(stream, ids[-1], 0, False)
    markers = [marker for marker, *_ in stream.markers]
    assert markers == sorted(markers)


# ------------------------------------------------------------------------------------------------------------- resumed

@pytest.mark.ways("resumed")
@pytest.mark.parametrize("flags, shares", [((), 3), (SMALL_RING, 200)], ids=["out-of-the-ring", "out-of-the-store"])
def test_a_stream_that_resumes_is_told_of_a_marker_that_moved_meanwhile(start_feedd, flags, shares):
    daemon = start_feedd(*flags)
    with daemon.connect() as client, daemon.connect() as away:
        client.follow("rita", "sam")
        token = away.follow_stream(home="rita").token
        away.close()
        ids = client.share_patiently("sam", shares, comment=BIG)
        client.mark_read("rita", ids[-3])
        stream = client.resume(token, shares, home="rita")
        wait_marker(stream, ids[-3], 2, False)
        kinds = [kind for kind, _ in stream.events]
        assert kinds.index("caught_up") < kinds.index("read_marker")
        again = client.follow_stream(home="rita", token=stream.token)
        client.mark_read("rita", ids[-1])
        wait_marker(again, ids[-1], 0, False)


def test_a_stream_that_resumes_after_the_marker_moved_is_not_told_again(client, connect, name):
    client.follow(name("rita"), name("sam"))
    share = client.share(name("sam")).id
    client.mark_read(name("rita"), share)
    token = connect().follow_stream(home=name("rita")).token
    stream = connect().follow_stream(home=name("rita"), token=token)
    client.share(name("sam"))
    stream.wait_for_count(1)
    assert stream.markers == []


@pytest.mark.ways("resumed")
def test_a_marker_that_was_acknowledged_survives_the_daemon_whenever_it_is_killed(start_feedd, redis):
    """Marks flow without a pause; what was acknowledged last holds afterwards, and a stream that resumes is told."""
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client:
        client.follow("rita", "sam")
        ids = client.share_many("sam", 700)
    for kill in range(3):
        with daemon.connect() as client, daemon.connect() as watcher:
            token = watcher.follow_stream(home="rita").token
            before = client.unread("rita")[0]
            coming = [one for one in ids if one > before][:200]
            sent = client.send_all([pb.MarkReadRequest(reader="rita", id=one) for one in coming])
            last = client.reply_to(sent[20]).marker
            daemon.kill()
            try:
                last = max(last, *(client.reply_to(one).marker for one in sent[21:]))
            except (Disconnected, FeedError):
                pass
        daemon = daemon.restart()
        with daemon.connect() as client:
            marker, unread, more = client.unread("rita")
            assert marker >= last and not more
            assert unread == sum(one > marker for one in ids)
            wait_marker(client.follow_stream(home="rita", token=token), marker, unread, False)
