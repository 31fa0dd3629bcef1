"""Resuming: from any token of any moment, out of the ring or out of the store, on any daemon of the store."""
import pytest

import feed_pb2 as pb
from feed_client import FeedError
from harness import jobs_done, wait_until

BIG = "🙂" * 1990  # 7,960 bytes: 150 of them leave a ring of a megabyte
AUTHORS = ["sam", "tom", "una", "vic", "wes", "xav"]
SMALL_RING = ("--cache-ring-bytes", "1048576", "--limits-max-page", "1000")


@pytest.mark.parametrize("flags", [(), SMALL_RING, (*SMALL_RING, "--store-partitions", "4")],
                         ids=["out-of-the-ring", "out-of-the-store", "out-of-a-store-of-four-partitions"])
def test_a_stream_that_breaks_off_while_it_catches_up_goes_on_from_its_latest_token(start_feedd, flags):
    """However often it breaks off: each time it has come at least a hundred events further."""
    daemon = start_feedd(*flags)
    with daemon.connect() as client:
        client.follow_many([("rita", author) for author in AUTHORS])
        home = client.follow_stream(home="rita")
        token = home.token
        shares = [(author, share) for author in AUTHORS for share in client.share_patiently(author, 75, comment=BIG)]
        deleted = shares[::50]
        for author, share in deleted:
            client.call_patiently(pb.DeleteShareRequest(author=author, id=share))
            home.wait_for_deletion(share)
    received = []
    for attempt in range(8):
        with daemon.connect() as client:
            home = client.subscribe(home="rita", token=token)
            client.wait(lambda: home.token or home.of_kind("caught_up"), "a token")
            place = next(index for index, (kind, message) in enumerate(home.events)
                         if kind in ("heartbeat", "caught_up") and message.resume_token)
            received += home.events[:place]
            token = home.events[place][1].resume_token
            if home.events[place][0] == "caught_up":
                break
    assert attempt >= 3
    seen = [(event.share.author, event.share.id) for kind, event in received if kind == "shared"]
    assert [one for author in AUTHORS for one in seen if one[0] == author] == \
        [one for author in AUTHORS for one in shares if one[0] == author and one not in deleted]
    assert sorted(event.share_id for kind, event in received if kind == "deleted") == sorted(one for _, one in deleted)
    assert not [kind for kind, _ in received if kind == "gap"]


@pytest.mark.ways("resumed")
def test_days_later_another_daemon_brings_exactly_what_was_missed(start_feedd, redis):
    """The ring of the other daemon has never seen what was missed."""
    daemon = start_feedd("--redis-url", redis.url, *SMALL_RING)
    with daemon.connect() as client:
        client.follow_many([("rita", "sam"), ("rita", "tom")])
        seen = client.share("sam").id
        home = client.follow_stream(home="rita")
        token = home.token
        missed = client.share_patiently("sam", 100, comment=BIG)
        client.call_patiently(pb.DeleteShareRequest(author="sam", id=seen))
        client.call_patiently(pb.UnfollowRequest(reader="rita", subject="tom"))
        client.share_patiently("tom", 1)
        missed += client.share_patiently("sam", 100, comment=BIG)
    daemon.stop()
    other = start_feedd("--redis-url", redis.url, *SMALL_RING, state="other")
    with other.connect() as client:
        home = client.resume(token, 200, 1, home="rita")
        assert home.ids == missed and home.deleted == [seen] and not home.gaps


def test_a_token_from_before_what_is_remembered_of_deletions_is_a_gap_that_says_so(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, *SMALL_RING)
    store = redis.client()
    with daemon.connect() as client:
        client.follow("rita", "sam")
        home = client.follow_stream(home="rita")
        token = home.token
        missed = client.share_patiently("sam", 200, comment=BIG)
        wait_until(lambda: jobs_done(store), what="the end of all jobs")
        store.hset("meta:{0}", "forgotten", missed[10])  # as a deletion does when log.retention_s has passed
    daemon.stop()
    with daemon.restart().connect() as client:
        resumed = client.resume(token, 200, home="rita")
        assert resumed.ids == missed
        assert [gap.reason for gap in resumed.gaps] == [pb.GAP_TOO_OLD]
        assert resumed.gaps[0].ranges[0].until == missed[10]


def test_a_token_of_an_unknown_run_of_redis_is_refused_as_one_from_the_future(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client:
        token = client.follow_stream(home="rita").token
    daemon.stop()
    redis.client().hset("meta:{0}", mapping={"mark": 12345, "runs": ""})
    daemon = daemon.restart()
    with daemon.connect() as client:
        with pytest.raises(FeedError) as refused:
            client.subscribe(home="rita", token=token)
        assert refused.value.code == "TOKEN_FUTURE"
