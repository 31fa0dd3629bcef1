"""What once went wrong and may not again: halves of follows, keys that are no timelines, stores that are mended later."""
import re
from pathlib import Path

import pytest

import feed_pb2 as pb
from feed_client import Disconnected, FeedError
from harness import wait_until

BIG = "🙂" * 1990  # 7,960 bytes


def memory_bytes(daemon):
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{daemon.pid}/status").read_text())[1]) * 1024


def test_a_client_that_asks_much_and_reads_nothing_costs_a_bounded_number_of_bytes(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as writer, daemon.connect(receive_buffer_bytes=4096) as greedy:
        shares = writer.share_many("author", 50, comment=BIG)
        before = memory_bytes(daemon)
        greedy.send_all([pb.GetProfileRequest(subject="author", limit=50) for _ in range(2000)])
        for _ in range(200):
            writer.ping()
            assert writer.profile_ids("author", 200) == shares[::-1]
        # 2,000 answers are 800 MB. Those under way are a few dozen; a sanitizer keeps up to 256 MB of what was freed.
        assert memory_bytes(daemon) - before < 300e6


@pytest.mark.parametrize("wanted", ["followed", "unfollowed"])
def test_a_follow_set_read_between_the_halves_of_a_change_is_put_right_by_the_next_one(start_feedd, redis, wanted):
    """Another daemon dies between the two steps of a change; this one reads the reader's set; then the change is taken back."""
    daemon = start_feedd("--redis-url", redis.url)
    store = redis.client()
    with daemon.connect() as client:
        if wanted == "followed":
            client.follow("rita", "sam")
            store.zrem("following:{0}:rita", "sam")  # the first half of an unfollow
        else:
            last = client.share("somebody").id
            store.zadd("following:{0}:rita", {"sam": last})  # the first half of a follow
        client.timeline("rita")
        home = client.follow_stream(home="rita")
        change = client.follow if wanted == "followed" else client.unfollow
        change("rita", "sam")
        share = client.share("sam").id
        marker = client.share("rita").id
        home.wait_for_share(marker)
        expected = [share, marker] if wanted == "followed" else [marker]
        assert home.ids == expected
        assert client.timeline_ids("rita") == expected[::-1]


def test_a_key_that_is_no_timeline_holds_up_nobody(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--fanout-lag-limit-ms", "300")
    store = redis.client()
    with daemon.connect() as client:
        for reader in ("good", "bad"):
            client.follow(reader, "author")
        client.timeline("good")
        store.set("timeline:{0}:bad", "something else")
        share = client.share("author").id
        wait_until(lambda: store.xpending("log:{0}", "appliers")["pending"] == 0, what="the end of all jobs")
        assert client.timeline_ids("good") == [share]
        client.share("somebody else")
    assert daemon.stop()["pushes_failed"] == 1


def test_a_store_that_is_refused_after_it_was_ready_is_taken_again_once_it_is_mended(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url)
    store = redis.client()
    with daemon.connect() as client:
        client.share("author")
        store.config_set("maxmemory-policy", "allkeys-lru")
        store.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        daemon.wait_for_line("event=store-refused")
        assert client.refusal(pb.ShareRequest(author="author", url="http://example.org/")).code == "UNAVAILABLE"
        store.config_set("maxmemory-policy", "noeviction")

        def shares_again():
            try:
                return client.share("author")
            except FeedError as error:
                assert error.code in ("UNAVAILABLE", "OUTCOME_UNKNOWN")
                return None
        wait_until(shares_again, what="the store to be taken again")


def test_a_resumed_stream_hears_of_the_deletion_of_a_share_that_came_after_its_token(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as client:
        client.follow("rita", "sam")
        with daemon.connect() as other:
            home = other.follow_stream(home="rita")
            token = home.token
            share = client.share("sam").id
            home.wait_for_share(share)
        client.delete("sam", share)
        resumed = client.follow_stream(home="rita", token=token)
        resumed.wait_for_deletion(share)
        assert resumed.ids == []


def test_every_client_is_told_even_if_no_time_is_given_to_what_is_in_progress(start_feedd):
    daemon = start_feedd("--timing-drain-timeout-ms", "0")
    with daemon.connect() as one, daemon.connect() as two:
        daemon.stop()
        for client in (one, two):
            with pytest.raises(Disconnected) as closed:
                client.ping()
            assert closed.value.closing.reason == pb.SHUTDOWN
