"""A seeded run in which everything fails, judged by the checker.

    python3 tests/chaos/chaos.py --minutes N --seed S [--feedd PATH] [--counts FILE] [--keep]

Two daemons share one Redis, each through a link of its own. People share, follow, unfollow, delete, read and subscribe
while daemons and Redis are killed, stopped, cut off and slowed. In the end faults stop, everything settles, everything
is read, and the checker judges what the people saw. Prints the counts; exit status 1 if anything was wrong, and then
the history and the logs are kept in a directory that it names.
"""
import argparse
import collections
import faulthandler
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import environment
import harness
from feed_client import Client
from harness import Feedd, RedisServer, jobs_done
from wait import wait_until
import feed_pb2 as pb

import checker
from faults import STAR, DaemonFaults, RedisFaults, ask_store
from faulty_link import FaultyLink
from history import Recorder
from people import Deleter, FinalReader, Follower, Publisher, TimelineReader
from subscriber import Subscriber

AUTHORS = 10
READERS = 30
SUBSCRIBERS = 20
STAR_FOLLOWERS = 6000
SAMPLE = [f"fan{number}" for number in (0, 1, 999, 1999, 2000, 2001, 3999, 4000, 5998, 5999)]
SETTLE_S = 30


class Star(Publisher):
    """Shares a burst whenever it is told to, so that there is a fan-out to be interrupted."""

    def __init__(self, world):
        super().__init__(world, STAR)
        self.burst = threading.Event()

    def live(self):
        while not self.world.stopping.is_set():
            if self.burst.wait(0.1):
                self.burst.clear()
                self.write_new(self.random.randrange(3, 8))
            if self.pending:
                self.publish()
        super().live()


class World:
    """The servers, what the people know of each other, and the counts."""

    def __init__(self, seed, directory, feedd, pace_s):
        self.seed = seed
        self.directory = directory
        self.pace_s = pace_s
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
        self.shares = []        # (author, id) as acknowledged
        self.last_share = {}    # author -> the latest acknowledged
        self.following = set()  # (reader, subject) as acknowledged
        self.logs = []          # (name, server) of all that ever ran
        harness.FEEDD = feedd
        self.draw_settings()

    def draw_settings(self):
        draw = random.Random(f"{self.seed} settings")
        self.partitions = draw.choice((1, 1, 4))
        backfill = draw.choice((100, 1000))
        caps = draw.choice(((5000, 100000), (5000, 100000), (200, 300)))
        self.settings = {"timeline_cap": caps[0], "profile_cap": caps[1], "backfill": min(backfill, caps[0], caps[1]),
                         "keeps_all": caps[0] == 5000, "partitions": self.partitions}
        self.flags = [
            "--store-partitions", self.partitions, "--follow-backfill", backfill, "--timeline-cap", caps[0],
            "--profile-cap", caps[1], "--timeline-slack", draw.choice((10, 200)), "--limits-max-page", 1000,
            "--limits-queue-soft-limit-bytes", draw.choice((8192, 65536)),
            "--redis-timeout-ms", draw.choice((400, 1000)),
            "--timing-heartbeat-interval-ms", 300, "--fanout-claim-after-ms", draw.choice((500, 1500)),
            "--cache-ring-bytes", draw.choice((1 << 20, 1 << 26)), "--fanout-push-window", draw.choice((64, 1024)),
        ]
        self.recorder.add(**{"is": "settings", **self.settings})

    # -- servers

    def start(self):
        (self.directory / "redis").mkdir()
        self.redis = RedisServer(self.directory / "redis", "--appendfsync", "always")
        self.socket_path = self.redis.socket_path
        self.links = [FaultyLink(self.directory / f"{name}.sock", self.socket_path) for name in "AB"]
        self.daemons, self.ids, self._addresses = {}, {}, {}
        for name in "AB":
            self.start_daemon(name, wait_for="ready")
            self.ids[name] = self.daemons[name].wait_for_event("ready")["daemon"]

    def start_daemon(self, name, wait_for="listening"):
        link = self.links["AB".index(name)]
        self.daemons[name] = Feedd(self.directory / f"state{name}", "--redis-url", link.url, *self.flags,
                                   wait_for=wait_for)
        self.logs.append((name, self.daemons[name]))
        self._addresses[name] = self.daemons[name].address

    def kill_daemon(self, name):
        self._addresses.pop(name, None)
        self.daemons[name].kill()

    def addresses(self):
        return list(self._addresses.values())

    def address_of(self, name):
        return self._addresses[name]

    def stored(self, question, within_s=0):
        return ask_store(self.socket_path, question, within_s)

    def shares_in_work(self, store, name, author=None):
        """Shares that were given to this daemon to be fanned out and are not done."""
        found = []
        for log in store.scan_iter("log:*"):
            for entry in store.xpending_range(log, "appliers", "-", "+", 100, consumername=self.ids[name]):
                for _, fields in store.xrange(log, entry["message_id"], entry["message_id"]):
                    if fields["k"] == "share" and author in (None, fields["a"]):
                        found.append(entry["message_id"])
        return found

    # -- what is told

    def count(self, what, number=1):
        with self.lock:
            self.counts[what] += number

    def note(self, text):
        """Into the history, so that a reader of it knows what went on. The checker does not look at it."""
        self.recorder.add(**{"is": "note", "at": self.recorder.now(), "time": round(time.monotonic(), 3), "text": text})

    def complain(self, text):
        self.recorder.complain(text)


def prepare(world):
    """The star's followers, some of whom have read their timelines, so that there is something to push to."""
    with Client(world.address_of("A"), timeout=60) as client:
        fans = [f"fan{number}" for number in range(STAR_FOLLOWERS)]
        for start in range(0, STAR_FOLLOWERS, 1000):
            begin = world.recorder.now()
            client.follow_many([(fan, STAR) for fan in fans[start:start + 1000]])
            for fan in set(fans[start:start + 1000]) & set(SAMPLE):
                world.recorder.add(**{"is": "write", "what": "follow", "reader": fan, "subject": STAR, "begin": begin,
                                      "end": world.recorder.now(), "outcome": "done", "position": 0, "repeated": False,
                                      "connection": 0})
                world.following.add((fan, STAR))
        client.call_all([pb.GetTimelineRequest(reader=fan, limit=1) for fan in fans[::2] + SAMPLE])


def run_people(world, minutes):
    star = Star(world)
    subscribers = [Subscriber(world, reader) for reader in world.readers[-SUBSCRIBERS:]]
    subscribers += [Subscriber(world, author, "profile") for author in (STAR, "author3", "author4")]
    writers = [star] + [Publisher(world, author) for author in world.authors if author != STAR]
    writers += [Deleter(world, f"deleter {number}") for number in range(2)]
    writers += [Follower(world, f"follower {number}", world.readers[number::6]) for number in range(6)]
    writers += [TimelineReader(world, f"timeline reader {number}") for number in range(3)]
    faults = [DaemonFaults(world, star), RedisFaults(world)]
    for person in subscribers + writers + faults:
        person.start()
    world.stopping.wait(minutes * 60)
    world.stopping.set()
    for fault in faults:
        fault.ended.wait(30)
    try:
        settle(world, writers, subscribers)
    finally:
        world.last_call.set()
        world.finished.set()
        for person in writers + subscribers:
            person.join(10)


def wait(world, condition, what):
    try:
        wait_until(condition, timeout=SETTLE_S, what=what)
    except AssertionError as failure:
        world.complain(str(failure))


def settle(world, writers, subscribers):
    """Until nothing is going on any more, or it is clear that something will never end."""
    for name, daemon in list(world.daemons.items()):
        if not daemon.running():
            world.start_daemon(name)
    followers = [writer for writer in writers if isinstance(writer, Follower)]
    wait(world, lambda: not any(follower.is_alive() for follower in followers), "the answers to all follows")
    world.last_call.set()
    wait(world, lambda: not any(writer.is_alive() for writer in writers), "the answers to all writes")
    wait(world, lambda: world.stored(jobs_done), "the end of all jobs")
    wait(world, lambda: all(one.has_seen_the_last() for one in subscribers), "the last shares in all streams")
    beats = {one: one.heartbeats for one in subscribers}
    wait(world, lambda: all(one.heartbeats >= beats[one] + 4 for one in subscribers), "heartbeats of all streams")
    world.recorder.add(**{"is": "settled", "at": world.recorder.now()})


def final_reads(world):
    readers = [FinalReader(world, name) for name in world.daemons]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def stop_servers(world):
    """Daemons must end cleanly, without a sanitizer's report."""
    for name, daemon in world.daemons.items():
        try:
            daemon.stop()
        except AssertionError as failure:
            world.complain(f"daemon {name}: {failure}")
    world.redis.stop()
    for link in world.links:
        link.close()


def end_everything():
    for server in list(harness.RUNNING):
        if server.running():
            server.process.kill()
        server.wait_for_exit()


def run(world, minutes):
    try:
        world.start()
        prepare(world)
        run_people(world, minutes)
        final_reads(world)
        stop_servers(world)
    except Exception:
        world.complain(f"the run ended: {traceback.format_exc()}")
    finally:
        world.stopping.set()
        world.last_call.set()
        world.finished.set()
        end_everything()
        world.closed.set()
    return checker.check(world.recorder.records)


def keep(world, found, directory):
    world.recorder.save(directory / "history.jsonl")
    (directory / "violations.txt").write_text("\n".join(found) + "\n")
    (directory / "settings.json").write_text(json.dumps({"seed": world.seed, "flags": world.flags, **world.settings}))
    for number, (name, server) in enumerate(world.logs):
        (directory / f"{name}.{number}.log").write_text("\n".join(server.lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--feedd", type=Path,
                        default=os.environ.get("FEEDD_BIN", environment.ROOT / "build/test/bin/feedd"))
    parser.add_argument("--pace", type=float, default=0.3, help="the longest pause of a publisher, in seconds")
    parser.add_argument("--counts", type=Path, help="write the counts there, as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the history of a good run as well")
    arguments = parser.parse_args()
    faulthandler.register(signal.SIGUSR1)  # shows where every thread is
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    with tempfile.TemporaryDirectory(prefix="feedd-chaos-") as name:
        directory = Path(name)
        shutil.copy2(arguments.feedd, directory / "feedd")  # which may be built anew meanwhile
        world = World(arguments.seed, directory, directory / "feedd", arguments.pace)
        found = run(world, arguments.minutes)
    world.counts["violations"] = len(found)
    counts = {"seed": arguments.seed, "minutes": arguments.minutes, **dict(sorted(world.counts.items()))}
    for text in found[:20]:
        print(text)
    if found or arguments.keep:
        kept = Path(tempfile.mkdtemp(prefix=f"feedd-chaos-seed{arguments.seed}-"))
        keep(world, found, kept)
        print(f"history and logs: {kept}")
    if arguments.counts:
        arguments.counts.write_text(json.dumps(counts))
    print(" ".join(f"{name}={value}" for name, value in counts.items()))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
