"""Every interleaving that the design names, step by step.

Two daemons share one store. The first works through a proxy that holds it before each of its Redis commands in turn;
during the pause the second does something else to the same people. In the end everything must be as if they had taken
turns.
"""
import itertools
import threading

import pytest

import feed_pb2 as pb
from harness import check_stored, jobs_done, wait_until
from redis_proxy import RedisProxy



class Pair:
    """Two daemons, each behind a proxy; a connection to each; a client of their Redis. `worker`, "a" or "b" or "ab",
    carries out the jobs (pushes, the second halves of follows): the other one's XREADGROUP is withheld."""

    def __init__(self, start_feedd, redis, workdir, worker, flags):
        self.worker = worker
        self.proxies = [RedisProxy(workdir / f"{name}.sock", redis.socket_path,
                                   withheld=() if name in worker else (b"XREADGROUP",)) for name in "ab"]
        self.daemons = [start_feedd("--redis-url", proxy.url, "--redis-timeout-ms", "20000", *flags, state=name)
                        for name, proxy in zip("ab", self.proxies)]
        self.a, self.b = (daemon.connect() for daemon in self.daemons)
        self.proxy = self.proxies[0]
        self.store = redis.client()

    def close(self):
        for connection, proxy, daemon in zip((self.a, self.b), self.proxies, self.daemons):
            connection.close()
            proxy.release_all()
            daemon.finish()
            proxy.close()

    def settle(self):
        wait_until(lambda: jobs_done(self.store), what="the end of all jobs")

    def interrupt(self, interruption, step):
        """Runs what happens during the pause of a, to its very end where a is not needed for that."""
        result = interruption(step)
        if self.worker == "b":
            self.settle()
        return result

    def at_every_step(self, prepare, request, interrupt, check):
        """Sends `request(round)` to a; holds a before its n-th Redis command, n = 0, 1, 2, …; meanwhile runs
        `interrupt(round)`; then a goes on. Ends after the first round that needed no more than n commands. `prepare`
        and `check` get the number of the round too, and `check` the reply and what interrupt() returned."""
        for step in itertools.count():
            prepare(step)
            self.settle()
            self.proxy.hold_after(step)
            waiting = self.a.send(request(step))
            wait_until(lambda: self.proxy.stopped or (self.a.answered(waiting) and jobs_done(self.store)))
            result = self.interrupt(interrupt, step)
            held = self.proxy.release()
            reply = self.a.reply_to(waiting)
            self.settle()
            check(step, reply, result)
            if not held:
                assert step >= (3 if "a" in self.worker else 1), "hardly interleaved at all"
                return


@pytest.fixture
def pair_with(start_feedd, redis, workdir):
    pairs = []

    def start(*flags, worker):
        pairs.append(Pair(start_feedd, redis, workdir, worker, flags))
        return pairs[-1]
    yield start
    for pair in pairs:
        pair.close()


def ids(page):
    return [share.id for share in page.shares]


def newest_first(shares):
    return sorted(shares, reverse=True)


class Cast:
    """A reader and an author for each round."""

    @staticmethod
    def reader(step):
        return f"reader{step}"

    @staticmethod
    def author(step):
        return f"author{step}"

    @classmethod
    def follow(cls, step):
        return pb.FollowRequest(reader=cls.reader(step), subject=cls.author(step))

    @classmethod
    def unfollow(cls, step):
        return pb.UnfollowRequest(reader=cls.reader(step), subject=cls.author(step))

    @classmethod
    def share(cls, step):
        return pb.ShareRequest(author=cls.author(step), url="http://example.org/")

    @classmethod
    def read(cls, step):
        return pb.GetTimelineRequest(reader=cls.reader(step), limit=200)


def check_agreement(pair, step):
    """Following set, followers and timeline say the same, at both daemons. Returns whether the author is followed."""
    pair.settle()
    followed = pair.a.following(Cast.reader(step)) == [Cast.author(step)]
    shares = pair.a.profile_ids(Cast.author(step)) if followed else []
    assert (pair.a.followers(Cast.author(step)) == [Cast.reader(step)]) == followed
    check_reads(pair, Cast.reader(step), shares)
    check_stored(pair.store, Cast.reader(step), shares)
    return followed


def check_reads(pair, reader, expected, limit=200):
    """Both daemons show exactly this. Each sees what it was told itself at once, what the other was told soon."""
    for client in (pair.a, pair.b):
        wait_until(lambda: client.timeline_ids(reader, limit) == expected,
                   what=lambda: f"{expected} to be read, not {client.timeline_ids(reader, limit)}")


# ----------------------------------------------------------------------------------------------- rebuild and timelines

@pytest.mark.parametrize("worker", ["a", "b"])
@pytest.mark.parametrize("partitions", ["1", "4"])
def test_a_rebuild_misses_no_share_made_at_any_of_its_steps(pair_with, partitions, worker):
    pair = pair_with("--store-partitions", partitions, worker=worker)

    def prepare(step):
        pair.b.call(Cast.follow(step))
        pair.b.share_many(Cast.author(step), 5)

    def interrupt(step):
        return pair.b.call(Cast.share(step)).id

    def check(step, page, shared):
        expected = pair.b.profile_ids(Cast.author(step))
        assert ids(page) in (expected, [share for share in expected if share != shared])
        check_reads(pair, Cast.reader(step), expected)
        pair.b.call(Cast.share(step))
        assert check_agreement(pair, step)

    pair.at_every_step(prepare, Cast.read, interrupt, check)


@pytest.mark.parametrize("worker", ["a", "b"])
def test_a_timeline_dropped_at_any_step_of_a_read_is_built_again(pair_with, worker):
    pair = pair_with(worker=worker)

    def prepare(step):
        pair.b.call(Cast.follow(step))
        pair.b.share_many(Cast.author(step), 5)

    def interrupt(step):
        pair.store.delete(*pair.store.keys(f"timeline:*:{Cast.reader(step)}") or ["none"])
        return pair.b.call(Cast.share(step)).id

    def check(step, page, shared):
        expected = pair.b.profile_ids(Cast.author(step))
        assert ids(page) in (expected, [share for share in expected if share != shared])
        assert check_agreement(pair, step)

    pair.at_every_step(prepare, Cast.read, interrupt, check)


def test_a_share_reaches_a_timeline_built_at_any_of_its_steps(pair_with):
    pair = pair_with(worker="a")

    def prepare(step):
        pair.b.call(Cast.follow(step))

    def interrupt(step):
        pair.b.call(Cast.read(step))

    def check(step, reply, _):
        assert pair.b.timeline_ids(Cast.reader(step)) == [reply.id]
        assert check_agreement(pair, step)

    pair.at_every_step(prepare, Cast.share, interrupt, check)


def test_timelines_dropped_while_shares_pour_in_are_whole_in_the_end(pair_with):
    pair = pair_with(worker="a")
    pair.b.follow_many([("reader", "author1"), ("reader", "author2")])
    publishers = [daemon.connect() for daemon in pair.daemons]
    shared, failures = [], []

    def publish(client, author):
        try:
            for _ in range(30):
                shared.extend(client.share_many(author, 5))
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=publish, args=(client, f"author{number}"))
               for number, client in enumerate(publishers, 1)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        pair.store.delete("timeline:{0}:reader")
        for client in (pair.a, pair.b):
            seen = client.timeline_ids("reader", 200)
            assert seen == newest_first(set(seen)), "doubled or out of order"
    for thread, client in zip(threads, publishers):
        thread.join()
        client.close()
    assert not failures
    pair.settle()
    check_reads(pair, "reader", newest_first(shared))
    check_stored(pair.store, "reader", shared)


def test_trimming_against_late_pushes_keeps_the_newest(pair_with):
    """Both daemons push here, and the held one comes late with its pushes: the list is out of order when it is cut."""
    pair = pair_with("--timeline-cap", "5", "--timeline-slack", "2", worker="ab")

    def prepare(step):
        pair.b.call(Cast.follow(step))
        pair.b.call(Cast.read(step))
        pair.b.share_many(Cast.author(step), 7)

    def interrupt(step):
        shares = {str(pair.b.call(Cast.share(step)).id) for _ in range(4)}  # one of them, at most, is given to a
        key = f"timeline:{{0}}:{Cast.reader(step)}"
        wait_until(lambda: shares & set(pair.store.lrange(key, 0, -1)), what="a push by b")

    def check_newest(step):
        expected = pair.b.profile_ids(Cast.author(step))
        check_reads(pair, Cast.reader(step), expected, limit=3)
        pair.settle()
        check_stored(pair.store, Cast.reader(step), expected[:5])

    def check(step, *_):
        check_newest(step)
        for _ in range(4):
            pair.b.call(Cast.share(step))
            check_newest(step)

    pair.at_every_step(prepare, Cast.share, interrupt, check)


# ------------------------------------------------------------------------------------------ follow, unfollow and share

@pytest.mark.parametrize("partitions, worker", [("1", "a"), ("4", "a"), ("4", "b")])
@pytest.mark.parametrize("built", [True, False], ids=["timeline", "no-timeline"])
@pytest.mark.parametrize("request_, interruption, followed_before, followed_after", [
    (Cast.follow, Cast.share, False, True),
    (Cast.share, Cast.follow, False, True),
    (Cast.unfollow, Cast.share, True, False),
    (Cast.share, Cast.unfollow, True, False),
], ids=["follow-share", "share-follow", "unfollow-share", "share-unfollow"])
def test_following_and_sharing_may_meet_at_any_step(pair_with, partitions, worker, built, request_, interruption,
                                                    followed_before, followed_after):
    pair = pair_with("--store-partitions", partitions, worker=worker)

    def prepare(step):
        pair.b.share_many(Cast.author(step), 3)
        if followed_before:
            pair.b.call(Cast.follow(step))
        if built:
            pair.b.call(Cast.read(step))

    def check(step, *_):
        assert check_agreement(pair, step) == followed_after
        pair.a.call(Cast.share(step))
        assert check_agreement(pair, step) == followed_after

    pair.at_every_step(prepare, request_, lambda step: pair.b.call(interruption(step)), check)


@pytest.mark.parametrize("partitions, worker", [("1", "a"), ("4", "a"), ("4", "b")])
@pytest.mark.parametrize("request_, interruption, before", [(Cast.follow, Cast.unfollow, Cast.unfollow),
                                                            (Cast.unfollow, Cast.follow, Cast.follow)],
                         ids=["follow-unfollow", "unfollow-follow"])
def test_following_and_unfollowing_may_meet_at_any_step(pair_with, partitions, worker, request_, interruption, before):
    pair = pair_with("--store-partitions", partitions, worker=worker)

    def prepare(step):
        pair.b.share_many(Cast.author(step), 3)
        pair.b.call(before(step))
        pair.b.call(Cast.read(step))

    def check(step, *_):
        check_agreement(pair, step)
        pair.a.call(Cast.share(step))
        check_agreement(pair, step)
        pair.b.call(request_(step))
        pair.settle()
        assert check_agreement(pair, step) == (request_ == Cast.follow)

    pair.at_every_step(prepare, request_, lambda step: pair.b.call(interruption(step)), check)


def test_fast_alternation_of_follow_and_unfollow_ends_as_the_last_one_says(pair_with):
    pair = pair_with("--store-partitions", "4", worker="a")
    for step, last in enumerate((Cast.follow, Cast.unfollow)):
        pair.b.share_many(Cast.author(step), 3)
        pair.b.call(Cast.read(step))
        for client in (pair.a, pair.b) * 10:
            for request in (Cast.follow, Cast.unfollow, Cast.follow, last):
                client.call(request(step))
        pair.settle()
        assert check_agreement(pair, step) == (last == Cast.follow)


def test_a_read_shows_the_writes_of_its_connection_however_far_the_tail_lags(pair_with):
    pair = pair_with(worker="")
    old = pair.a.call(Cast.share(0)).id
    assert pair.a.timeline_ids(Cast.reader(0)) == []

    def read_after(write):
        stop_tail(pair)
        reply = pair.a.call(write)
        read = pair.a.send(Cast.read(0))
        for _ in range(20):
            pair.a.ping()  # the read may be answered now, or wait for the tail
        pair.proxy.withhold(b"XREADGROUP")
        return reply, ids(pair.a.reply_to(read))

    assert read_after(Cast.follow(0))[1] == [old]
    reply, seen = read_after(Cast.share(0))
    assert seen == [reply.id, old]
    assert read_after(pb.DeleteShareRequest(author=Cast.author(0), id=old))[1] == [reply.id]
    assert read_after(Cast.unfollow(0))[1] == []


# ---------------------------------------------------------------------------------------------------------- subscribe

@pytest.mark.parametrize("partitions", ["1", "4"])
@pytest.mark.parametrize("resumed", [True, False], ids=["with-token", "without-token"])
def test_a_follow_at_any_step_of_a_subscribe_takes_effect(pair_with, partitions, resumed):
    pair = pair_with("--store-partitions", partitions, worker="b")
    tokens, backfilled = {}, {}

    def prepare(step):
        tokens[step] = pair.b.follow_stream(home=Cast.reader(step)).token if resumed else b""
        backfilled[step] = pair.b.share_many(Cast.author(step), 2)

    def interrupt(step):
        pair.b.call(Cast.follow(step))
        return pair.b.call(Cast.share(step)).id

    for step in itertools.count():
        prepare(step)
        pair.settle()
        pair.proxy.hold_after(step)
        home = pair.a.begin_subscribe(home=Cast.reader(step), token=tokens[step])
        wait_until(lambda: pair.proxy.stopped or pair.a.has_read(lambda: home.of_kind("caught_up")))
        during = pair.interrupt(interrupt, step)
        held = pair.proxy.release()
        home.wait_live()
        after = pair.b.call(Cast.share(step)).id
        home.wait_for_share(after)
        # A stream that resumes may also bring what the follow brought into the timeline, in its place and once.
        extra = [id_ for id_ in home.ids if id_ in backfilled[step]]
        assert extra in ([], backfilled[step]) and (resumed or not extra)
        expected = [during, after] if resumed or during in home.ids else [after]
        assert home.ids == extra + expected and home.gaps == []
        if not held:
            break
    assert step >= 1


def stop_tail(pair):
    """The tail of a stands still from here on: it learns nothing more of what is committed."""
    pair.proxy.withhold(b"XREAD", b"XREADGROUP")
    pair.b.share("somebody")  # ends the XREAD that is under way
    wait_until(lambda: b"XREAD" in pair.proxy.waiting, what="the next XREAD of a")


@pytest.mark.parametrize("resumed", [True, False], ids=["with-token", "without-token"])
def test_a_follow_that_the_tail_has_not_seen_yet_brings_no_shares_from_before_it(pair_with, resumed):
    """The tail of a stands still while b shares and follows and a subscribes."""
    pair = pair_with(worker="b")
    token = pair.b.follow_stream(home="reader0").token if resumed else b""
    stop_tail(pair)
    before = pair.b.call(Cast.share(0)).id
    pair.b.call(Cast.follow(0))
    home = pair.a.begin_subscribe(home="reader0", token=token)
    for _ in range(50):
        pair.a.ping()  # a has had its time to load the reader, and perhaps to catch up
    after = pair.b.call(Cast.share(0)).id
    pair.proxy.release_all()
    home.wait_live()
    last = pair.b.call(Cast.share(0)).id
    home.wait_for_share(last)
    assert before not in home.ids, "it was shared before the follow"
    assert home.ids == [after, last] or (not resumed and home.ids == [last])


@pytest.mark.parametrize("request_", [Cast.follow, Cast.share], ids=["follow", "share"])
def test_a_stream_subscribed_at_any_step_of_a_write_sees_what_comes_after(pair_with, request_):
    pair = pair_with(worker="a")
    homes = {}

    def prepare(step):
        if request_ == Cast.share:
            pair.b.call(Cast.follow(step))

    def interrupt(step):
        homes[step] = pair.b.follow_stream(home=Cast.reader(step))

    def check(step, reply, _):
        after = pair.b.call(Cast.share(step)).id
        homes[step].wait_for_share(after)
        assert homes[step].ids in ([after], [reply.position, after])

    pair.at_every_step(prepare, request_, interrupt, check)
