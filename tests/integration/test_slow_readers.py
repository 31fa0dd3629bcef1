"""Slow readers: they cost a bounded number of bytes, alone and all together, and get everything once and in order.

FEEDD_SLOW_SECONDS says how long a reader takes a byte now and then (default 2)."""
import os
import resource
import socket
import time

import feed_pb2 as pb
import harness
from crowd import Crowd
from feed_client import FrameReader, client_frame
from harness import wait_until
from test_recovery import memory_bytes

BIG = "🙂" * 1990  # 7,960 bytes
SECONDS = float(os.environ.get("FEEDD_SLOW_SECONDS", "2"))
SOFT_LIMIT = 65536
FRAME = 9000  # more than one share's frame

READERS = 5000
AUTHORS = 50
SHARES_EACH = 10
BUDGET = 1 << 20


class Dribble:
    """A connection that subscribes to streams and takes as many bytes as it is told to."""

    def __init__(self, address, **streams):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        self.socket.connect(address)
        self.socket.settimeout(20)
        self.frames = FrameReader()
        self.events = {}  # request id -> share ids
        self.live = set()
        requests = [pb.HelloRequest(protocol_version=1, client_name="dribble")]
        requests += [pb.SubscribeRequest(**{kind: name}) for kind, name in streams.items()]
        self.socket.sendall(b"".join(client_frame(number, request) for number, request in enumerate(requests, 1)))
        while len(self.live) < len(streams):
            self.take(1 << 18)

    def take(self, size):
        for frame in self.frames.feed(self.socket.recv(size)):
            kind = frame.WhichOneof("body")
            if kind == "shared":
                self.events.setdefault(frame.request_id, []).append(frame.shared.share.id)
            elif kind == "caught_up":
                self.live.add(frame.request_id)
            assert kind in ("hello", "subscribe", "shared", "caught_up", "heartbeat", "read_marker"), frame

    def take_all(self, events):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        while sum(map(len, self.events.values())) < events:
            self.take(1 << 18)


def flood(client, dribble, author, batch, enough):
    """Publishes until `enough(shares)`, while the reader takes a byte after each batch."""
    shares = []
    while not enough(shares):
        shares += client.share_patiently(author, batch, comment=BIG)
        dribble.take(1)
    return shares


def test_a_reader_that_takes_a_byte_now_and_then_costs_its_soft_limit_and_misses_nothing(start_feedd):
    daemon = start_feedd("--limits-queue-soft-limit-bytes", str(SOFT_LIMIT), "--cache-ring-bytes", str(256 << 20))
    with daemon.connect() as client:
        client.follow("reader", "author")
        slow = Dribble(daemon.address, home="reader", profile="author")
        end = time.monotonic() + SECONDS
        shares = flood(client, slow, "author", 20, lambda shares: time.monotonic() > end and len(shares) >= 200)
        slow.take_all(2 * len(shares))
        slow.socket.close()
    assert list(slow.events.values()) == [shares, shares]
    counters = daemon.stop()
    # Frames that both streams wait for are counted once: what the one reader held, and a batch of small answers.
    assert counters["queued_peak_bytes"] <= SOFT_LIMIT + 2 * FRAME
    assert counters["demotions"] > 0
    assert counters["queued_bytes"] == counters["queues_shed"] == counters["gaps"] == 0


def test_a_slow_reader_whom_the_ring_no_longer_reaches_catches_up_from_the_store(start_feedd):
    daemon = start_feedd("--limits-queue-soft-limit-bytes", str(SOFT_LIMIT), "--cache-ring-bytes", str(1 << 20),
                         "--cache-body-bytes", str(1 << 20), "--timeline-cap", "2000")
    with daemon.connect() as client:
        client.follow("reader", "author")
        slow = Dribble(daemon.address, home="reader", profile="author")
        shares = flood(client, slow, "author", 10, lambda shares: len(shares) >= 600)
        with daemon.private_redis() as store:
            wait_until(lambda: harness.jobs_done(store), what="the fan-out")
            slow.take_all(2 * len(shares))
            assert store.info("commandstats")["cmdstat_mget"]["calls"] > 1  # bodies came from the store
        slow.socket.close()
    assert list(slow.events.values()) == [shares, shares]
    counters = daemon.stop()
    assert counters["queued_peak_bytes"] <= SOFT_LIMIT + 2 * FRAME
    assert counters["gaps"] == 0


def test_five_thousand_slow_readers_cost_no_more_than_the_budget_and_each_gets_everything(start_feedd, monkeypatch):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    monkeypatch.setitem(harness.ENVIRONMENT, "ASAN_OPTIONS", "print_legend=0:quarantine_size_mb=4")
    daemon = start_feedd("--limits-queue-budget-bytes", str(BUDGET))
    readers = [f"reader{number}" for number in range(READERS)]
    author_of = {reader: f"author{number % AUTHORS}" for number, reader in enumerate(readers)}
    with daemon.connect(timeout=60) as client:
        for first in range(0, READERS, 1000):
            client.follow_many([(reader, author_of[reader]) for reader in readers[first:first + 1000]])
        with Crowd(daemon.address, readers, receive_buffer_bytes=2304) as crowd:
            wait_until(crowd.all_caught_up, timeout=60, what="all subscribers to be live")
            crowd.reading = False
            before = memory_bytes(daemon)
            shares = {f"author{number}": [] for number in range(AUTHORS)}
            for _ in range(SHARES_EACH):
                replies = client.call_all([pb.ShareRequest(author=author, url="http://example.org/", comment=BIG)
                                           for author in shares])
                for ids, reply in zip(shares.values(), replies):
                    ids.append(reply.id)
            grown = memory_bytes(daemon) - before
            crowd.read_again()
            wait_until(lambda: crowd.has_seen(READERS * SHARES_EACH), timeout=60, what="all deliveries")
            for member in crowd.members:
                author = author_of[member.reader]
                assert member.seen == [(share, author) for share in shares[author]]
            assert client.ping() is not None
    counters = daemon.stop()
    assert counters["deliveries"] >= READERS * SHARES_EACH
    # Nobody comes near the soft limit: whoever fell back did so for the budget's sake.
    assert counters["demotions"] > 0 and counters["gaps"] == 0
    # One event may be added to each queue that is empty; in one turn of the loop come at most 128 entries.
    assert counters["queued_peak_bytes"] <= BUDGET + 128 * FRAME + READERS * 8 * 16
    # Shares in the ring and in the cache, once; the budget; the positions of those that fell back; what was freed lately.
    assert grown <= 2 * AUTHORS * SHARES_EACH * FRAME + 4 * BUDGET + READERS * 1000 + (8 << 20)
