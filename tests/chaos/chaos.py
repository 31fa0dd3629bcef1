"""A seeded run in which everything fails, judged by the checker.

    python3 tests/chaos/chaos.py --minutes N --seed S [--loses] [--feedd PATH] [--counts FILE] [--keep | --discard]

Two daemons share one Redis, each through a link of its own. People share, re-share, edit, talk, follow, mute, block, undo
that, read and subscribe while daemons and Redis are killed, stopped, cut off, slowed and refuse to write; with --loses Redis
also comes back with less than it had. In the end faults stop, everything settles, everything is read, the checker judges what
the people saw, and the store must agree with itself. Prints the counts; exit status 1 if anything was wrong, and then the history
and the logs are kept in a directory that it names.
"""
import argparse
import contextlib
import faulthandler
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import environment
import feed_pb2 as pb
import harness
from feed_client import Client, Disconnected, FeedError
from harness import all_carried_out, log_keys
from wait import wait_until

import checker
from facts import RELATIONS
from faults import DaemonFaults, RedisFaults
from losses import LosingRedisFaults
from final_reader import FinalReader
from people import Blocker, Deleter, Editor, Follower, Muter, Newcomer, Publisher, Resharer, TimelineReader, names_request
from subscriber import Subscriber
from talkers import Commenter, InboxOwner, Listener
from world import INBOXES, STAR, TALKED_ABOUT, World

SUBSCRIBERS = 20
HARD_OF_HEARING = "reader24"  # one of those who mute, and of those who block
NEWCOMERS_READ = 60  # by each final reader
SETTLE_S = 50       # without anything getting on
LONGEST_S = 600


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


def run_people(world, minutes):
    star = Star(world)
    subscribers = [Subscriber(world, reader) for reader in world.readers[-SUBSCRIBERS:]]
    subscribers += [Subscriber(world, author, "profile") for author in (STAR, "author3", "author4")]
    subscribers += [Listener(world, author, around, looks_as) for author, looks_as in zip(TALKED_ABOUT, ("", HARD_OF_HEARING))
                    for around in (False, True)]
    subscribers += [InboxOwner(world, subject) for subject in INBOXES]
    writers = [star] + [Publisher(world, author) for author in world.authors if author != STAR]
    writers += [Deleter(world, f"deleter {number}") for number in range(2)]
    writers += [Editor(world, "editor")]
    writers += [Resharer(world, f"resharer {number}", world.authors[number:-1:2]) for number in range(2)]
    writers += [Follower(world, f"follower {number}", world.readers[number::6]) for number in range(6)]
    writers += [Muter(world, "muter", world.readers[-9::3])]
    writers += [Commenter(world, f"commenter {number}", world.readers[number::9] + world.authors[number::4])
                for number in range(3)]
    writers += [Blocker(world, "blocker", world.readers[-8::2])]
    writers += [TimelineReader(world, f"timeline reader {number}") for number in range(3)]
    writers += [Newcomer(world, f"newcomers {number}") for number in range(2)]
    faults = [DaemonFaults(world, star), (LosingRedisFaults if world.loses else RedisFaults)(world)]
    world.began_at = time.monotonic()
    for person in subscribers + writers + faults:
        person.start()
    world.stopping.wait(minutes * 60)
    world.stopping.set()
    for fault in faults:
        if not fault.ended.wait(LONGEST_S):
            world.complain(f"{fault.name} do not end")
    try:
        settle(world, writers, subscribers)
    finally:
        world.last_call.set()
        world.finished.set()
        for person in writers + subscribers:
            person.join(10)


def wait(world, condition, what):
    """Waits for as long as anything gets on: a slow machine may have much to catch up with."""
    before, deadline = None, time.monotonic() + LONGEST_S
    while (now := progress(world)) != before and time.monotonic() < deadline:
        before = now
        try:
            return wait_until(condition, timeout=SETTLE_S, what=what)
        except AssertionError as failure:
            told = str(failure)
    return world.complain(told)


def progress(world):
    """What grows or shrinks while there is something going on: acknowledgements, events, unfinished entries."""
    groups = world.stored(lambda store: [(group["pending"], group["last-delivered-id"]) for log in log_keys(store)
                                         for group in store.xinfo_groups(log)], within_s=5)
    return groups, world.counts["acks"], world.counts["events"]


def settle(world, writers, subscribers):
    """Until nothing is going on any more, or it is clear that something will never end."""
    for name, daemon in list(world.daemons.items()):
        if not daemon.running():
            world.start_daemon(name)
    silent = [writer for writer in writers if not isinstance(writer, (Publisher, Commenter))]
    wait(world, lambda: not any(writer.is_alive() for writer in silent), "the answers to all writes but the last words")
    take_census(world)
    world.last_call.set()
    wait(world, lambda: not any(writer.is_alive() for writer in writers), "the answers to all writes")
    wait(world, lambda: world.stored(all_carried_out), "the end of all jobs")
    wait(world, lambda: all(one.has_seen_the_last() for one in subscribers), "the last shares in all streams")
    beats = {one: one.heartbeats for one in subscribers}
    wait(world, lambda: all(one.heartbeats >= beats[one] + 4 for one in subscribers if one.has_stream),
         "heartbeats of all streams")
    world.recorder.add(**{"is": "settled", "at": world.recorder.now()})


def take_census(world):
    """Whom everybody follows, has muted and blocks now: what was acknowledged may have been lost."""
    def ask():
        with contextlib.suppress(FeedError, OSError, Disconnected), Client(world.address_of("A")) as client:
            return {what: {(reader, subject) for reader in {*world.readers, *world.authors}
                           for subject in client.call(names_request(what, reader)).subjects} for what in RELATIONS}
        return None

    answers = wait(world, ask, "an answer to whom everybody follows") or {}
    for what, pairs in answers.items():
        setattr(world, what, pairs)


def final_reads(world):
    """Of the newcomers some are read, of every time of the run."""
    step = max(len(world.daemons), len(world.newcomers) // NEWCOMERS_READ)
    readers = [FinalReader(world, name, world.newcomers[place::step]) for place, name in enumerate(world.daemons)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def check_store(world):
    """What the store keeps in several places agrees by itself."""
    with Client(world.daemons["A"].state_dir / "admin.sock") as operator:
        def ask(*words):
            return json.loads(operator.call(pb.AdminRequest(command="check", arguments=words)).json)

        ask("do=begin")
        answer = wait_until(lambda: (told := ask()) and told["state"] != "running" and told, timeout=SETTLE_S, what="a check")
    if answer["state"] != "done" or answer["left"] or answer["undecided"]:
        world.complain(f"the store does not agree with itself: {json.dumps(answer)}")
    world.counts["keys_checked"] = answer["keys"]


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
        world.gather_fans("A")
        run_people(world, minutes)
        final_reads(world)
        check_store(world)
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
    parser.add_argument("--loses", action="store_true", help="Redis also loses data")
    parser.add_argument("--counts", type=Path, help="write the counts there, as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the history of a good run as well")
    parser.add_argument("--discard", action="store_true", help="keep none, also of a bad one")
    arguments = parser.parse_args()
    faulthandler.register(signal.SIGUSR1)  # shows where every thread is
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    with tempfile.TemporaryDirectory(prefix="feedd-chaos-") as name:
        directory = Path(name)
        shutil.copy2(arguments.feedd, directory / "feedd")  # which may be built anew meanwhile
        world = World(arguments.seed, directory, directory / "feedd", arguments.pace, arguments.loses)
        found = run(world, arguments.minutes)
    world.counts["violations"] = len(found)
    world.counts["complaints"] = sum(text.startswith("complaint") for text in found)
    counts = {"seed": arguments.seed, "minutes": arguments.minutes, "loses": arguments.loses, **dict(sorted(world.counts.items()))}
    for text in found[:20]:
        print(text)
    if (found or arguments.keep) and not arguments.discard:
        kept = Path(tempfile.mkdtemp(prefix=f"feedd-chaos-seed{arguments.seed}-"))
        keep(world, found, kept)
        print(f"history and logs: {kept}")
    if arguments.counts:
        arguments.counts.write_text(json.dumps(counts))
    print(" ".join(f"{name}={value}" for name, value in counts.items()))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
