"""What goes wrong in a chaos run, and when: all drawn from the seed."""
import random
import signal
import threading
import traceback

import environment  # noqa: F401  (makes the next ones importable)
from harness import free_port

from world import STAR

PATIENCE = 4        # bursts, until it is given up to meet a fan-out
HEARD_WITHIN_S = 30 # what Redis is told past all links
CLOCK_STEP_S = 300  # the clock of Redis is never further off than this


class Faults(threading.Thread):
    """One thing after another from a shuffled deck, so that everything happens, until the run stops. What it started
    ends with it: so it stays until the end."""

    def __init__(self, world, name, deck, pause_s, every_s):
        super().__init__(name=name, daemon=True)
        self.world = world
        self.deck = deck
        self.pause_s = pause_s
        self.every_s = every_s  # on a slow machine pauses become shorter, to come to that
        self.dealt = 0
        self.random = random.Random(f"{world.seed} {name}")
        self.ended = threading.Event()

    def run(self):
        cards = []
        try:
            while not self.world.stopping.wait(self.pause()):
                if not cards:
                    cards = self.random.sample(self.deck, len(self.deck))
                card = cards.pop()
                self.dealt += 1
                self.world.note(f"{card} begins")
                getattr(self, card)()
                self.world.note(f"{card} ended")
                self.world.count(card)
        except Exception:
            self.world.recorder.complain(f"{self.name} ended: {traceback.format_exc()}")
            self.world.stopping.set()
        self.ended.set()
        self.world.closed.wait()

    def pause(self):
        drawn = self.random.uniform(*self.pause_s)
        return drawn if self.dealt * self.every_s >= self.world.elapsed_s() else min(drawn, 0.1)

    def hold(self, shortest_s, longest_s):
        self.world.stopping.wait(self.random.uniform(shortest_s, longest_s))


class DaemonFaults(Faults):
    def __init__(self, world, star):
        super().__init__(world, "daemon faults",
                         ["kill_in_fanout"] * 8 + ["kill", "kill_both", "stop_daemon", "stop_and_kill", "rolling_restart"],
                         (0.2, 1.2), 3)
        self.star = star

    def kill_in_fanout(self):
        """Shares something that many follow, and kills the daemon that was given the work when it has just begun."""
        if owner := self.begin_fanout():
            self.kill_daemon(owner)

    def begin_fanout(self):
        """The name of the daemon that has begun with it; None if none does, as Redis is disturbed just now."""
        for _ in range(PATIENCE):
            self.star.burst.set()
            owner = self.world.stored(self.owner_of_fanout, within_s=0.5)
            if owner or self.world.stopping.is_set():
                return owner
        return None

    def owner_of_fanout(self, store):
        owners = [name for name in self.world.daemons if self.world.shares_in_work(store, name, STAR)]
        return self.random.choice(owners) if owners else None

    def kill(self):
        self.kill_daemon(self.random.choice(list(self.world.daemons)))

    def kill_both(self):
        first = self.begin_fanout() or self.random.choice(list(self.world.daemons))
        self.kill_daemon(first, *[name for name in self.world.daemons if name != first])

    def kill_daemon(self, *names):
        for name in names:
            self.world.kill_daemon(name)
        in_fanout = [name for name in names
                     if self.world.stored(lambda store, one=name: self.world.shares_in_work(store, one), within_s=0.3)]
        self.world.count("daemon_kills", len(names))
        self.world.count("kills_in_fanout", len(in_fanout))
        self.hold(0, 1)
        for name in names:
            self.world.start_daemon(name)

    def stop_daemon(self):
        """Longer than it takes until its work is claimed by the other."""
        daemon = self.world.daemons[self.random.choice(list(self.world.daemons))]
        daemon.signal(signal.SIGSTOP)
        self.hold(0.3, 3)
        daemon.signal(signal.SIGCONT)

    def stop_and_kill(self):
        name = self.random.choice(list(self.world.daemons))
        self.world.daemons[name].signal(signal.SIGSTOP)
        self.hold(0.3, 2)
        self.kill_daemon(name)

    def rolling_restart(self):
        """Each is told to end, as by whoever upgrades it, and started anew."""
        for name in list(self.world.daemons):
            self.world.end_daemon(name)
            self.world.start_daemon(name)


class RedisFaults(Faults):
    DECK = ["kill_redis", "stop_redis", "cut_redis", "slow_redis", "lag_daemon", "freeze_redis", "strand_commands",
            "pause_redis", "fill_redis", "read_only_redis", "step_clock"]

    def __init__(self, world):
        super().__init__(world, "redis faults", self.DECK, (0.2, 2), 3)

    def some_links(self):
        """That of one daemon, or of both."""
        return self.random.sample(self.world.links, self.random.randrange(1, len(self.world.links) + 1))

    def kill_redis(self):
        self.world.redis.kill()
        self.hold(0, 1.5)
        self.world.redis = self.world.redis.restart()

    def stop_redis(self):
        self.world.redis.signal(signal.SIGSTOP)
        self.hold(0.2, 2.5)
        self.world.redis.signal(signal.SIGCONT)

    def cut_redis(self):
        self.disturb(lambda link: link.cut())

    def freeze_redis(self):
        self.disturb(lambda link: link.freeze())

    def slow_redis(self):
        delay_s = self.random.uniform(0.005, 0.08)
        self.disturb(lambda link: link.slow(delay_s))

    def lag_daemon(self):
        """One is much later than the other: what it reads, and then acts on, the other has long gone past."""
        link = self.random.choice(self.world.links)
        link.slow(self.random.uniform(0.02, 0.08))
        self.hold(1.5, 3)
        link.mend()

    def strand_commands(self):
        """What was sent to Redis arrives when its daemon has given the connection up long ago and works on another."""
        self.disturb(lambda link: link.strand(), 1.5, 3.5)

    def disturb(self, action, shortest_s=0.3, longest_s=2.5):
        links = self.some_links()
        for link in links:
            action(link)
        self.hold(shortest_s, longest_s)
        for link in links:
            link.mend()

    def pause_redis(self):
        """It accepts commands and answers later; reads go on, or do not."""
        milliseconds = self.random.randrange(100, 1500)
        self.tell("CLIENT", "PAUSE", milliseconds, self.random.choice(("WRITE", "ALL")))
        self.hold(0.3, 2)
        self.tell("CLIENT", "UNPAUSE")

    def fill_redis(self):
        """All its memory is used: writes fail, reads go on."""
        self.tell("CONFIG", "SET", "maxmemory", 1)
        self.hold(0.3, 2)
        self.tell("CONFIG", "SET", "maxmemory", 0)

    def read_only_redis(self):
        """It is made the replica of somebody who is not there: writes fail, reads go on."""
        self.tell("REPLICAOF", "127.0.0.1", free_port())
        self.hold(0.3, 2)
        self.tell("REPLICAOF", "NO", "ONE")

    def step_clock(self):
        """The time of day of its machine is set forward or back by minutes; once more, and back, mostly."""
        for _ in range(self.random.randrange(1, 3)):
            offset_s = self.random.randrange(-CLOCK_STEP_S, CLOCK_STEP_S)
            self.world.clock.set(offset_s)
            self.hold(0.1, 1)
        self.world.note(f"the clock of Redis is {offset_s} s off")

    def tell(self, *command):
        """Past all links. Said again until it is heard: a machine may be busy, and what began must end."""
        heard = self.world.stored(lambda store: (store.execute_command(*command), True), within_s=HEARD_WITHIN_S)
        assert heard, f"Redis does not hear {command}"
