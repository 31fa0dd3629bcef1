"""Redis is killed, stops, is slow, refuses: what clients and subscribers see of it. The connections stay; writes are refused
at once, with a time to come back; what was sent gets its real answer; everything goes on by itself, in order."""
import contextlib
import signal
import threading
import time

import pytest
import redis as redis_package

import feed_pb2 as pb
from feed_client import FeedError, share_when_possible
from harness import check_stored, free_port, jobs_done, shim, wait_until
from redis_proxy import RedisProxy
from slow_link import SlowLink

NOTICED_WITHIN_S = 1  # the latest that a write is refused at once, after Redis has stopped
AT_ONCE_S = 0.5


def keyed_shares(count, author="author"):
    return [pb.ShareRequest(author=author, url="http://example.org/", idempotency_key=f"key{number}")
            for number in range(count)]


# Each needs the store, and none may change anything if it is refused.
EVERY_KIND = [
    pb.ShareRequest(author="author", url="http://example.org/refused", idempotency_key="refused"),
    pb.ShareRequest(author="author", url="http://example.org/refused"),
    pb.DeleteShareRequest(author="author", id=1 << 40),
    pb.FollowRequest(reader="other", subject="author"),
    pb.UnfollowRequest(reader="reader", subject="author"),
    pb.FollowManyRequest(pairs=[pb.FollowPair(reader="other", subject="author")]),
    pb.GetTimelineRequest(reader="reader"),
    pb.GetProfileRequest(subject="author"),
    pb.GetFollowersRequest(subject="author"),
    pb.SubscribeRequest(home="reader"),
]


def check_refused_at_once(client, requests=EVERY_KIND):
    for request in requests:
        asked_at = time.monotonic()
        error = client.refusal(request)
        assert error.code == "UNAVAILABLE" and error.retry_after_ms > 0, (request, error)
        assert time.monotonic() - asked_at < AT_ONCE_S, request


def was_refused(client, request_id):
    """What still waited in the daemon when Redis stopped is not kept waiting: nothing of it was done."""
    outcome = client.outcome_of(request_id)
    return isinstance(outcome, FeedError) and outcome.code == "UNAVAILABLE"


@contextlib.contextmanager
def stopped(server):
    """While the server is stopped: when that began."""
    server.signal(signal.SIGSTOP)
    try:
        yield time.monotonic()
    finally:
        server.signal(signal.SIGCONT)


def degraded(stream):
    beats = stream.of_kind("heartbeat")
    return bool(beats) and beats[-1].degraded


def check_stream(stream, ids):
    """Each of these once, in this order, and at the end not degraded."""
    stream.wait_for_share(ids[-1])
    stream.client.wait(lambda: not degraded(stream), "a heartbeat that is not degraded")
    assert stream.ids == ids and stream.gaps == [] and len(stream.of_kind("caught_up")) == 1


def wait_until_applied(store):
    wait_until(lambda: jobs_done(store), what="the end of all jobs")


# ------------------------------------------------------------------------------------------------------------ stopped

def test_while_redis_is_stopped_what_was_sent_waits_and_all_else_is_refused_at_once(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--redis-timeout-ms", "20000")
    with daemon.connect() as publisher, daemon.connect() as idle, daemon.connect() as subscriber:
        subscriber.follow("reader", "author")
        home, profile = subscriber.follow_stream(home="reader"), subscriber.follow_stream(profile="author")
        ids = [publisher.share("author").id]
        home.wait_for_share(ids[0])
        with stopped(redis) as since:
            sent = publisher.send_all(keyed_shares(20))
            subscriber.wait(lambda: degraded(home) and degraded(profile), "degraded heartbeats")
            assert time.monotonic() - since < NOTICED_WITHIN_S + AT_ONCE_S
            for client in (idle, publisher):
                check_refused_at_once(client)
                client.ping()
            under_way = [request_id for request_id in sent if not publisher.answered(request_id)]
            assert under_way and all(was_refused(publisher, request_id) for request_id in sent if request_id not in under_way)
            subscriber.read_for(0)
            assert home.ids == ids
        ids += [publisher.reply_to(request_id).id for request_id in under_way]
        ids.append(share_when_possible(publisher).id)
        check_stream(home, ids)
        assert profile.ids == ids and not degraded(profile)
        assert publisher.timeline_ids("reader") == ids[::-1]
        assert publisher.followers("author") == ["reader"]


def test_a_write_that_comes_a_second_after_redis_stopped_is_refused_at_once_even_if_nothing_was_asked_before(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client, daemon.connect() as subscriber:
        home = subscriber.follow_stream(home="author")
        with stopped(redis) as since:
            while time.monotonic() < since + NOTICED_WITHIN_S:
                subscriber.read_for(since + NOTICED_WITHIN_S - time.monotonic())
            check_refused_at_once(client)
        check_stream(home, [share_when_possible(client).id])


def test_a_share_whose_connection_to_redis_was_given_up_gets_its_real_answer_when_redis_is_back(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--redis-timeout-ms", "600", "--share-resolve-ms", "20000")
    with daemon.connect() as publisher, daemon.connect() as subscriber:
        subscriber.follow("reader", "author")
        home = subscriber.follow_stream(home="reader")
        with stopped(redis):
            nameless = publisher.send(pb.ShareRequest(author="nameless", url="http://example.org/"))
            sent = publisher.send_all(keyed_shares(20))
            daemon.wait_for_line('event=redis-lost link=commands reason="no answer in time"')
            with pytest.raises(FeedError, match="OUTCOME_UNKNOWN"):
                publisher.reply_to(nameless)
            under_way = [request_id for request_id in sent if not publisher.answered(request_id)]
            assert all(was_refused(publisher, request_id) for request_id in sent if request_id not in under_way)
            check_refused_at_once(publisher)
        ids = [publisher.reply_to(request_id).id for request_id in under_way]
        assert ids == sorted(set(ids))
        ids.append(share_when_possible(publisher).id)
        check_stream(home, ids)
        assert publisher.profile_ids("author") == ids[::-1]
    assert daemon.stop()["shares_resolved"] == len(under_way)


def test_a_share_whose_outcome_does_not_show_in_time_is_unknown(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--redis-timeout-ms", "300", "--share-resolve-ms", "400")
    with daemon.connect() as publisher, daemon.connect() as gone:
        with stopped(redis):
            began = time.monotonic()
            sent = publisher.send_all(keyed_shares(3))
            gone.send_all(keyed_shares(3, "gone"))
            gone.ping()
            gone.close()
            for request_id in sent:
                with pytest.raises(FeedError, match="OUTCOME_UNKNOWN") as refused:
                    publisher.reply_to(request_id)
                assert refused.value.retry_after_ms > 0
            assert time.monotonic() - began >= 0.7
        ids = [share_when_possible(publisher, idempotency_key=f"key{number}").id for number in range(3)]
        assert publisher.profile_ids("author") == ids[::-1]
        assert len(publisher.profile_ids("gone")) in (0, 3)


def test_a_daemon_that_stops_answers_those_who_wait_for_redis(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--redis-timeout-ms", "300", "--share-resolve-ms", "600000",
                         "--timing-drain-timeout-ms", "20000")
    with daemon.connect() as publisher:
        with stopped(redis):
            sent = publisher.send_all(keyed_shares(3))
            daemon.wait_for_line("event=redis-lost link=commands")
            began = time.monotonic()
            daemon.stop()
            assert time.monotonic() - began < 10
        for request_id in sent:
            with pytest.raises(FeedError, match="OUTCOME_UNKNOWN"):
                publisher.reply_to(request_id)
        assert publisher.wait_closed().reason == pb.SHUTDOWN


# ------------------------------------------------------------------------------------------------------ killed, slow

def test_redis_is_killed_amid_shares_and_each_has_its_one_answer_when_it_is_back(start_feedd, redis, workdir):
    """What was sent on has its real answer in the end; what was not is refused, and nothing of it was done."""
    with RedisProxy(workdir / "proxy.sock", redis.socket_path) as proxy:
        daemon = start_feedd("--redis-url", proxy.url, "--share-resolve-ms", "20000")
        with daemon.connect() as publisher, daemon.connect() as subscriber:
            subscriber.follow("reader", "author")
            home = subscriber.follow_stream(home="reader")
            proxy.hold_after(20)
            sent = publisher.send_all(keyed_shares(900))
            publisher.ping()  # it has read them all
            wait_until(lambda: proxy.stopped, what="twenty commands")
            redis.kill()
            subscriber.wait(lambda: degraded(home), "a degraded heartbeat")
            check_refused_at_once(subscriber)
            proxy.release()
            redis = redis.restart()
            outcomes = [publisher.outcome_of(request_id) for request_id in sent]
            refused = [outcome.code for outcome in outcomes if isinstance(outcome, FeedError)]
            assert set(refused) <= {"UNAVAILABLE"} and len(refused) < 700, "hundreds were under way"
            ids = [outcome.id for outcome in outcomes if not isinstance(outcome, FeedError)]
            assert ids == sorted(set(ids))
            ids.append(share_when_possible(publisher).id)
            check_stream(home, ids)
            assert publisher.profile_ids("author", 200) == ids[::-1]
        wait_until_applied(redis.client())
        assert daemon.stop()["shares_resolved"] > 200


def test_a_private_redis_whose_disk_is_full_takes_no_writes_and_loses_nothing(start_feedd, workdir):
    flag = workdir / "full"
    program = workdir / "redis-server"
    program.write_text(f"#!/bin/sh\nexport LD_PRELOAD={shim('full_disk')} FULL_DISK_FLAG={flag}\n"
                       'exec redis-server "$@"\n')
    program.chmod(0o755)
    daemon = start_feedd("--redis-server", program)
    with daemon.connect() as client:
        client.follow("reader", "author")
        home = client.follow_stream(home="reader")
        assert client.timeline_ids("reader") == []
        ids = client.share_many("author", 20)
        flag.touch()
        outcomes = []

        def refused():
            outcomes.append(client.call_all([pb.ShareRequest(author="author", url="http://example.org/")])[0])
            return isinstance(outcomes[-1], FeedError)
        wait_until(refused, what="a share that is refused")
        assert outcomes[-1].code == "UNAVAILABLE" and outcomes[-1].retry_after_ms > 0
        ids += [outcome.id for outcome in outcomes[:-1]]  # acknowledged, and not on the disk yet
        assert "disk" in daemon.wait_for_event("redis-error")["advice"]
        assert client.timeline_ids("reader", 200) == ids[::-1]
        assert not degraded(home)
        flag.unlink()
        ids.append(share_when_possible(client).id)
        home.wait_for_share(ids[-1])
        assert home.ids == ids and home.gaps == []
    daemon.stop()
    with daemon.restart().connect() as client:
        assert client.timeline_ids("reader", 200) == ids[::-1]


def test_a_redis_that_is_far_away_is_slow_and_nothing_else(start_feedd, redis, workdir):
    with SlowLink(workdir / "slow.sock", redis.socket_path, 0.05) as link:
        daemon = start_feedd("--redis-url", link.url)
        with daemon.connect() as client, daemon.connect() as subscriber:
            client.follow_many([(f"reader{number}", "author") for number in range(20)])
            home = subscriber.follow_stream(home="reader0")
            ids = []
            for _ in range(5):
                ids += client.share_many("author", 100)
            assert len(home.ids) <= 500
            check_stream(home, ids)
            assert client.timeline_ids("reader1", 200) == ids[::-1]
            assert not any(beat.degraded for beat in home.of_kind("heartbeat"))
        wait_until_applied(redis.client())
        assert daemon.stop()["redis_stalls"] == 0


# ----------------------------------------------------------------------------------------------- errors of many kinds

def refused_pushes(store):
    """How often Redis has answered LPUSHX with an error."""
    return store.info("commandstats").get("cmdstat_lpushx", {"failed_calls": 0, "rejected_calls": 0})["rejected_calls"]


def test_a_redis_without_memory_takes_no_shares_and_all_else_goes_on(start_feedd, redis, workdir):
    store = redis.client()
    with RedisProxy(workdir / "proxy.sock", redis.socket_path) as proxy:
        daemon = start_feedd("--redis-url", proxy.url)
        with daemon.connect() as client, daemon.connect() as subscriber:
            client.follow_many([("reader", "author"), ("reader", "second")])
            old = client.share_many("author", 3)
            assert client.timeline_ids("reader") == old[::-1]
            wait_until_applied(store)
            home = subscriber.follow_stream(home="reader")
            proxy.withhold(b"LPUSHX")
            shares = client.share_many("author", 5)
            store.config_set("maxmemory", 1)
            proxy.release_all()
            wait_until(lambda: refused_pushes(store) > 0, what="a push that is refused")

            for request in EVERY_KIND[:2] + [EVERY_KIND[3]]:
                error = client.refusal(request)
                assert error.code == "UNAVAILABLE" and error.retry_after_ms > 0
            assert "maxmemory" in daemon.wait_for_event("redis-error")["advice"]
            assert client.timeline_ids("reader") == (old + shares)[::-1]
            client.delete("author", shares[0])
            home.wait_for_deletion(shares[0])
            client.unfollow("reader", "second")
            assert client.following("reader") == ["author"] and client.followers("second") == []
            assert not degraded(home)
            for _ in range(50):
                client.call_all(keyed_shares(20))
            with start_feedd("--redis-url", redis.url, state="other").connect() as other:  # one that starts now can read
                assert other.profile_ids("author") == (old + shares[1:])[::-1]

            store.config_set("maxmemory", 0)
            shares.append(share_when_possible(client).id)
            home.wait_for_share(shares[-1])
            assert home.ids == shares and home.gaps == []
            wait_until_applied(store)
            check_stored(store, "reader", (old + shares)[::-1])
        assert sum("event=redis-error" in line for line in daemon.lines) <= 16


def test_a_redis_that_becomes_a_replica_takes_no_writes_until_it_is_the_master_again(start_feedd, redis):
    store = redis.client()
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client, daemon.connect() as subscriber:
        client.follow("reader", "author")
        home = subscriber.follow_stream(home="reader")
        ids = client.share_many("author", 5)
        store.replicaof("127.0.0.1", free_port())
        subscriber.wait(lambda: degraded(home), "a degraded heartbeat")
        check_refused_at_once(client)
        assert "replica" in daemon.wait_for_line("event=(redis-error|store-not-opened) .*replica")
        store.replicaof("NO", "ONE")
        ids.append(share_when_possible(client).id)
        check_stream(home, ids)
        assert client.timeline_ids("reader") == ids[::-1]
    assert sum("level=error" in line for line in daemon.lines) <= 16


def test_a_user_that_may_not_push_is_reported_and_what_was_shared_is_pushed_once_it_may(start_feedd, start_redis):
    port = free_port()
    store = start_redis(port=port).client()
    store.execute_command("ACL", "SETUSER", "feeder", "on", ">s3cret", "~*", "&*", "+@all", "-lpushx")
    daemon = start_feedd("--redis-url", f"redis://feeder:s3cret@127.0.0.1:{port}")
    with daemon.connect() as client:
        client.follow("reader", "author")
        assert client.timeline_ids("reader") == []
        shares = client.share_many("author", 3)
        assert "ACL SETUSER" in daemon.wait_for_event("redis-error")["advice"]
        assert not jobs_done(store)
        store.execute_command("ACL", "SETUSER", "feeder", "+lpushx")
        wait_until_applied(store)
        check_stored(store, "reader", shares[::-1])


def test_a_user_that_may_not_run_scripts_is_told_what_is_missing(start_feedd, start_redis):
    port = free_port()
    store = start_redis(port=port).client()
    store.execute_command("ACL", "SETUSER", "feeder", "on", ">s3cret", "~*", "&*", "+@all", "-script")
    daemon = start_feedd("--redis-url", f"redis://feeder:s3cret@127.0.0.1:{port}", wait_for="store-not-opened")
    said = daemon.wait_for_event("store-not-opened")
    assert "NOPERM" in said["reason"] and "ACL SETUSER" in said["advice"]
    store.execute_command("ACL", "SETUSER", "feeder", "+script", "-xadd")
    daemon.wait_for_event("ready")
    with daemon.connect() as client:
        error = client.refusal(pb.ShareRequest(author="author", url="http://example.org/"))
        assert error.code == "UNAVAILABLE" and error.retry_after_ms > 0
        assert "ACL SETUSER" in daemon.wait_for_event("redis-error")["advice"]
        store.execute_command("ACL", "SETUSER", "feeder", "+xadd")
        client.share("author")


def test_a_redis_that_still_reads_its_data_is_waited_for(start_feedd, start_redis):
    server = start_redis("--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024")
    daemon = start_feedd("--redis-url", server.url)
    with daemon.connect() as client, daemon.connect() as subscriber:
        home = subscriber.follow_stream(home="author")
        ids = client.share_many("author", 100)
        home.wait_for_share(ids[-1])
        server.client().bgrewriteaof()
        wait_until(lambda: not server.client().info("persistence")["aof_rewrite_in_progress"]
                   and server.client().info("persistence")["aof_rewrites"] == 1, what="the end of the rewriting")
        server.kill()
        server = server.restart()  # when it has read everything
        assert "wait" in daemon.wait_for_line("level=info event=redis-loading .*LOADING")
        ids.append(share_when_possible(client).id)
        check_stream(home, ids)


def test_a_redis_that_is_busy_with_somebody_elses_script_is_waited_for(start_feedd, redis):
    store = redis.client()
    store.config_set("busy-reply-threshold", 100)
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client, daemon.connect() as subscriber:
        home = subscriber.follow_stream(home="author")

        def endless():
            with contextlib.suppress(redis_package.ResponseError):
                redis.client().eval("while true do end", 0)
        script = threading.Thread(target=endless)
        script.start()
        error = wait_until(lambda: refusal_of_a_share(client), what="a share that is refused")
        assert error.code in ("UNAVAILABLE", "OUTCOME_UNKNOWN") and error.retry_after_ms > 0
        assert "SCRIPT KILL" in daemon.wait_for_line("event=redis-(error|refused) .*BUSY")
        store.script_kill()
        script.join()
        last = share_when_possible(client).id
        home.wait_for_share(last)
        assert home.gaps == [] and sorted(home.ids) == home.ids


def refusal_of_a_share(client):
    try:
        client.share("author")
    except FeedError as error:
        return error
    return None
