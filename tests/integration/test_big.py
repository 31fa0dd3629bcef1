"""Big subjects: above fanout.push_limit followers a share is not pushed, and nobody notices."""
import contextlib
import itertools

import pytest

import feed_pb2 as pb
from harness import check_stored, jobs_done, wait_until

LIMIT = 3


@pytest.fixture
def start_pair(start_feedd, redis):
    """Two daemons on one store, with the same flags."""
    def start(*flags, partitions="1"):
        common = ("--redis-url", redis.url, "--fanout-push-limit", str(LIMIT), "--store-partitions", partitions,
                  "--fanout-claim-after-ms", "300", *flags)
        return start_feedd(*common, state="a"), start_feedd(*common, state="b")
    return start


def pushed(redis, reader):
    return {int(one) for key in redis.client().keys(f"timeline:*:{reader}") for one in redis.client().lrange(key, 0, -2)}


def crowd(count):
    return [f"crowd{number}" for number in range(count)]


@pytest.mark.ways("read", "live")
def test_a_share_of_a_big_subject_is_in_every_timeline_and_pushed_to_none(start_pair, redis):
    a, b = start_pair()
    with a.connect() as client, b.connect() as other:
        client.follow_many([("reader", "star"), ("reader", "small"), ("late", "small")])
        assert client.timeline_ids("reader") == client.timeline_ids("late") == []
        home = other.follow_stream(home="reader")
        shares = [client.share("star").id]
        client.follow_many([(one, "star") for one in crowd(LIMIT)])
        shares += [client.share(author).id for author in ["star", "small"] * 10]
        wait_until(lambda: jobs_done(redis.client()), what="the end of all pushes")
        assert pushed(redis, "reader") == {shares[0], *shares[2::2]} and pushed(redis, "late") == set(shares[2::2])
        for one in (client, other):
            assert one.timeline_ids("reader") == shares[::-1]
            assert one.timeline_ids("star") == shares[1::2][::-1] + shares[:1], "its own timeline"
        home.wait_for_share(shares[-1])
        assert home.ids == shares
        client.follow("late", "star")
        assert client.timeline_ids("late") == shares[::-1], "also of one who follows later"
        gone = shares[5]
        client.delete("star", gone)
        client.unfollow("late", "star")
        assert client.timeline_ids("late") == shares[2::2][::-1]
        wait_until(lambda: gone not in other.timeline_ids("reader"), what="the deletion")
        assert other.timeline_ids("reader") == [one for one in shares[::-1] if one != gone]


def test_a_daemon_that_starts_knows_what_was_not_pushed_long_before(start_pair):
    a, b = start_pair("--cache-ring-bytes", "1048576", partitions="4")
    with a.connect() as client:
        client.follow_many([(reader, "star") for reader in ["reader", "old", *crowd(LIMIT)]])
        for reader in ("reader", "old"):
            assert client.timeline_ids(reader) == []
        token = client.follow_stream(home="reader").token
        shares = client.share_many("star", 30)
        shares += client.share_patiently("star", 150, comment="😀" * 2000)
        assert client.timeline_ids("reader", 200) == shares[::-1]
    b.kill()
    with b.restart().connect() as client:
        assert client.timeline_ids("old", 200) == shares[::-1]
        home = client.resume(token, len(shares), home="reader")
        assert (home.ids, home.gaps) == (shares, [])


@pytest.mark.parametrize("limit", [3, 20, 200])
def test_pages_go_on_beyond_the_cap_whether_shares_were_pushed_or_not(start_pair, limit):
    a, b = start_pair("--timeline-cap", "20", "--timeline-slack", "5", "--profile-cap", "60")
    with a.connect() as client, b.connect() as other:
        client.follow_many([("reader", author) for author in ("star", "small", "giant")])
        assert client.timeline_ids("reader") == []
        client.follow_many([(one, "giant") for one in crowd(LIMIT)])
        shares = []
        for size in (LIMIT, 0, LIMIT):
            for one in crowd(LIMIT):
                (client.follow if size else client.unfollow)(one, "star")
            shares += [client.share(author).id for author in ["star", "small", "giant"] * 6]
        for one in (client, other):
            shares_found, end = one.whole_timeline("reader", limit)
            assert ([share.id for share in shares_found], end) == (shares[::-1], pb.END)


def test_one_who_follows_many_big_subjects_sees_all_of_them(start_pair):
    a, _ = start_pair("--timeline-cap", "50")
    stars = [f"star{number}" for number in range(150)]
    with a.connect() as client:
        client.follow_many([(reader, star) for reader in ["reader", *crowd(LIMIT)] for star in stars])
        assert client.timeline_ids("reader") == []
        shares = [reply.id for reply in client.call_all([pb.ShareRequest(author=star, url="http://example.org/")
                                                         for star in stars * 2])]
        assert client.timeline_ids("reader", 30) == sorted(shares, reverse=True)


@pytest.mark.ways("read", "live", "resumed")
@pytest.mark.parametrize("partitions", ["1", "4"])
def test_crossing_the_limit_while_shares_flow_and_daemons_die_loses_and_doubles_nothing(start_pair, redis, partitions):
    a, b = start_pair(partitions=partitions)
    readers = ["steady", "absent", "never"]  # who reads now and then, is away, has never read
    with a.connect() as client, contextlib.ExitStack() as connections:
        client.follow_many([(reader, "star") for reader in readers])
        for reader in readers[:2]:
            assert client.timeline_ids(reader) == []
        home, token = client.follow_stream(home="steady"), client.follow_stream(home="absent").token
        shares = []
        for step in range(8):
            change = pb.FollowRequest if step % 2 == 0 else pb.UnfollowRequest
            other = connections.enter_context(b.connect())
            shares += client.share_many("star", 2)
            flow = other.send_all([pb.ShareRequest(author="star", url="http://example.org/", idempotency_key=f"{step} {number}")
                                   for number in range(30)])
            for one in crowd(LIMIT):
                client.call(change(reader=one, subject="star"))
            if step % 3 == 2:
                b.kill()
                b = b.restart()
                other = connections.enter_context(b.connect())
                flow = other.send_all([pb.ShareRequest(author="star", url="http://example.org/",
                                                       idempotency_key=f"{step} {number}") for number in range(30)])
            shares += [other.reply_to(request).id for request in flow]
            assert other.timeline_ids("steady", 200) == shares[::-1]
        wait_until(lambda: jobs_done(redis.client()), what="the end of all pushes")
        unpushed = set(shares) - pushed(redis, "steady")
        assert 0 < len(unpushed) < len(shares), "the limit was crossed"
        check_stored(redis.client(), "steady", [one for one in shares if one not in unpushed])
        for one, reader in itertools.product((client, other), readers):
            wait_until(lambda: one.timeline_ids(reader, 200) == shares[::-1], what="the same from everybody")
        home.wait_for_share(shares[-1])
        assert home.ids == shares
        resumed = other.resume(token, len(shares), home="absent")
        assert (resumed.ids, resumed.gaps) == (shares, [])


def test_a_share_that_is_repeated_stays_what_it_was(start_pair, redis):
    a, _ = start_pair()
    request = pb.ShareRequest(author="star", url="http://example.org/", idempotency_key="key")
    with a.connect() as client:
        client.follow("reader", "star")
        assert client.timeline_ids("reader") == []
        share = client.call(request).id
        client.follow_many([(one, "star") for one in crowd(LIMIT)])
        again = client.call(request)
        assert (again.id, again.repeated) == (share, True)
        wait_until(lambda: jobs_done(redis.client()), what="the push")
        assert pushed(redis, "reader") == {share} and not redis.client().exists("big:{0}")
        assert client.timeline_ids("reader") == [share]
