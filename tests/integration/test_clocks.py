"""Wall clocks step, of Redis's host and of feedd's: order, completeness and timers do not depend on them."""
import time

import pytest

import feed_pb2 as pb
from feed_client import share_when_possible
from harness import wait_until
from wall_clock import WallClock

MINUTE, HOUR = 60, 3600


@pytest.fixture
def clock(workdir):
    return WallClock(workdir)


def test_ids_grow_and_nothing_is_lost_while_the_clock_of_redis_steps(start_feedd, start_redis, clock):
    store = start_redis(environment=clock.environment)
    daemon = start_feedd("--redis-url", store.url)
    with daemon.connect() as client:
        client.follow("reader", "author")
        home = client.follow_stream(home="reader")
        ids = client.share_many("author", 3)
        for seconds in (-10 * MINUTE, 5 * MINUTE, 30 * MINUTE, -50 * MINUTE, 25 * MINUTE):
            clock.step(seconds)
            client.unfollow("other", "author")
            client.follow("other", "author")
            ids += client.share_many("author", 3)
            home.wait_for_share(ids[-1])
        assert ids == sorted(set(ids)) and home.ids == ids and home.gaps == []
        assert client.timeline_ids("reader") == ids[::-1]
        wait_until(lambda: client.timeline_ids("other") == ids[::-1], what="the timeline of the other one")


def test_a_redis_whose_clock_is_more_than_an_hour_behind_the_ids_takes_no_writes_until_it_is_not(start_feedd, start_redis, clock):
    store = start_redis(environment=clock.environment)
    daemon = start_feedd("--redis-url", store.url)
    with daemon.connect() as client:
        client.follow("reader", "author")
        home = client.follow_stream(home="reader")
        ids = client.share_many("author", 3)
        for away, back in ((-2 * HOUR, 2 * HOUR), (5 * HOUR, -5 * HOUR)):
            clock.step(away)
            if away > 0:
                ids += client.share_many("author", 3)
                clock.step(back)
            for request in (pb.ShareRequest(author="author", url="http://example.org/"),
                            pb.FollowRequest(reader="other", subject="author"),
                            pb.UnfollowRequest(reader="reader", subject="author"),
                            pb.DeleteShareRequest(author="author", id=ids[0])):
                error = client.refusal(request)
                assert error.code == "UNAVAILABLE" and error.retry_after_ms > 0, (away, request, error)
            assert "clock" in daemon.wait_for_event("redis-error")["advice"]
            assert client.timeline_ids("reader") == ids[::-1]
            clock.step(back if away < 0 else 4 * HOUR + 10 * MINUTE)  # within the hour
            ids.append(share_when_possible(client).id)
            home.wait_for_share(ids[-1])
        assert ids == sorted(set(ids)) and home.ids == ids and home.gaps == []
        assert client.following("reader") == ["author"] and client.get(ids[0]).author == "author"


def test_steps_of_feedds_own_clock_change_no_timer_and_no_order(start_feedd, redis, clock):
    daemon = start_feedd("--redis-url", redis.url, "--timing-heartbeat-interval-ms", "100", "--log-retention-s", "60",
                         environment={**clock.environment, "ASAN_OPTIONS": "verify_asan_link_order=0"})
    with daemon.connect() as client:
        client.share_many("other", 400)  # enough for the log to be trimmed, were they too old
        client.follow("reader", "author")
        home = client.follow_stream(home="reader")
        ids = client.share_many("author", 3)
        token = home.wait_for_heartbeats().resume_token
        entries = redis.client().xlen("log:{0}")
        for seconds in (-30 * MINUTE, 20 * MINUTE, 3 * HOUR, -60 * 24 * HOUR, 400 * 24 * HOUR):
            clock.step(seconds)
            home.wait_for_heartbeats(2)
            ids.append(client.share("author").id)
            home.wait_for_share(ids[-1])
            created_at_ms = client.get(ids[-1]).created_at_ms
            assert abs(created_at_ms / 1000 - time.time() - clock.ahead) < MINUTE
            assert client.refusal(pb.ShareRequest(author="author", url="http://example.org/",
                                                  created_at_ms=created_at_ms + 600_000)).field == "created_at_ms"
        assert home.ids == ids and home.gaps == [] and not any(beat.degraded for beat in home.of_kind("heartbeat"))
        assert len(home.of_kind("caught_up")) == 1
        assert redis.client().xlen("log:{0}") == entries + 5  # nothing was trimmed for the new date
        resumed = client.resume(token, 5, home="reader")
        assert resumed.ids == ids[3:] and resumed.gaps == []
    assert daemon.stop()["redis_stalls"] == 0
