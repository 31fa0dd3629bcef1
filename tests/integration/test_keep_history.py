"""Unfollowing, and what stays of a subject then: nothing, or with keep_history what was there; on reads, live, and resumed."""
import contextlib

import pytest

import feed_pb2 as pb
from feed_client import FeedError
from harness import jobs_done, wait_until


def newest_first(*shares):
    return sorted(shares, reverse=True)


@pytest.fixture
def people(client, name):
    """A reader who follows two, has read its timeline, and what these have shared: a before and after b's."""
    reader, a, b = name("reader"), name("a"), name("b")
    client.follow_many([(reader, a), (reader, b)])
    assert client.timeline_ids(reader) == []
    return reader, a, b, [client.share(author).id for author in (a, b, a)]


@pytest.mark.ways("read", "live")
def test_what_was_there_stays_and_nothing_comes_any_more(client, connect, people):
    reader, a, b, shares = people
    home = connect().follow_stream(home=reader)
    reply = client.unfollow(reader, a, keep_history=True)
    assert reply.position and not reply.repeated
    later = [client.share(author).id for author in (a, b)]
    assert client.following(reader) == [b]
    assert client.timeline_ids(reader) == newest_first(*shares, later[1])
    home.wait_for_share(later[1])
    assert home.ids == [later[1]]
    assert client.unfollow(reader, a, keep_history=True).repeated
    assert client.timeline_ids(reader) == newest_first(*shares, later[1])


@pytest.mark.ways("read", "resumed")
def test_without_keep_history_nothing_of_it_is_seen_any_more_also_of_what_was_kept(client, connect, people):
    reader, a, b, shares = people
    token = connect().follow_stream(home=reader).token
    client.unfollow(reader, a, keep_history=True)
    reply = client.unfollow(reader, a)
    assert not reply.repeated, "something was kept"
    assert client.timeline_ids(reader) == [shares[1]]
    last = client.share(b).id
    home = connect().follow_stream(home=reader, token=token)
    home.wait_for_share(last)
    assert home.ids == [last]
    assert client.unfollow(reader, a).repeated
    assert client.unfollow(reader, a, keep_history=True).repeated, "there is nothing to keep of one who is not followed"
    assert client.timeline_ids(reader) == [last, shares[1]]


@pytest.mark.ways("resumed")
def test_a_stream_that_resumes_brings_what_was_kept_and_nothing_later(client, connect, people):
    reader, a, b, _ = people
    token = connect().follow_stream(home=reader).token
    missed = [client.share(author).id for author in (a, b, a)]
    client.unfollow(reader, a, keep_history=True)
    client.share(a)
    missed.append(client.share(b).id)
    home = connect().resume(token, len(missed), home=reader)
    assert sorted(home.ids) == sorted(missed)


@pytest.mark.ways("read", "live", "resumed")
def test_a_kept_share_that_is_deleted_is_gone_from_reads_and_told_to_streams(client, connect, people):
    reader, a, b, shares = people
    home, token = connect().follow_stream(home=reader), connect().follow_stream(home=reader).token
    client.unfollow(reader, a, keep_history=True)
    later = client.share(a).id
    client.delete(a, later)
    client.delete(a, shares[0])
    last = client.share(b).id
    home.wait_for_share(last)
    assert (home.ids, home.deleted) == ([last], [shares[0]])
    assert client.timeline_ids(reader) == newest_first(last, *shares[1:])
    resumed = connect().resume(token, 1, 1, home=reader)
    assert (resumed.ids, resumed.deleted) == ([last], [shares[0]])


def test_following_again_shows_everything_and_ends_what_was_kept(client, people):
    reader, a, b, shares = people
    client.unfollow(reader, a, keep_history=True)
    between = client.share(a).id
    client.follow(reader, a)
    assert client.timeline_ids(reader) == newest_first(*shares, between)
    client.unfollow(reader, a)
    assert client.timeline_ids(reader) == [shares[1]]


def test_the_history_of_no_more_than_max_following_is_kept(start_feedd):
    with start_feedd("--limits-max-following", "2").connect() as client:
        for number in range(3):
            subject = f"s{number}"
            client.follow("reader", subject)
            client.share(subject)
            if number < 2:
                client.unfollow("reader", subject, keep_history=True)
        error = client.refusal(pb.UnfollowRequest(reader="reader", subject="s2", keep_history=True))
        assert (error.code, error.field, error.limit) == ("LIMIT_EXCEEDED", "max_following", 2)
        assert client.following("reader") == ["s2"] and len(client.timeline_ids("reader")) == 3
        client.unfollow("reader", "s2")
        assert len(client.timeline_ids("reader")) == 2


@pytest.mark.parametrize("push_limit", ["1", "1000"])
@pytest.mark.parametrize("partitions", ["1", "4"])
def test_what_is_kept_outlives_rebuilding_paging_restarts_and_a_small_ring(start_feedd, redis, push_limit, partitions):
    flags = ("--redis-url", redis.url, "--timeline-cap", "20", "--timeline-slack", "5", "--profile-cap", "100", "--store-partitions",
             partitions, "--fanout-push-limit", push_limit, "--cache-ring-bytes", "1048576")
    daemon = start_feedd(*flags)
    with daemon.connect() as client:
        client.follow_many([(reader, author) for reader in ("reader", "other") for author in "abc"])
        token = client.follow_stream(home="reader").token
        assert client.timeline_ids("reader") == []
        shares = [client.share(author).id for author in "abc" * 15]
        client.unfollow("reader", "a", keep_history=True)
        client.unfollow("reader", "b")
        shares = shares[0::3] + shares[2::3]
        for author in "abc" * 5:
            share = client.share(author).id
            shares += [share] if author == "c" else []
        for limit in (3, 200):
            assert client.timeline_ids("reader", limit) == newest_first(*shares)
        redis.client().delete(*redis.client().keys("timeline:*:reader"))
    daemon.kill()
    with daemon.restart().connect() as client:
        for limit in (3, 200):
            found, end = client.whole_timeline("reader", limit)
            assert ([share.id for share in found], end) == (newest_first(*shares), pb.END)
        resumed = client.resume(token, len(shares), home="reader")
        assert sorted(resumed.ids) == sorted(shares) and not resumed.gaps


@pytest.mark.parametrize("keep", [True, False])
def test_unfollowing_while_shares_flow_and_daemons_die_means_the_same_to_everybody(start_feedd, redis, keep):
    """Every daemon, every read and every resumed stream agree about which share was the last one to be kept."""
    flags = ("--redis-url", redis.url, "--fanout-claim-after-ms", "300")
    a, b = (start_feedd(*flags, state=state) for state in "ab")
    with a.connect() as client, contextlib.ExitStack() as connections:
        for step in range(6):
            reader, author = f"reader{step}", f"author{step}"
            client.follow(reader, author)
            assert client.timeline_ids(reader) == []
            token = client.follow_stream(home=reader).token
            known = [client.share(author).id for _ in range(5)]
            other = connections.enter_context(b.connect())
            other.send_all([pb.UnfollowRequest(reader=reader, subject=author, keep_history=keep)])
            client.send_all([pb.ShareRequest(author=author, url="http://example.org/")] * 20)
            if step % 2 == 0:
                b.kill()
                b = b.restart()
                other = connections.enter_context(b.connect())
            other.unfollow(reader, author, keep_history=keep)
            wait_until(lambda: jobs_done(redis.client()), what="the end of all jobs")
            kept = other.timeline_ids(reader, 200)
            assert kept[-5:] == known[::-1] if keep else kept == []
            assert kept == [one for one in client.profile_ids(author, 200) if keep and one <= max(kept)]
            wait_until(lambda: client.timeline_ids(reader, 200) == kept, what="the same from the other daemon")
            with contextlib.suppress(FeedError):
                client.unfollow(reader, author, keep_history=keep)
            assert sorted(other.resume(token, len(kept), home=reader).ids, reverse=True) == kept
            key = redis.client().keys(f"timeline:*:{reader}")
            redis.client().delete(*key or ["-"])
            b.kill()
            b = b.restart()
            with b.connect() as fresh:
                assert fresh.timeline_ids(reader, 200) == kept
