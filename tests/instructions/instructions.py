"""Counts the instructions that feedd takes for what it does most: `instructions.py --feedd PATH [--record]`.

The daemon as it is released runs under callgrind, with a Redis beside it, and does each thing a few times and then many
times, in daemons of their own; what the difference costs, divided by how many more there were, is what one costs. That does
not depend on how fast the machine is or what else it does. A figure that is more than TOLERANCE above what expected.json says
is a failure; --record writes down what was counted.
"""
import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))
import environment  # noqa: E402,F401 before what is imported through it

import harness  # noqa: E402
from feed_client import Client  # noqa: E402
from wait import wait_until  # noqa: E402

EXPECTED = Path(__file__).with_name("expected.json")
TOLERANCE = 0.05
PATIENCE_S = 300  # callgrind is some fifty times slower
TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
FEW, MANY = 1, 11


class CountedFeedd(harness.Server):
    """A feedd under callgrind. stop() answers the instructions that it took."""

    def __init__(self, directory, redis):
        self._counts = Path(directory) / "callgrind.out"
        super().__init__("feedd", ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={self._counts}",
                                   harness.FEEDD, "--listen", "127.0.0.1:0", "--state-dir", Path(directory) / "state",
                                   "--redis-url", redis.url, "--redis-timeout-ms", "60000", "--redis-stall-ms", "30000"],
                         "stderr")
        self.wait_for_line(r"\bevent=ready", PATIENCE_S)
        host, _, port = harness.log_fields(self.wait_for_line(r"\bevent=listening"))["address"].rpartition(":")
        self.client = Client((host, int(port)), timeout=PATIENCE_S)

    def stop(self):
        self.client.close()
        self.signal(15)
        assert self.wait_for_exit(PATIENCE_S) == 0, self.log_tail()
        return int(TOTAL.search(self._counts.read_text()).group(1))


# ------------------------------------------------------------------------------------------------------- what is counted
# Each does its work `times` times and answers how many of the operations that were. What comes before is the same however often.

def deliver(feedd, _store, times):
    """Shares, one after the other, to the subscribers of their author's profile."""
    streams = [feedd.client.follow_stream(profile="author") for _ in range(100)]
    for _ in range(10 * times):
        share = feedd.client.share("author").id
        for stream in streams:
            stream.wait_for_share(share)
    return 10 * times * len(streams)


def push(feedd, store, times):
    """Shares to followers who have timelines and are away."""
    readers = [f"reader{number}" for number in range(200)]
    feedd.client.follow_many([(reader, "author") for reader in readers])
    for reader in readers:
        feedd.client.timeline(reader, limit=1)
    for _ in range(10 * times):
        feedd.client.share("author")
        wait_until(lambda: harness.jobs_done(store), timeout=PATIENCE_S, what="every push")
    return 10 * times * len(readers)


def fill_timeline(feedd, store, shares):
    """A timeline that is in memory by the end."""
    feedd.client.follow("reader", "author")
    feedd.client.share_many("author", shares)
    wait_until(lambda: harness.jobs_done(store), timeout=PATIENCE_S, what="every push")
    for _ in range(200):
        feedd.client.timeline("reader", limit=50)


def read(feedd, store, times):
    """A home timeline's newest 50, read again and again."""
    fill_timeline(feedd, store, 60)
    for _ in range(1000 * times):
        feedd.client.timeline("reader", limit=50)
    return 1000 * times


def older_page(feedd, store, times):
    """A home timeline's second 50, which are put together anew each time."""
    fill_timeline(feedd, store, 110)
    cursor = feedd.client.timeline("reader", limit=50).next_cursor
    for _ in range(200 * times):
        feedd.client.timeline("reader", limit=50, before=cursor)
    return 200 * times


def share(feedd, store, times):
    """Shares of an author without followers, all at once."""
    feedd.client.share_many("author", 100 * times)
    wait_until(lambda: harness.jobs_done(store), timeout=PATIENCE_S, what="every share")
    return 100 * times


COUNTED = {
    "delivery, with its part of a share to 100 subscribers": deliver,
    "push, with its part of a share to 200 followers": push,
    "share, of many at once, by an author without followers": share,
    "read of the newest page of 50": read,
    "read of a further page of 50": older_page,
}


def run(act, times):
    with tempfile.TemporaryDirectory(prefix="feedd-count-") as directory:
        redis = harness.RedisServer(directory)
        feedd = CountedFeedd(directory, redis)
        operations = act(feedd, redis.client(), times)
        instructions = feedd.stop()
        redis.stop()
    return operations, instructions


def count(act):
    few, many = run(act, FEW), run(act, MANY)
    return round((many[1] - few[1]) / (many[0] - few[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--feedd", type=Path, required=True)
    parser.add_argument("--record", action="store_true", help="write down what is counted as what is expected")
    options = parser.parse_args()
    harness.FEEDD = options.feedd.resolve()
    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    counted = {}
    worse = []
    for name, act in COUNTED.items():
        counted[name] = count(act)
        before = expected.get(name)
        print(f"{counted[name]:>9,}  {name}" + (f" ({counted[name] / before - 1:+.1%})" if before else ""), flush=True)
        if before and counted[name] > before * (1 + TOLERANCE):
            worse.append(name)
    if options.record:
        EXPECTED.write_text(json.dumps(counted, indent=1) + "\n")
    elif worse or set(expected) != set(COUNTED):
        print(f"more than {TOLERANCE:.0%} above {EXPECTED.name}, or not in it: {', '.join(worse) or 'see the names'}; "
              "find out why, or --record what it costs now")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
