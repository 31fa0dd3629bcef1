"""An answer of Redis that is too large for memory costs a link, and nothing else."""
import harness
from feed_client import FeedError
from harness import wait_until
from redis_proxy import RedisProxy

SHARES = 20
# An array of 1.6 GB, to a daemon that is given no more than one at a time. It must be built with AddressSanitizer.
HUGE_REPLY = b"*200000000\r\n"
LIMITED = "allocator_may_return_null=1:max_allocation_size_mb=1024"


def test_an_answer_that_is_too_large_for_memory_loses_a_link_and_nothing_that_was_acknowledged(start_feedd, redis, workdir,
                                                                                              monkeypatch):
    with RedisProxy(workdir / "proxy.sock", redis.socket_path) as proxy:
        monkeypatch.setitem(harness.ENVIRONMENT, "ASAN_OPTIONS", LIMITED)
        daemon = start_feedd("--redis-url", proxy.url)
        monkeypatch.undo()
        with daemon.connect() as client:
            client.follow_many([("ann", "bob")])
            shares = client.share_many("bob", SHARES)
            proxy.say_instead(HUGE_REPLY)
            assert daemon.wait_for_event("redis-lost")["reason"] == "Out of memory"

            def answers():
                try:
                    return client.profile_ids("bob")
                except FeedError:
                    return None

            assert wait_until(answers) == shares[::-1]
            assert client.timeline_ids("ann") == shares[::-1]
            daemon.lines[:] = [line for line in daemon.lines if "AddressSanitizer failed to allocate" not in line]
