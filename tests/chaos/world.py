"""What a chaos run consists of: the servers, what the people know of each other, and the counts."""
import collections
import contextlib
import random
import tempfile
import threading
import time
from pathlib import Path

import environment  # noqa: F401  (makes the next ones importable)
import feed_pb2 as pb
import harness
import redis as redis_package
from feed_client import Client
from harness import Feedd, RedisServer, log_keys
from wait import wait_until

from faulty_link import FaultyLink
from history import Recorder
from wall_clock import WallClock

AUTHORS = 10
READERS = 30
STAR = "star"  # the author with so many followers that a fan-out takes some time
STAR_FOLLOWERS = 9000
SAMPLE = [f"fan{number}" for number in (0, 1, 999, 1999, 2000, 2001, 4128, 6128, 8998, 8999)]
TALKED_ABOUT = ("author0", "author5")  # under whose shares most is said
INBOXES = (*TALKED_ABOUT, "reader9")  # of whom somebody looks
ACKS_PER_S = 150      # less than that, and publishers share more at once
NEWCOMERS_PER_S = 4
# Of the two daemons, which need not agree. Authors have more than 20 followers after a while; mostly all that is shared is pushed.
PUSH_LIMITS = ((1000000, 1000000),) * 3 + ((20, 1000000), (1000000, 2), (2, 20))
VOUCH_PATIENCE_MS = 25000  # longer than any daemon is away


class World:
    def __init__(self, seed, directory, feedd, pace_s, loses):
        self.seed = seed
        self.directory = directory
        self.pace_s = pace_s
        self.loses = loses
        self.recorder = Recorder()
        self.counts = collections.Counter()
        self.lock = threading.Lock()
        self.stopping = threading.Event()  # people finish what they have begun
        self.last_call = threading.Event()  # all follows are done: one more share of everybody
        self.finished = threading.Event()  # streams end
        self.closed = threading.Event()    # the servers have ended
        self.readers = [f"reader{number}" for number in range(READERS - 3)] + ["author0", "author1", "author2"]
        self.authors = [f"author{number}" for number in range(AUTHORS)] + [STAR]
        self.sample = SAMPLE
        self.newcomers = []
        self.shares = []        # (author, id) as acknowledged
        self.urls = {}          # id -> url
        self.origins = {}       # id of a re-share -> its origin
        self.topics = {}        # author -> the share of its that is talked about
        self.comments = []      # (author, share, comment, commenter) as acknowledged
        self.last_words = []    # (author, share, comment, commenter): what was said last under each topic
        self.last_share = {}    # author -> the latest acknowledged
        self.following = set()  # (reader, subject) as acknowledged
        self.muted = set()      # the same
        self.blocked = set()    # the same
        self.logs = []          # (name, server) of all that ever ran
        self.began_at = None
        harness.FEEDD = feedd
        self.draw_settings()

    def draw_settings(self):
        draw = random.Random(f"{self.seed} settings")
        self.partitions = draw.choice((1, 1, 4))
        backfill = draw.choice((100, 1000))
        caps = draw.choice(((5000, 100000), (5000, 100000), (200, 300)))
        self.settings = {"profile_cap": caps[1], "timeline_cap": caps[0], "partitions": self.partitions}
        self.flags = [
            "--store-partitions", self.partitions, "--follow-backfill", backfill, "--timeline-cap", caps[0],
            "--profile-cap", caps[1], "--timeline-slack", draw.choice((10, 200)), "--limits-max-page", 1000,
            "--limits-queue-soft-limit-bytes", draw.choice((8192, 65536)),
            "--redis-timeout-ms", draw.choice((400, 1000)),
            "--timing-heartbeat-interval-ms", 300, "--timing-drain-timeout-ms", 1000,
            "--fanout-claim-after-ms", draw.choice((500, 1500)),
            "--cache-ring-bytes", draw.choice((1 << 20, 1 << 26)), "--fanout-push-window", draw.choice((64, 128, 512)),
            "--fanout-retry-parked-s", 5, "--limits-queue-budget-bytes", draw.choice((1 << 16, 1 << 28)), "--store-vouch-patience-ms", VOUCH_PATIENCE_MS,
        ]
        self.push_limits = draw.choice(PUSH_LIMITS)
        self.recorder.add(**{"is": "settings", **self.settings})

    # -- servers

    def start(self):
        self.clock = WallClock(self.directory)
        self.redis = self.start_redis()
        self.links = [FaultyLink(self.directory / f"{name}.sock", self.redis.socket_path) for name in "AB"]
        self.daemons, self.ids, self._addresses = {}, {}, {}
        for name in "AB":
            self.start_daemon(name, wait_for="ready")
            self.ids[name] = self.daemons[name].wait_for_event("ready")["daemon"]

    def start_redis(self):
        """One with nothing in it, that has a clock of its own and can be replicated."""
        directory = Path(tempfile.mkdtemp(prefix="redis", dir=self.directory))
        return RedisServer(directory, "--appendfsync", "always", "--repl-diskless-sync-delay", "0",
                           port=harness.free_port(), environment=self.clock.environment)

    def start_daemon(self, name, wait_for="listening"):
        link = self.links["AB".index(name)]
        self.daemons[name] = Feedd(self.directory / f"state{name}", "--redis-url", link.url, "--fanout-push-limit",
                                   self.push_limits["AB".index(name)], *self.flags, wait_for=wait_for)
        self.logs.append((name, self.daemons[name]))
        self._addresses[name] = self.daemons[name].address

    def kill_daemon(self, name):
        self._addresses.pop(name, None)
        self.daemons[name].kill()

    def end_daemon(self, name):
        self._addresses.pop(name, None)
        self.daemons[name].stop()

    def addresses(self):
        """(name, address) of the daemons that should be there."""
        return list(self._addresses.items())

    def address_of(self, name):
        return self._addresses[name]

    # -- Redis itself, past all links

    def stored(self, question, within_s=0):
        """Asks until the answer is truthy. None: Redis is away, or there was none in time."""
        store = self.redis_client()

        def ask():
            with contextlib.suppress(redis_package.RedisError, AttributeError):  # the latter of a broken Unix connection
                return question(store)
            return None

        try:
            return wait_until(ask, timeout=within_s)
        except AssertionError:
            return None
        finally:
            store.close()

    def redis_client(self):
        return redis_package.Redis(unix_socket_path=str(self.redis.socket_path), decode_responses=True,
                                   socket_timeout=0.5, encoding_errors="replace")

    def shares_in_work(self, store, name, author=None):
        """Shares that were given to this daemon to be fanned out and are not done."""
        found = []
        for log in log_keys(store):
            ids = [entry["message_id"]
                   for entry in store.xpending_range(log, "appliers", "-", "+", 100, consumername=self.ids[name])]
            together = store.pipeline(transaction=False)
            for one in ids:
                together.xrange(log, one, one)
            found += [one for one, entries in zip(ids, together.execute())
                      for _, fields in entries if fields["k"] == "share" and author in (None, fields["a"])]
        return found

    # -- people

    def gather_fans(self, name):
        """The star's followers, some of whom have read their timelines, so that there is something to push to."""
        with Client(self.address_of(name), timeout=60) as client:
            fans = [f"fan{number}" for number in range(STAR_FOLLOWERS)]
            for fan in SAMPLE:
                begin = self.recorder.now()
                reply = client.follow(fan, STAR)
                self.recorder.add(**{"is": "write", "what": "follow", "reader": fan, "subject": STAR, "begin": begin,
                                     "end": self.recorder.now(), "outcome": "done", "position": reply.position,
                                     "repeated": reply.repeated, "connection": 0})
                self.following.add((fan, STAR))
            for start in range(0, STAR_FOLLOWERS, 1000):
                client.follow_many([(fan, STAR) for fan in fans[start:start + 1000]])
            client.call_all([pb.GetTimelineRequest(reader=fan, limit=1) for fan in fans[::2] + SAMPLE])

    def elapsed_s(self):
        return time.monotonic() - self.began_at

    def is_behind(self):
        """Whether less was acknowledged than should be by now."""
        return self.counts["acks"] < ACKS_PER_S * self.elapsed_s()

    def newcomers_wanted(self):
        return NEWCOMERS_PER_S * self.elapsed_s()

    def hidden_from(self, reader):
        """Whom this reader does not see."""
        return {subject for one, subject in self.muted | self.blocked if one == reader} | {
            one for one, subject in self.blocked if subject == reader}

    # -- what is told

    def count(self, what, number=1):
        with self.lock:
            self.counts[what] += number

    def note(self, text):
        """Into the history, so that a reader of it knows what went on. The checker does not look at it."""
        self.recorder.add(**{"is": "note", "at": self.recorder.now(), "time": round(time.monotonic(), 3), "text": text})

    def complain(self, text):
        self.recorder.complain(text)
