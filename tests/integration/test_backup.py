"""A backup as docs/operations.md describes it."""
import shutil
import threading

import feed_pb2 as pb
from harness import wait_until
from test_check import assert_clean


def back_up(server, target):
    """The steps of the document."""
    with server.client() as store:
        store.config_set("auto-aof-rewrite-percentage", 0)
        wait_until(lambda: not store.info("persistence")["aof_rewrite_in_progress"], what="the end of a rewrite")
        shutil.copytree(server.directory / "appendonlydir", target / "appendonlydir")
        store.config_set("auto-aof-rewrite-percentage", 100)


class Publisher(threading.Thread):
    """Shares, one after the other, until it is told to end."""

    def __init__(self, daemon):
        super().__init__()
        self._daemon = daemon
        self._end = threading.Event()
        self.shares = []  # acknowledged

    def run(self):
        with self._daemon.connect() as client:
            while not self._end.is_set():
                self.shares.append(client.share("sam").id)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        self._end.set()
        self.join()


def test_a_backup_made_under_load_has_what_was_acknowledged_and_tells_who_saw_more(start_feedd, start_redis, redis, workdir):
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client:
        client.follow("rita", "sam")
        with Publisher(daemon) as publisher:
            wait_until(lambda: len(publisher.shares) > 20, what="shares")
            before = list(publisher.shares)
            back_up(redis, workdir / "restored")
            after = len(publisher.shares)
            wait_until(lambda: len(publisher.shares) > after + 20, what="shares that the backup lacks")
        token = client.follow_stream(home="rita").token

    store = start_redis(name="restored")
    restored = start_feedd("--redis-url", store.url, "--store-vouch-patience-ms", "100", state="restored-state")
    with restored.connect() as client:
        ids = client.profile_ids("sam")[::-1]
        assert ids == publisher.shares[:len(ids)] and ids[:len(before)] == before
        assert len(ids) < len(publisher.shares)
        assert client.timeline_ids("rita") == ids[::-1]
        resumed = client.subscribe(home="rita", token=token)
        client.wait(lambda: resumed.gaps, "a Gap")
        assert {gap.reason for gap in resumed.gaps} == {pb.GAP_LOST}
        after = client.share("sam").id
        resumed.wait_for_share(after)
        assert after > publisher.shares[-1]
    assert_clean(restored)
