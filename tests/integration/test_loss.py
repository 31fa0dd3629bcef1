"""Redis comes back with less than it had acknowledged, or may have: whoever cannot be vouched for is told, nobody else is."""
import contextlib
import os
import shutil
import signal

import pytest

import feed_pb2 as pb
from feed_client import FeedError
from harness import check_stored, free_port, jobs_done, wait_until
from redis_proxy import RedisProxy

QUICK = ("--timing-heartbeat-interval-ms", "100")


class Store:
    """A Redis behind a socket path that stays, and its append-only file, which can be put back to what it was."""

    def __init__(self, start_redis, workdir):
        self.server = start_redis("--appendfsync", "always")
        self.saved = workdir / "saved"

    @property
    def url(self):
        return self.server.url

    def client(self):
        return self.server.client()

    def save(self):
        """Remembers what would be there if the power failed now."""
        self.server.signal(signal.SIGSTOP)
        shutil.copytree(self.server.directory / "appendonlydir", self.saved)
        self.server.signal(signal.SIGCONT)

    def kill(self):
        self.server.kill()

    def put_back(self):
        shutil.rmtree(self.server.directory / "appendonlydir")
        shutil.move(self.saved, self.server.directory / "appendonlydir")

    def restart(self):
        self.server = self.server.restart()

    def lose(self):
        """Everything since save()."""
        self.kill()
        self.put_back()
        self.restart()


@pytest.fixture
def store(start_redis, workdir):
    return Store(start_redis, workdir)


@pytest.fixture(params=[1, 4], ids=["one-partition", "four-partitions"])
def partitions(request):
    return ("--store-partitions", str(request.param))


def insist(action):
    """Until the daemon is ready again."""
    def attempt():
        with contextlib.suppress(FeedError):
            return action()
        return None
    return wait_until(attempt, what="an answer that is no error")


def covered(gaps, position):
    return any(one.after < position <= one.until for gap in gaps for one in gap.ranges if one.after % 64 in (0, position % 64))


def wait_for_gap(stream):
    stream.client.wait(lambda: stream.gaps, "a Gap")
    assert all(gap.reason == pb.GAP_LOST for gap in stream.gaps)


def rita_hears_sam(client):
    """The stream of her home, and a share that came on it."""
    client.follow("rita", "sam")
    home = client.follow_stream(home="rita")
    share = client.share("sam").id
    home.wait_for_share(share)
    return home, share


def test_a_killed_redis_that_kept_everything_is_no_gap(start_feedd, store, partitions):
    daemon = start_feedd("--redis-url", store.url, *QUICK, *partitions)
    with daemon.connect() as client:
        client.follow("rita", "sam")
        home = client.follow_stream(home="rita")
        token = home.token
        before = client.share("sam").id
        home.wait_for_share(before)
        store.kill()
        store.restart()
        after = insist(lambda: client.share("sam")).id
        home.wait_for_share(after)
        assert home.ids == [before, after] and not home.gaps
        resumed = client.resume(token, 2, home="rita")
        assert resumed.ids == [before, after] and not resumed.gaps


def test_what_was_lost_under_a_running_daemon_is_a_gap_for_every_stream_and_every_token(start_feedd, store, partitions):
    daemon = start_feedd("--redis-url", store.url, *QUICK, *partitions)
    with daemon.connect() as client:
        home, kept = rita_hears_sam(client)
        home.wait_for_heartbeats(2)
        old_token = home.token
        store.save()
        lost = client.share_many("sam", 20)
        home.wait_for_share(lost[-1])
        home.wait_for_heartbeats(2)
        lost_token = home.token
        store.lose()
        after = insist(lambda: client.share("sam")).id
        home.wait_for_share(after)
        assert home.ids == [kept, *lost, after]
        wait_for_gap(home)
        assert all(covered(home.gaps, one) for one in lost) and not covered(home.gaps, kept) and not covered(home.gaps, after)
        assert client.timeline_ids("rita") == [after, kept]
        for token in (old_token, lost_token):
            resumed = client.resume(token, 1, home="rita")
            assert resumed.ids == [after]
            assert all(covered(resumed.gaps, one) for one in lost), resumed.gaps
    daemon.kill()  # the next life of the daemon takes the tokens, too
    daemon = daemon.restart()
    with daemon.connect() as client:
        for token in (old_token, lost_token):
            resumed = client.resume(token, 1, home="rita")
            assert resumed.ids == [after]
            assert all(covered(resumed.gaps, one) for one in lost), resumed.gaps


@pytest.mark.parametrize("ending", ["killed", "stopped"])
def test_what_was_lost_while_no_daemon_ran_is_noticed(start_feedd, store, ending, partitions):
    daemon = start_feedd("--redis-url", store.url, *QUICK, *partitions)
    with daemon.connect() as client:
        home, kept = rita_hears_sam(client)
        home.wait_for_heartbeats(2)
        old_token = home.token
        store.save()
        lost = client.share_many("sam", 3)
        home.wait_for_share(lost[-1])
        home.wait_for_heartbeats(2)
        lost_token = home.token
    daemon.kill() if ending == "killed" else daemon.stop()
    store.lose()
    daemon = daemon.restart()
    daemon.wait_for_event("store-lost-data")
    with daemon.connect() as client:
        after = client.share("sam").id
        for token in (old_token, lost_token):
            resumed = client.resume(token, 1, home="rita")
            assert resumed.ids == [after]
            assert all(covered(resumed.gaps, one) for one in lost), resumed.gaps
        assert client.timeline_ids("rita") == [after, kept]


def test_tokens_from_before_a_restart_in_which_nothing_was_lost_have_no_gap(start_feedd, store, partitions):
    """The daemon dies, Redis dies: what the daemon had seen is told by its state directory."""
    daemon = start_feedd("--redis-url", store.url, *QUICK, *partitions)
    with daemon.connect() as client:
        client.follow("rita", "sam")
        token = client.follow_stream(home="rita").token
        shares = client.share_many("sam", 3)
    daemon.kill()
    store.kill()
    store.restart()
    daemon = daemon.restart()
    with daemon.connect() as client:
        resumed = client.resume(token, 3, home="rita")
        assert resumed.ids == shares and not resumed.gaps


def test_a_private_redis_that_ended_with_its_killed_daemon_is_no_gap(start_feedd):
    daemon = start_feedd(*QUICK)
    with daemon.connect() as client:
        client.follow("rita", "sam")
        token = client.follow_stream(home="rita").token
        shares = client.share_many("sam", 3)
    daemon.kill()
    daemon = daemon.restart()
    with daemon.connect() as client:
        resumed = client.resume(token, 3, home="rita")
        assert resumed.ids == shares and not resumed.gaps


def test_a_machine_that_lost_power_cannot_vouch(start_feedd, store):
    """Simulated by another boot id in what the daemon wrote down."""
    daemon = start_feedd("--redis-url", store.url, *QUICK)
    with daemon.connect() as client:
        client.follow("rita", "sam")
        token = client.follow_stream(home="rita").token
        share = client.share("sam").id
    daemon.kill()
    store.kill()
    store.restart()
    seen = daemon.state_dir / "seen"
    data = bytearray(seen.read_bytes())
    data[16:20] = b"zzzz"
    seen.write_bytes(data)
    daemon = daemon.restart()
    with daemon.connect() as client:
        resumed = client.resume(token, 1, home="rita")
        wait_for_gap(resumed)
        assert resumed.ids == [share]


@pytest.mark.parametrize("comes_back", [True, False], ids=["comes-back", "is-gone"])
def test_a_daemon_that_may_know_of_lost_entries_is_waited_for(start_feedd, store, comes_back):
    flags = ("--redis-url", store.url, *QUICK, "--store-vouch-patience-ms", "20000" if comes_back else "300")
    daemon, other = start_feedd(*flags), start_feedd(*flags, state="other")
    with daemon.connect() as client:
        client.follow("rita", "sam")
        home = client.follow_stream(home="rita")
        other.kill()
        store.kill()
        store.restart()
        share = insist(lambda: client.share("sam")).id
        home.wait_for_share(share)
        if comes_back:
            other.restart()
            keys = store.client()
            wait_until(lambda: keys.hget("meta:{0}", "owed") == "", what="the other daemon to be heard")
            home.wait_for_heartbeats(3)
            assert not home.gaps
        else:
            wait_for_gap(home)
            daemon.wait_for_event("unvouched")


def test_a_daemon_that_left_in_order_is_not_waited_for(start_feedd, store):
    flags = ("--redis-url", store.url, *QUICK, "--store-vouch-patience-ms", "0")
    daemon, other = start_feedd(*flags), start_feedd(*flags, state="other")
    other.stop()
    with daemon.connect() as client:
        home = client.follow_stream(home="rita")
        store.kill()
        store.restart()
        share = insist(lambda: client.share("rita")).id
        home.wait_for_share(share)
        home.wait_for_heartbeats(3)
        assert not home.gaps


def test_what_another_daemon_had_acknowledged_and_is_lost_is_a_gap_for_all(start_feedd, store):
    """The first daemon to come back has seen nothing of it; the second one has."""
    flags = ("--redis-url", store.url, *QUICK, "--store-vouch-patience-ms", "60000")
    daemon, other = start_feedd(*flags), start_feedd(*flags, state="other")
    with daemon.connect() as client, other.connect() as publisher:
        client.follow("rita", "sam")
        home = client.follow_stream(home="rita")
        store.save()
        lost = None
        daemon.signal(signal.SIGSTOP)  # it sees nothing
        lost = publisher.share("sam").id
        other.signal(signal.SIGSTOP)
        store.lose()
        daemon.signal(signal.SIGCONT)
        after = insist(lambda: client.share("sam")).id
        home.wait_for_share(after)
        assert home.ids in ([after], [lost, after])
        other.signal(signal.SIGCONT)
        wait_for_gap(home)
        assert covered(home.gaps, lost)


def test_a_follow_that_was_lost_is_no_longer_followed_and_an_unfollow_that_was_lost_is(start_feedd, store, partitions):
    daemon = start_feedd("--redis-url", store.url, *QUICK, *partitions)
    with daemon.connect() as client:
        client.follow("rita", "sam")
        home = client.follow_stream(home="rita")
        client.share("rita")
        store.save()
        client.unfollow("rita", "sam")
        client.follow("rita", "tom")
        home.wait_for_share(client.share("tom").id)
        store.lose()
        assert insist(lambda: client.following("rita")) == ["sam"]
        client.share("tom")
        share = client.share("sam").id
        home.wait_for_share(share)
        marker = client.share("rita").id
        home.wait_for_share(marker)
        assert home.ids[-2:] == [share, marker]
        assert client.followers("tom") == []


def test_an_empty_store_is_another_store(start_feedd, store):
    daemon = start_feedd("--redis-url", store.url, *QUICK)
    with daemon.connect() as client:
        home, lost = rita_hears_sam(client)
        token = home.token
        store.kill()
        shutil.rmtree(store.server.directory / "appendonlydir")
        store.restart()
        wait_for_gap(home)
        assert covered(home.gaps, lost)
        assert insist(lambda: client.timeline("rita")).end == pb.END and client.timeline_ids("rita") == []
        client.share("sam")  # nobody follows here
        marker = client.share("rita").id
        home.wait_for_share(marker)
        assert home.ids == [lost, marker]
        with pytest.raises(FeedError) as refused:
            client.subscribe(home="rita", token=token)
        assert refused.value.code == "TOKEN_FOREIGN"


@pytest.mark.parametrize("reading", [True, False], ids=["while-the-logs-are-read", "between-two-reads"])
def test_a_store_that_is_emptied_under_a_running_daemon_is_a_gap_although_nobody_writes(start_feedd, store, partitions, reading):
    daemon = start_feedd("--redis-url", store.url, *QUICK, *partitions)
    with daemon.connect() as client:
        home, lost = rita_hears_sam(client)
        pipeline = store.client().pipeline(transaction=False)
        for link in store.client().client_list():
            if not reading and link["cmd"] == "xreadgroup":
                pipeline.client_kill_filter(_id=link["id"])
        pipeline.flushall().execute()
        wait_for_gap(home)
        assert covered(home.gaps, lost)
        after = insist(lambda: client.follow("rita", "sam") and client.share("sam")).id
        home.wait_for_share(after)


@pytest.mark.parametrize("key", ["log", "meta"])
def test_a_log_whose_group_or_hash_was_deleted_goes_on(start_feedd, store, key):
    daemon = start_feedd("--redis-url", store.url, *QUICK)
    with daemon.connect() as client:
        home, before = rita_hears_sam(client)
        wait_until(lambda: jobs_done(store.client()))
        if key == "log":
            store.client().xgroup_destroy("log:{0}", "appliers")
        else:
            store.client().delete("meta:{0}")
        after = insist(lambda: client.share("sam")).id
        home.wait_for_share(after)
        wait_until(lambda: jobs_done(store.client()))
        assert client.timeline_ids("rita") == [after, before]


@pytest.mark.parametrize("other_comes_first", [False, True], ids=["found-first", "found-later"])
def test_an_empty_store_is_a_gap_also_for_what_only_another_daemon_had_seen(start_feedd, store, partitions, other_comes_first):
    flags = ("--redis-url", store.url, *QUICK, *partitions)
    daemon, other = start_feedd(*flags), start_feedd(*flags, state="other")
    with daemon.connect() as client, other.connect() as publisher:
        client.follow("rita", "sam")
        home = client.follow_stream(home="rita")
        daemon.signal(signal.SIGSTOP)  # it sees nothing
        missed = [publisher.share("sam").id]
        other.signal(signal.SIGSTOP)
        store.kill()
        shutil.rmtree(store.server.directory / "appendonlydir")
        store.restart()
        if other_comes_first:
            other.signal(signal.SIGCONT)
            insist(lambda: publisher.follow("rita", "sam"))
            missed.append(publisher.share("sam").id)
        daemon.signal(signal.SIGCONT)
        wait_for_gap(home)
        insist(lambda: client.follow("rita", "sam"))
        after = client.share("sam").id
        home.wait_for_share(after)
        assert all(covered(home.gaps, share) for share in missed) and not covered(home.gaps, after)
        other.signal(signal.SIGCONT)


def test_a_failover_to_a_replica_that_lagged_is_a_gap(start_feedd, start_redis, workdir):
    first = start_redis(name="first", port=free_port())
    second = start_redis("--replicaof", f"127.0.0.1 {first.port}", name="second")
    replica = second.client()
    path, next_path = workdir / "redis.sock", workdir / "next.sock"
    path.symlink_to(first.socket_path)
    next_path.symlink_to(second.socket_path)
    daemon = start_feedd("--redis-url", f"unix:{path}", *QUICK)
    with daemon.connect() as client:
        home, kept = rita_hears_sam(client)
        wait_until(lambda: replica.exists(f"share:{{0}}:{kept}"), what="the replica to have the share")
        replica.replicaof("NO", "ONE")  # from here on it lags
        lost = client.share("sam").id
        home.wait_for_share(lost)
        os.replace(next_path, path)
        first.kill()
        after = insist(lambda: client.share("sam")).id
        home.wait_for_share(after)
        assert home.ids == [kept, lost, after]
        assert covered(home.gaps, lost) and not covered(home.gaps, kept)
        assert client.timeline_ids("rita") == [after, kept]


def pushes(keys):
    return keys.info("commandstats").get("cmdstat_lpushx", {"calls": 0})["calls"]


@pytest.mark.parametrize("goes_on", [True, False], ids=["while-it-went-on", "after-it-had-ended"])
def test_pushes_that_were_lost_are_made_again_although_their_daemon_had_the_answers(start_feedd, store, workdir, goes_on):
    """The lost ones are of the fan-out's first page; the daemon is at its second one, or has ended it."""
    readers = [f"reader{number}" for number in range(600)]
    with RedisProxy(workdir / "proxy.sock", store.server.socket_path) as proxy:
        daemon = start_feedd("--redis-url", proxy.url, *QUICK, "--fanout-push-window", "4", "--fanout-push-quantum", "4")
        keys = store.client()
        with daemon.connect() as client:
            client.follow_many([(reader, "sam") for reader in readers])
            client.call_all([pb.GetTimelineRequest(reader=reader) for reader in readers])
            wait_until(lambda: jobs_done(keys), what="the end of the follows' jobs")
            share = client.share("sam").id
            wait_until(lambda: pushes(keys) >= 20, what="the fan-out to begin")
            store.save()
            wait_until(lambda: pushes(keys) >= 200 if goes_on else jobs_done(keys), what="the fan-out to go on")
            store.lose()
            again = insist(lambda: client.share("sam")).id
            keys = store.client()
            wait_until(lambda: jobs_done(keys), what="the end of the fan-outs")
            for reader in readers:
                check_stored(keys, reader, [again, share])
            assert client.timeline_ids("reader7") == [again, share]
