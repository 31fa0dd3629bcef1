"""Measures how long it takes to build a timeline that is gone, and to read a page below what it holds.

    python3 tests/integration/rebuilds.py --feedd build/release/bin/feedd

Readers follow 10, 1,000 and 10,000 of 10,000 subjects with ten shares each. Each timeline is dropped and read again, several times;
the median of each is printed, and beside it that of a small read which another connection makes while this is done once more.
"""
import argparse
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))
import environment  # noqa: F401  (makes the next ones importable)
import feed_pb2 as pb
import harness

SUBJECTS, SHARES, ROUNDS = 10_000, 10, 9


def timed_ms(call):
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1000


def beside(daemon, stop, found_ms):
    """Small reads, one after the other, until the other ones are done."""
    with daemon.connect() as client:
        while not stop.is_set():
            found_ms.append(timed_ms(lambda: client.timeline("neighbour")))


def next_below(client, reader):
    """The cursor of what a timeline does not hold."""
    cursor = ""
    for _ in range(4):
        cursor = client.timeline(reader, 200, cursor).next_cursor or cursor
    return cursor


def build(store, client, reader):
    """Has the timeline forgotten, in Redis and, by an edge of its reader, in memory; and reads it. In ms."""
    client.unfollow(reader, "nobody")
    client.follow(reader, "nobody")
    store.delete(f"timeline:{{0}}:{reader}")
    return timed_ms(lambda: client.timeline(reader))


def measure(daemon, store, client, reader):
    found_ms, stop = [], threading.Event()
    built_ms = [build(store, client, reader) for _ in range(ROUNDS)]
    cursor = next_below(client, reader)
    below_ms = [timed_ms(lambda: client.timeline(reader, before=cursor)) for _ in range(ROUNDS)]
    thread = threading.Thread(target=beside, args=(daemon, stop, found_ms))
    thread.start()
    for _ in range(ROUNDS):
        build(store, client, reader)
    stop.set()
    thread.join()
    return [statistics.median(times) for times in (built_ms, below_ms, found_ms)] + [max(found_ms)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feedd", type=Path, required=True)
    harness.FEEDD = parser.parse_args().feedd.resolve()
    with harness.work_directory() as path, harness.Servers(path) as servers:
        redis = servers.start_redis()
        daemon = servers.start_feedd("--redis-url", redis.url, "--limits-max-following", str(SUBJECTS + 1))
        with daemon.connect(timeout=120) as client:
            subjects = [f"s{number}" for number in range(SUBJECTS)]
            for _ in range(SHARES):
                for first in range(0, SUBJECTS, 500):
                    for reply in client.call_all([pb.ShareRequest(author=one, url="http://example.org/")
                                                  for one in subjects[first:first + 500]]):
                        assert reply.id
            client.follow("neighbour", "s0")
            harness.wait_until(lambda: harness.jobs_done(redis.client()), timeout=120, what="the end of all jobs")
            print("follows   built ms   page below ms   beside ms   beside at most ms")
            for count in (10, 1_000, 10_000):
                for first in range(0, count, 1_000):
                    client.follow_many([(f"reader{count}", one) for one in subjects[first:min(first + 1_000, count)]])
                print("%7d %10.1f %15.1f %11.1f %19.1f" % (count, *measure(daemon, redis.client(), client, f"reader{count}")))


if __name__ == "__main__":
    main()
