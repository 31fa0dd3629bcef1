"""What goes wrong in a chaos run, and when: all drawn from the seed."""
import contextlib
import random
import signal
import threading
import traceback

import redis as redis_package

from wait import wait_until

STAR = "star"  # the author with so many followers that a fan-out takes some time

PATIENCE = 8   # bursts, until it is given up to meet a fan-out


class Faults(threading.Thread):
    """One thing after another from a shuffled deck, so that everything happens, until the run stops. What it started
    ends with it: so it stays until the end."""

    def __init__(self, world, name, deck, pause_s):
        super().__init__(name=name, daemon=True)
        self.world = world
        self.deck = deck
        self.pause_s = pause_s
        self.random = random.Random(f"{world.seed} {name}")
        self.ended = threading.Event()

    def run(self):
        cards = []
        try:
            while not self.world.stopping.wait(self.random.uniform(*self.pause_s)):
                if not cards:
                    cards = self.random.sample(self.deck, len(self.deck))
                card = cards.pop()
                self.world.note(f"{card} begins")
                getattr(self, card)()
                self.world.note(f"{card} ended")
                self.world.count(card)
        except Exception:
            self.world.recorder.complain(f"{self.name} ended: {traceback.format_exc()}")
            self.world.stopping.set()
        self.ended.set()
        self.world.closed.wait()

    def hold(self, shortest_s, longest_s):
        self.world.stopping.wait(self.random.uniform(shortest_s, longest_s))


class DaemonFaults(Faults):
    def __init__(self, world, star):
        super().__init__(world, "daemon faults",
                         ["kill_in_fanout"] * 8 + ["kill", "kill_both", "stop_daemon", "stop_and_kill"], (0.2, 1.2))
        self.star = star

    def kill_in_fanout(self):
        """Shares something that many follow, and kills the daemon that was given the work when it has just begun."""
        self.kill_daemon(self.begin_fanout())

    def begin_fanout(self):
        """The name of the daemon that has begun with it; after a while of whichever."""
        for _ in range(PATIENCE):
            self.star.burst.set()
            owner = self.world.stored(self.owner_of_fanout, within_s=0.5)
            if owner or self.world.stopping.is_set():
                break
        return owner or self.random.choice(list(self.world.daemons))

    def owner_of_fanout(self, store):
        owners = [name for name in self.world.daemons if self.world.shares_in_work(store, name, STAR)]
        return self.random.choice(owners) if owners else None

    def kill(self):
        self.kill_daemon(self.random.choice(list(self.world.daemons)))

    def kill_both(self):
        first = self.begin_fanout()
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


class RedisFaults(Faults):
    def __init__(self, world):
        super().__init__(world, "redis faults", ["kill_redis", "stop_redis", "cut_redis", "slow_redis", "freeze_redis"],
                         (0.5, 3))

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

    def disturb(self, action):
        links = self.some_links()
        for link in links:
            action(link)
        self.hold(0.3, 2.5)
        for link in links:
            link.mend()


def ask_store(socket_path, question, within_s):
    """Asks Redis itself, past all links, until the answer is truthy. None: it is away, or there was none in time."""
    store = redis_package.Redis(unix_socket_path=str(socket_path), decode_responses=True, socket_timeout=0.5,
                                encoding_errors="replace")

    def ask():
        with contextlib.suppress(redis_package.RedisError):
            return question(store)
        return None

    try:
        return wait_until(ask, timeout=within_s)
    except AssertionError:
        return None
    finally:
        store.close()
