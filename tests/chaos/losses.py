"""Redis comes back with less than it had: what it lost is looked up in Redis itself and its files, and recorded."""
import contextlib
import os
import re
import shutil

import environment  # noqa: F401  (makes the next ones importable)
from feed_client import Disconnected, FeedError
from wait import wait_until

from harness import log_keys
from faults import RedisFaults
from facts import PARTITIONS, partition_of

# What the append-only file says of an entry of a log.
APPENDED = re.compile(rb"\$4\r\nXADD\r\n\$\d+\r\nlog:\{(\d+)\}\r\n\$\d+\r\n(\d+)-(\d+)\r\n")


def position_of(tag, milliseconds, sequence):
    """That of a log entry, out of the tag of its log and its id there."""
    return int(milliseconds) * 8192 + int(sequence) * PARTITIONS + int(tag) % PARTITIONS


def files_of(server):
    return sorted((server.directory / "appendonlydir").iterdir())


class LosingRedisFaults(RedisFaults):
    """The clock does not step here: it alone keeps positions after a loss above those that were lost."""

    DECK = [card for card in RedisFaults.DECK if card != "step_clock"] + \
        ["lose_tail"] * 2 + ["fail_over"] * 2 + ["lose_everything"]

    def lose_tail(self):
        """The machine of Redis crashes: its file lacks the last moments."""
        sizes = {file: file.stat().st_size for file in files_of(self.world.redis)}
        self.hold(0.1, 2)
        begin, had = self.kill_for_good()
        for file in files_of(self.world.redis):
            if file in sizes and file.suffix == ".aof":  # if it was written anew meanwhile, nothing is lost
                os.truncate(file, sizes[file])
        self.come_back(begin, had, self.world.redis.restart)

    def fail_over(self):
        """A replica takes over that has not heard the latest."""
        replica = self.world.start_redis()
        self.tell_replica(replica, "REPLICAOF", "127.0.0.1", self.world.redis.port)
        wait_until(lambda: self.follows(replica), what="the replica to have everything")
        self.hold(0.1, 1)
        self.tell_replica(replica, "REPLICAOF", "NO", "ONE")
        self.hold(0.1, 1.5)
        begin, had = self.kill_for_good()
        shutil.rmtree(self.world.redis.directory)
        self.come_back(begin, had, lambda: replica)

    @staticmethod
    def tell_replica(replica, *command):
        with contextlib.closing(replica.client()) as client:
            client.execute_command(*command)

    @staticmethod
    def follows(replica):
        """Whether it has everything, and has it in its file."""
        with contextlib.closing(replica.client()) as client:
            state = client.info()
        return state["master_link_status"] == "up" and not state["master_sync_in_progress"] \
            and not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]

    def lose_everything(self):
        """Somebody has removed all files of Redis."""
        begin, had = self.kill_for_good()
        shutil.rmtree(self.world.redis.directory)
        self.come_back(begin, had, self.world.start_redis, new_store=True)
        self.world.following.clear()
        with contextlib.suppress(FeedError, Disconnected, OSError, AssertionError, KeyError):  # the last: it was killed just now
            self.world.gather_fans(self.random.choice(list(self.world.daemons)))

    def kill_for_good(self):
        """Ends Redis. Returns when, and the last position of each partition that it ever had."""
        had = self.last_positions()
        begin = self.world.recorder.now()
        self.world.redis.kill()
        for file in files_of(self.world.redis):
            if ".incr." in file.name:
                for match in APPENDED.finditer(file.read_bytes()):
                    position = position_of(*match.groups())
                    had[partition_of(position)] = max(had[partition_of(position)], position)
        return begin, had

    def come_back(self, begin, had, start, new_store=False):
        """Lets the daemons in when it has been looked at what is left."""
        for link in self.world.links:
            link.cut()
        self.world.redis = start()
        survived = self.last_positions()
        self.world.recorder.add(**{"is": "loss", "begin": begin, "end": self.world.recorder.now(), "had": had,
                                   "survived": survived, "new_store": new_store})
        self.world.count("losses", any(old > new for old, new in zip(had, survived)))
        for link in self.world.links:
            link.target = self.world.redis.socket_path
            link.mend()

    def last_positions(self):
        """Of each partition."""
        last = [0] * self.world.partitions
        with contextlib.closing(self.world.redis.client()) as store:
            for log in log_keys(store):
                position = position_of(log[5:-1], *store.xinfo_stream(log)["last-generated-id"].split("-"))
                last[partition_of(position)] = position
        return last
