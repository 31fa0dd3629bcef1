"""An entry that ends or defeats every daemon that takes it is parked, and no other; nothing else waits for it."""
import json
from pathlib import Path

import pytest

import feed_pb2 as pb
from feed_client import FeedError
from harness import Feedd, check_stored, jobs_done, wait_until
from redis_proxy import RedisProxy

CROWD = 600       # more than are asked for at once
CULPRIT = 230     # among them
TRIES = 2         # a third taking parks
PATIENT = ("--redis-timeout-ms", "20000")


@pytest.fixture
def proxy(workdir, redis):
    with RedisProxy(workdir / "proxy.sock", redis.socket_path) as one:
        yield one


@pytest.fixture
def store(redis):
    return redis.client()


def parked(store, partition=0):
    return {int(one): json.loads(text) for one, text in store.hgetall(f"parked:{{{partition}}}").items()}


def pending(store):
    return store.xpending("log:{0}", "appliers")["pending"]


def next_life(daemon):
    """The same daemon again, which may not live long."""
    return Feedd(daemon.state_dir, *daemon.flags, wait_for=None)


def live_or_die(daemon, store):
    """Waits until the daemon has done all jobs, or was killed. Returns whether it was killed."""
    wait_until(lambda: not daemon.running() or jobs_done(store), 30, what="the end of the daemon or of all jobs")
    if not daemon.running():
        daemon.kill()
        return True
    return False


# ------------------------------------------------------------------------------------------------------------- crashes

class PoisonousShare:
    """Whoever reads the followers of its author dies."""
    command = (b"ZRANGE", b"followers:{0}:author%d\r" % CULPRIT)
    record = {"kind": "share", "subject": f"author{CULPRIT}", "reader": ""}

    def __init__(self, client):
        authors = [f"author{number}" for number in range(CROWD)]
        client.follow_many([("reader", author) for author in authors])
        client.timeline("reader")
        self.client = client
        self.requests = [pb.ShareRequest(author=author, url="http://example.org/") for author in authors]

    def make(self):
        self.positions = [reply.id for reply in self.client.call_all(self.requests)]

    def culprit(self, _):
        return self.positions[CULPRIT]

    def check(self, client, store):
        others = [one for number, one in enumerate(self.positions) if number != CULPRIT]
        check_stored(store, "reader", others)
        assert client.profile_ids(f"author{CULPRIT}") == [self.positions[CULPRIT]]


class PoisonousFollow:
    """Whoever looks what the reader follows now dies; what there is of the follow was left half done."""
    command = (b"ZSCORE", b"following:{0}:reader%d\r" % CULPRIT)
    record = {"kind": "follow", "subject": "author", "reader": f"reader{CULPRIT}"}

    def __init__(self, client):
        self.client = client
        self.share = client.share("author").id
        self.readers = [f"reader{number}" for number in range(CROWD)]
        for reader in self.readers[:CULPRIT + 10]:
            client.timeline(reader)

    def make(self):
        for reader in self.readers:
            self.client.follow(reader, "author")

    def culprit(self, store):
        return int(store.zscore(f"following:{{0}}:reader{CULPRIT}", "author"))

    def check(self, client, store):
        for reader in self.readers[:CULPRIT + 10:20]:
            assert client.timeline_ids(reader) == [self.share]


@pytest.mark.parametrize("kind", [PoisonousShare, PoisonousFollow])
def test_an_entry_that_kills_each_daemon_is_parked_alone_among_hundreds(start_feedd, store, proxy, kind):
    daemon = start_feedd("--redis-url", proxy.url)
    with daemon.connect() as client:
        crowd = kind(client)
        wait_until(lambda: jobs_done(store))
    daemon.stop()
    proxy.withhold(b"XREADGROUP")
    daemon = daemon.restart()
    with daemon.connect() as crowd.client:
        crowd.make()
    daemon.kill()
    proxy.poison(*kind.command)
    proxy.release_all()
    deaths = 0
    daemon = next_life(daemon)
    while live_or_die(daemon, store):
        deaths += 1
        if deaths == 1:
            assert pending(store) > CULPRIT, "several hundred are suspects"
        assert deaths <= TRIES + 1 and not parked(store)
        daemon = next_life(daemon)
    assert deaths == TRIES + 1
    culprit = crowd.culprit(store)
    assert list(parked(store)) == [culprit]
    assert parked(store)[culprit].items() >= {**kind.record, "tries": TRIES}.items()
    assert not store.exists("tries:{0}")
    daemon.wait_for_event("ready")
    line = daemon.wait_for_event("job-parked")
    assert line["id"] == str(culprit) and line["kind"] == kind.record["kind"] and line["subject"] == kind.record["subject"]
    with daemon.connect() as client:
        crowd.check(client, store)
        assert client.share("somebody").id
    assert daemon.stop()["jobs_parked"] == 1


def test_an_entry_that_kills_whoever_claims_it_is_parked_by_the_third_that_does(start_feedd, store, proxy):
    proxy.withhold(b"XREADGROUP")
    daemons = [start_feedd("--redis-url", proxy.url, "--fanout-claim-after-ms", "200", state=f"state{number}")
               for number in range(4)]
    with daemons[0].connect() as client:
        client.follow("reader", "healthy")
        client.follow("somebody", "culprit")
        client.timeline("reader")
        before, culprit, after = (client.share(author).id for author in ("healthy", "culprit", "healthy"))
    proxy.poison(b"ZRANGE", b"followers:{0}:culprit\r")
    proxy.release_all()
    wait_until(lambda: jobs_done(store), what="the end of all jobs")
    alive = [daemon for daemon in daemons if daemon.running()]
    for daemon in daemons:
        if daemon not in alive:
            daemon.kill()
    assert len(alive) == 1 and list(parked(store)) == [culprit]
    check_stored(store, "reader", [before, after])


# ------------------------------------------------------------------------------------------------------------- defeats

def test_what_redis_always_refuses_is_parked_and_holds_up_nobody(start_feedd, redis, store):
    daemon = start_feedd("--redis-url", redis.url)
    store.set("followers:{0}:bad", "no set of followers")
    with daemon.connect() as client:
        client.follow("reader", "good")
        client.timeline("reader")
        bad, good = client.share("bad").id, client.share("good").id
        wait_until(lambda: pending(store) == 1, what="the end of all other jobs")
        check_stored(store, "reader", [good])
        wait_until(lambda: jobs_done(store), what="the end of all jobs")
        assert list(parked(store)) == [bad]
        assert "WRONGTYPE" in parked(store)[bad]["reason"]
        assert "WRONGTYPE" in daemon.wait_for_event("job-parked")["reason"]
        assert client.profile_ids("bad") == [bad]
    assert daemon.stop()["jobs_parked"] == 1


def test_what_was_parked_is_tried_again_after_a_while_and_has_its_effects_once_it_can(start_feedd, redis, store):
    daemon = start_feedd("--redis-url", redis.url, "--fanout-retry-parked-s", "1", "--fanout-claim-after-ms", "400")
    with daemon.connect() as client:
        client.follow("reader", "good")
        client.follow("reader", "bad")
        client.timeline("reader")
        wait_until(lambda: jobs_done(store), what="the end of all jobs")
        store.rename("followers:{0}:bad", "aside")
        store.set("followers:{0}:bad", "no set of followers")
        bad, good = client.share("bad").id, client.share("good").id
        wait_until(lambda: parked(store), what="the entry to be parked")
        check_stored(store, "reader", [good])
        daemon.wait_for_event("jobs-unparked")
        wait_until(lambda: parked(store), what="the entry to be parked again")
        store.delete("followers:{0}:bad")
        store.rename("aside", "followers:{0}:bad")
        wait_until(lambda: not parked(store) and jobs_done(store), what="the entry to be done")
        check_stored(store, "reader", [bad, good])
    counters = daemon.stop()
    assert counters["jobs_parked"] >= 2 and counters["jobs_unparked"] >= 2


@pytest.mark.parametrize("key", ["followers:{0}:bad", "timeline:{0}:reader", "following:{0}:reader"])
def test_a_follow_that_redis_refuses_takes_none_of_its_batch_with_it(start_feedd, redis, store, key):
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client, daemon.connect() as other:
        home = other.follow_stream(home="somebody")
        shares = {subject: client.share(subject).id for subject in ("bad", "good")}
        store.set(key, "something else")
        pairs = [(f"reader{number}", "good") for number in range(20)]
        pairs.insert(10, ("reader", "bad"))
        outcomes = client.call_all([pb.FollowRequest(reader=reader, subject=subject) for reader, subject in pairs])
        assert isinstance(outcomes.pop(10), FeedError)
        assert not any(isinstance(outcome, FeedError) for outcome in outcomes)
        wait_until(lambda: jobs_done(store), what="the end of all jobs")
        kinds = [one["kind"] for one in parked(store).values()]
        assert kinds == ([] if key.startswith("following") else ["follow"])
        del pairs[10]
        assert sorted(client.followers("good")) == sorted(reader for reader, _ in pairs)
        assert client.timeline_ids("reader3") == [shares["good"]]
        home.wait_for_share(client.share("somebody").id)
        assert home.gaps == []


# -------------------------------------------------------------------------------------------- what is no reason to park

class HeldFollow:
    """A suspect whose work stands still: the daemon that had it before was killed, and ZSCORE does not get through."""

    def __init__(self, start_feedd, proxy, store):
        self.proxy, self.store = proxy, store
        proxy.withhold(b"XREADGROUP")
        self.daemon = start_feedd("--redis-url", proxy.url, *PATIENT)
        with self.daemon.connect() as client:
            self.share = client.share("author").id
            client.timeline("reader")
            client.follow("reader", "author")
        self.daemon.kill()
        proxy.withhold(b"ZSCORE")
        self.begin()
        self.daemon.kill()  # it was its first taking
        assert not store.exists("tries:{0}")

    def begin(self):
        self.proxy.waiting.clear()
        self.daemon = self.daemon.restart()
        self.wait_held()

    def wait_held(self):
        wait_until(lambda: b"ZSCORE" in self.proxy.waiting, what="the work to begin")

    def tries(self):
        return [int(text.split()[0]) for text in self.store.hvals("tries:{0}")]

    def finish(self):
        """From here on it goes on, and is not parked."""
        self.proxy.release_all()
        wait_until(lambda: jobs_done(self.store), what="the end of all jobs")
        assert not parked(self.store)
        with self.daemon.connect() as client:
            assert client.timeline_ids("reader") == [self.share]
        wait_until(lambda: not self.store.exists("tries:{0}"), what="the count to be forgotten")


def test_orderly_restarts_in_the_middle_of_an_entry_do_not_park_it(start_feedd, proxy, store):
    held = HeldFollow(start_feedd, proxy, store)
    for _ in range(TRIES + 2):
        held.begin()
        assert held.tries() == [1]
        held.daemon.stop()
        assert held.tries() == []
    held.daemon = held.daemon.restart()
    held.finish()


def test_lost_links_in_the_middle_of_an_entry_do_not_park_it(start_feedd, proxy, store):
    held = HeldFollow(start_feedd, proxy, store)
    held.begin()
    for _ in range(TRIES + 2):
        held.proxy.waiting.clear()
        store.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        held.wait_held()
        assert held.tries() == [1]
    held.finish()


# ------------------------------------------------------------------------------------------------------- long fan-outs

FOLLOWERS = 128 + 9 * 2000 + 500
SLOWLY = ("--fanout-push-window", "16")


class LongFanOut:
    """An author with so many followers, three of whom have timelines: of the first page, of the middle, of the last page."""

    def __init__(self, client, store):
        self.client, self.store = client, store
        self.readers = [f"reader{number}" for number in (0, FOLLOWERS // 2, FOLLOWERS - 1)]
        for number in range(0, FOLLOWERS, 1000):
            store.zadd("followers:{0}:author", {f"reader{one}": (one + 1) * 64
                                                for one in range(number, min(number + 1000, FOLLOWERS))})
        for reader in self.readers:
            store.rpush(f"timeline:{{0}}:{reader}", "0")

    def share(self):
        self.id = self.client.share("author").id

    def place(self):
        return int(self.store.get(f"job:{{0}}:{self.id}") or 0)

    def wait_beyond(self, place):
        wait_until(lambda: self.place() > place, what="the work to get on")
        return self.place()

    def check_done(self):
        wait_until(lambda: jobs_done(self.store), what="the end of all jobs")
        for reader in self.readers:
            check_stored(self.store, reader, [self.id])
        assert not self.store.exists(f"job:{{0}}:{self.id}") and not parked(self.store)


def test_a_long_fan_out_that_gets_on_between_kills_is_not_parked(start_feedd, redis, store):
    daemon = start_feedd("--redis-url", redis.url, *SLOWLY)
    with daemon.connect() as client:
        work = LongFanOut(client, store)
        work.share()
    place = 0
    for _ in range(TRIES + 3):
        place = work.wait_beyond(place)
        daemon.kill()
        assert pending(store) == 1
        daemon = daemon.restart()
    work.check_done()


class Stopped:
    """A daemon that is stopped in the middle of a fan-out, whose work another one claims; both behind proxies."""

    def __init__(self, start_feedd, redis, workdir, store):
        self.proxies = [RedisProxy(workdir / f"{name}.sock", redis.socket_path) for name in "ab"]
        flags = (*SLOWLY, *PATIENT, "--fanout-claim-after-ms", "300")
        self.a = start_feedd("--redis-url", self.proxies[0].url, *flags, state="a")
        with self.a.connect() as client:
            self.work = LongFanOut(client, store)
            self.work.share()
        self.left_at = self.work.wait_beyond(0)
        self.a.signal(19)  # SIGSTOP
        self.b = start_feedd("--redis-url", self.proxies[1].url, *flags, state="b")

    def go_on(self):
        """Lets the stopped one go on, until it has come to the end of the page that it was at."""
        self.proxies[0].hold_after(1 << 30)
        self.a.signal(18)  # SIGCONT
        wait_until(lambda: b"EVALSHA" in self.proxies[0].passed, what="the end of a page")

    def close(self):
        for proxy in self.proxies:
            proxy.close()


def test_a_daemon_that_stood_still_while_another_finished_its_work_does_no_harm(start_feedd, redis, workdir, store):
    both = Stopped(start_feedd, redis, workdir, store)
    both.work.check_done()
    both.go_on()
    with both.a.connect() as client:
        other = client.share("somebody else").id
        wait_until(lambda: client.timeline_ids("somebody else") == [other])
        both.work.check_done()
        for reader in both.work.readers:
            store.zadd(f"following:{{0}}:{reader}", {"author": 64})
            assert client.timeline_ids(reader) == [both.work.id]
    counters = [daemon.stop() for daemon in (both.a, both.b)]
    assert sum(one["jobs_done"] for one in counters) == 2, "the stopped one has finished nothing of the other's"
    assert [one["jobs_claimed"] for one in counters] == [0, 1]
    both.close()


def test_a_daemon_that_stood_still_does_not_set_back_the_one_that_works_on(start_feedd, redis, workdir, store):
    both = Stopped(start_feedd, redis, workdir, store)
    place = both.work.wait_beyond(both.left_at + 2000 * 64)
    both.proxies[1].hold_after(0)
    wait_until(lambda: both.proxies[1].stopped)
    place = both.work.place()
    assert 0 < place, "the other one is in the middle of it"
    both.go_on()
    with both.a.connect() as client:
        other = client.share("somebody else").id
        wait_until(lambda: pending(store) == 1, what="the stopped one to work on other things")
        assert client.timeline_ids("somebody else") == [other]
    assert both.work.place() == place
    assert pending(store) == 1, "the other one has not acknowledged it"
    both.proxies[1].release()
    both.work.check_done()
    assert both.a.stop()["jobs_done"] + both.b.stop()["jobs_done"] == 2
    both.close()


def test_a_place_that_is_saved_late_on_a_link_that_was_given_up_leaves_nothing(store):
    """Whatever comes between, a place is there only while its entry is pending."""
    lua = Path(__file__).parents[2] / "daemon" / "store" / "lua"
    save = store.register_script((lua / "lib_job.lua").read_text() + (lua / "job_save.lua").read_text())
    store.xgroup_create("log", "appliers", "0", mkstream=True)
    entry = store.xadd("log", {"k": "share"})
    store.xreadgroup("appliers", "me", {"log": ">"})

    def say(place):
        return save(keys=["log", "place", "tries"], args=["me", entry, "1", place])

    assert say("64") == 1 and store.get("place") == "64"
    assert say("") == 1 and not store.exists("place")
    assert store.xpending("log", "appliers")["pending"] == 0
    assert say("128") == 0 and not store.exists("place")
