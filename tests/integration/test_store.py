"""feedd and its Redis: the private one and an external one, absent, restarted, hanging, wrong, shared."""
import os
import signal

import pytest

import feed_pb2 as pb
from feed_client import Disconnected, share_when_possible
from harness import free_port, jobs_done, processes_using, wait_until
from redis_proxy import RedisProxy


def share_request(author="author", **fields):
    return pb.ShareRequest(author=author, url="http://example.org/", **fields)


def check_refused_store(daemon, word):
    """The daemon explains why it does not use this store, and ends without having used it."""
    assert word in daemon.wait_for_refusal()
    assert not any("event=ready" in line for line in daemon.lines)


# ------------------------------------------------------------------------------------------------------ private Redis

def test_everything_is_there_after_a_restart(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as client:
        client.follow("reader", "author")
        assert client.timeline_ids("reader") == []
        shares = client.share_many("author", 20)
    daemon.stop()
    with daemon.restart().connect() as client:
        assert client.timeline_ids("reader") == shares[::-1]
        assert client.following("reader") == ["author"]
        assert client.share("author").id > shares[-1]


def test_everything_acknowledged_is_there_after_kill_9_of_feedd(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as client:
        client.follow_many([(f"r{number}", "author") for number in range(20)])
        for number in range(10):
            assert client.timeline_ids(f"r{number}") == []
    shares = []
    for _ in range(3):
        with daemon.connect() as client:
            waiting = client.send_all([share_request()] * 300)
            shares += [client.reply_to(request_id).id for request_id in waiting[:100]]
            daemon.kill()
        daemon = daemon.restart()
        with daemon.connect() as client:
            profile = client.profile_ids("author", 200)
            assert set(shares) <= set(profile)
            for number in range(20):
                assert client.timeline_ids(f"r{number}", 200) == profile
            shares = profile[::-1]


def test_the_private_redis_dies_with_feedd(start_feedd, workdir):
    daemon = start_feedd()
    redis_pid = daemon.private_redis().info("server")["process_id"]
    assert any("redis-server" in line for line in processes_using(workdir))
    daemon.kill()
    wait_until(lambda: not processes_using(workdir), what=f"the end of redis-server {redis_pid}")


def test_a_private_redis_that_dies_is_started_again(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as client:
        home = client.follow_stream(home="author")
        first = client.share("author").id
        server = daemon.private_redis().info("server")["process_id"]
        os.kill(server, signal.SIGKILL)
        second = share_when_possible(client).id
        assert client.profile_ids("author")[0] == second and first in client.profile_ids("author")
        home.wait_for_share(second)


def test_a_second_feedd_on_the_same_state_directory_says_so_and_ends(start_feedd):
    first = start_feedd()
    second = start_feedd(wait_for=None)
    assert "state" in second.wait_for_refusal()
    with first.connect() as client:
        client.ping()
    assert "lock" in second.log_tail() or "in use" in second.log_tail()


def test_a_redis_server_that_cannot_be_started_is_reported_by_name(start_feedd):
    daemon = start_feedd("--redis-server", "/nonexistent/redis-server", wait_for=None)
    daemon.wait_for_line("level=error .*/nonexistent/redis-server")


def test_a_state_directory_that_cannot_be_written_is_refused(start_feedd):
    assert "/proc/nothing" in start_feedd("--state-dir", "/proc/nothing", wait_for=None).wait_for_refusal()


# ----------------------------------------------------------------------------------------------------- external Redis

def test_feedd_waits_for_a_redis_that_is_not_there_yet_and_says_so(start_feedd, start_redis, workdir):
    daemon = start_feedd("--redis-url", f"unix:{workdir / 'redis' / 'redis.sock'}", wait_for="listening")
    with daemon.connect() as client:
        client.ping()
        for request in (share_request(), pb.GetTimelineRequest(reader="r"), pb.FollowRequest(reader="r", subject="s")):
            error = client.refusal(request)
            assert error.code == "UNAVAILABLE" and error.retry_after_ms > 0
        daemon.wait_for_line("level=(warning|error).*redis")
        assert not any("event=ready" in line for line in daemon.lines)
        start_redis()
        daemon.wait_for_event("ready")
        assert client.profile_ids("author") == []
        assert client.share("author").id


def test_connections_and_streams_survive_a_restart_of_redis(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--timing-heartbeat-interval-ms", "100")
    with daemon.connect() as client, daemon.connect() as subscriber:
        client.follow("reader", "author")
        home = subscriber.follow_stream(home="reader")
        shares = client.share_many("author", 10)
        home.wait_for_share(shares[-1])
        redis.stop()
        subscriber.wait(lambda: any(beat.degraded for beat in home.of_kind("heartbeat")), "a degraded heartbeat")
        error = client.refusal(share_request())
        assert error.code == "UNAVAILABLE" and error.retry_after_ms > 0
        redis = redis.restart()
        shares.append(share_when_possible(client).id)
        home.wait_for_share(shares[-1])
        assert home.ids == shares and home.gaps == []
        subscriber.wait(lambda: not home.of_kind("heartbeat")[-1].degraded, "a heartbeat that is not degraded")
        assert client.timeline_ids("reader") == shares[::-1]


def test_a_redis_that_hangs_delays_nobody_for_long_and_nothing_is_shared_twice(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--redis-timeout-ms", "300")
    with daemon.connect() as client, daemon.connect() as subscriber:
        home = subscriber.follow_stream(home="author")
        redis.signal(signal.SIGSTOP)
        try:
            outcomes = client.call_all([share_request(idempotency_key=f"k{number}") for number in range(20)])
            assert {outcome.code for outcome in outcomes} <= {"UNAVAILABLE", "OUTCOME_UNKNOWN"}
            client.ping()
        finally:
            redis.signal(signal.SIGCONT)
        shares = [share_when_possible(client, idempotency_key=f"k{number}").id for number in range(20)]
        last = share_when_possible(client).id
        home.wait_for_share(last)
        assert sorted(home.ids) == sorted(shares + [last])
        assert client.profile_ids("author") == sorted(shares + [last], reverse=True)


@pytest.mark.parametrize("key", ["", "key"], ids=["without-key", "with-key"])
def test_a_command_of_a_link_given_up_does_nothing_when_it_arrives_late(start_feedd, redis, workdir, key):
    with RedisProxy(workdir / "proxy.sock", redis.socket_path) as proxy:
        daemon = start_feedd("--redis-url", proxy.url, "--redis-timeout-ms", "300", "--share-resolve-ms", "0")
        with daemon.connect() as client:
            client.share("author")
            proxy.delay_next(b"EVALSHA", b"late")
            error = client.refusal(share_request(title="late", idempotency_key=key))
            assert error.code in ("OUTCOME_UNKNOWN", "UNAVAILABLE")
            again = share_when_possible(client, title="again", **({"idempotency_key": key} if key else {}))
            proxy.deliver_late()
            last = client.share("author").id
            shares, _ = client.whole_profile("author")
            assert [share.id for share in shares][:2] == [last, again.id] and len(shares) == 3
            assert not [share for share in shares if share.title == "late"]
        daemon.stop()


def test_feedd_ends_cleanly_while_redis_hangs_or_is_away(start_feedd, redis):
    for state, number in (("hanging", signal.SIGSTOP), ("away", signal.SIGKILL)):
        daemon = start_feedd("--redis-url", redis.url, "--redis-timeout-ms", "300", state=state)
        with daemon.connect() as client:
            home = client.follow_stream(home="reader")
            client.send_all([share_request()] * 20)
            redis.signal(number)
            try:
                daemon.stop()
            finally:
                redis.signal(signal.SIGCONT)
            assert client.wait_closed().reason == pb.SHUTDOWN
            assert len(home.ids) == 0
    redis.kill()


def test_a_redis_that_lost_everything_is_noticed(start_feedd, start_redis):
    store = start_redis("--appendonly", "no")
    daemon = start_feedd("--redis-url", store.url, "--timing-heartbeat-interval-ms", "100")
    with daemon.connect() as client:
        home = client.follow_stream(home="author")
        client.share_many("author", 5)
        store.kill()
        daemon.wait_for_line("level=(warning|error)")
        store = store.restart()
        try:
            last = share_when_possible(client).id
            client.wait(lambda: home.gaps or last in home.ids, "a Gap")
            assert home.gaps and home.gaps[0].reason == pb.GAP_LOST
        except Disconnected as ended:
            assert ended.closing is not None, "never without a word"


def test_a_redis_that_evicts_is_refused_with_an_explanation(start_feedd, start_redis):
    store = start_redis("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    check_refused_store(start_feedd("--redis-url", store.url, wait_for=None), "noeviction")


def test_a_store_of_other_partitions_is_refused_with_an_explanation(start_feedd, redis):
    start_feedd("--redis-url", redis.url, "--store-partitions", "4").stop()
    other = start_feedd("--redis-url", redis.url, "--store-partitions", "2", state="other", wait_for=None)
    check_refused_store(other, "partitions")
    with start_feedd("--redis-url", redis.url, "--store-partitions", "4").connect() as client:
        client.share("author")


def test_partitions_that_are_no_power_of_two_are_refused(start_feedd):
    assert "partitions" in start_feedd("--store-partitions", "3", wait_for=None).wait_for_refusal()


def test_a_store_of_another_schema_version_is_refused_with_an_explanation(start_feedd, redis):
    start_feedd("--redis-url", redis.url).stop()
    assert redis.client().hset("feedd", "schema", "99") == 0, "the schema version is not there any more"
    check_refused_store(start_feedd("--redis-url", redis.url, wait_for=None), "schema")


# What a newer feedd might do in this store: an entry of a kind of its own, under the next id, with fields nobody knows.
NEWER = """
local last = tonumber(redis.call('HGET', KEYS[1], 'last'))
local id = last + 64 * 128 * 10
redis.call('XADD', KEYS[2], string.format('%d-%d', math.floor(id / 8192), math.floor(id / 64) % 128),
           'p', string.format('%d', last), 'k', 'novelty', 'something', 'else')
redis.call('HSET', KEYS[1], 'last', string.format('%d', id))
return string.format('%d', id)
"""


def test_what_a_newer_feedd_left_in_the_store_is_passed_over_live_and_after_a_downgrade(start_feedd, redis):
    store = redis.client()
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client:
        client.follow("reader", "author")
        stream = client.follow_stream(home="reader")
        before = client.share("author").id
        log, = store.keys("log:*")
        store.eval(NEWER, 2, log.replace("log:", "meta:"), log)
        after = client.share("author").id
        stream.wait_for_share(after)
        assert stream.ids == [before, after] and not stream.gaps
        token = stream.token
    wait_until(lambda: jobs_done(store), what="every entry to be applied")
    daemon.stop()
    store.eval(NEWER, 2, log.replace("log:", "meta:"), log)
    daemon = daemon.restart()
    with daemon.connect() as client:
        last = client.share("author").id
        assert client.timeline_ids("reader") == [last, after, before]
        assert last in client.resume(token, shares=1, home="reader").ids
    wait_until(lambda: jobs_done(store), what="every entry to be applied")
    assert daemon.stop()["gaps"] == 0


def test_a_redis_url_may_state_password_and_database(start_feedd, start_redis):
    port = free_port()
    store = start_redis(port=port, password="s3cret")
    by_tcp = start_feedd("--redis-url", f"redis://:s3cret@127.0.0.1:{port}/3", state="tcp")
    by_socket = start_feedd("--redis-url", f"unix:{store.socket_path}?password=s3cret&db=2", state="unix")
    for daemon, db in ((by_tcp, 3), (by_socket, 2)):
        with daemon.connect() as client:
            client.share("author")
        assert store.client(db=db).dbsize() > 0
        assert "s3cret" not in "\n".join(daemon.lines)
    assert store.client(db=0).dbsize() == 0


def test_a_wrong_password_is_reported_and_not_shown(start_feedd, start_redis):
    store = start_redis(password="s3cret")
    daemon = start_feedd("--redis-url", f"unix:{store.socket_path}?password=wr0ng", wait_for=None)
    daemon.wait_for_line("WRONGPASS|password|auth")
    assert "wr0ng" not in daemon.log_tail()
    if daemon.running():
        daemon.wait_for_event("listening")
    else:
        daemon.wait_for_refusal()


# ---------------------------------------------------------------------------------------------- two daemons, one store

@pytest.mark.parametrize("partitions", [1, 4])
def test_what_is_shared_through_one_daemon_is_live_at_another(start_feedd, redis, partitions):
    flags = ("--redis-url", redis.url, "--store-partitions", str(partitions))
    a, b = (start_feedd(*flags, state=state) for state in ("a", "b"))
    with a.connect() as at_a, b.connect() as at_b:
        at_a.follow_many([(f"r{number}", "author") for number in range(10)])
        homes = [at_b.follow_stream(home=f"r{number}") for number in range(10)]
        shares = []
        for client in (at_a, at_b) * 5:
            shares += client.share_many("author", 20)
        for home in homes:
            home.wait_for_count(len(shares))
            assert home.ids == shares
        for client in (at_a, at_b):
            wait_until(lambda: client.timeline_ids("r0") == shares[::-1], what="the timeline at the other daemon")
        token = homes[0].token
        missed = at_b.share("author").id
        resumed = at_a.follow_stream(home="r0", token=token)
        resumed.wait_for_share(missed)
        assert resumed.ids == (shares + [missed])[-len(resumed.ids):]


def test_the_work_of_a_daemon_that_died_is_taken_over_by_another(start_feedd, redis):
    flags = ("--redis-url", redis.url, "--fanout-claim-after-ms", "300")
    a, b = (start_feedd(*flags, state=state) for state in ("a", "b"))
    with a.connect() as at_a, b.connect() as at_b:
        readers = [f"r{number}" for number in range(200)]
        at_b.follow_many([(reader, "author") for reader in readers])
        for reader in readers:
            at_b.timeline(reader)
        waiting = at_a.send_all([share_request()] * 200)
        acked = {at_a.reply_to(request_id).id for request_id in waiting[:50]}
        a.kill()
        profile = at_b.profile_ids("author", 200)
        assert acked <= set(profile)
        for reader in readers:
            wait_until(lambda: at_b.timeline_ids(reader, 200) == profile, what="all shares in a timeline")
        wait_until(lambda: redis.client().xpending("log:{0}", "appliers")["pending"] == 0, what="the end of all jobs")



def test_shares_of_authors_whose_followers_fill_a_page_hold_up_nobody(start_feedd, redis):
    """Fan-out asks for 128 followers first, and knows only by asking again that there are no more."""
    feedd = start_feedd("--redis-url", redis.url)
    with feedd.connect() as client:
        client.follow_many([(f"fan{number}", author) for author, fans in (("full", 128), ("larger", 200)) for number in range(fans)])
        client.timeline_ids("fan0"), client.timeline_ids("fan150")
        ids = [client.share("full").id for _ in range(20)]
        last = client.share("larger").id
        wait_until(lambda: jobs_done(redis.client()), what="the end of all pushes")
        assert client.timeline_ids("fan0") == [last, *ids[::-1]]
        assert client.timeline_ids("fan150") == [last]
