"""The formula of docs/operations.md tells how much memory of Redis a store takes."""
import re
from pathlib import Path

import feed_pb2 as pb
from harness import jobs_done, wait_until

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text(encoding="utf-8")
SECTION = DOCUMENT.split("### Memory of Redis\n")[1].split("\n#")[0]
ROWS = dict(re.findall(r"^\| ([\w ]+) \| `([nbe0-9+*. ]+)` \|", SECTION, re.MULTILINE))
TOLERANCE = int(re.search(r"within (\d+) %", SECTION).group(1)) / 100
SMALL = int(re.search(r"at most (\d+) members", SECTION).group(1))


def part(row, **values):
    """What a row of the table comes to: n bytes of a name, b of words, e entries."""
    return eval(ROWS[row], {"__builtins__": {}}, values)  # sums and products alone


def member(of, n):
    return part("member of a small set" if of <= SMALL else "member of a large set", n=n)


class Measure:
    """What a store grows by, in bytes."""

    KEY_BYTES = 40  # of an entry in the table of keys and its object: both MEMORY USAGE and MEMORY STATS count them

    def __init__(self, store):
        self._store = store
        self._at_first = self._used()
        self.expected = 0

    def _used(self):
        return self._store.info("memory")["used_memory"]

    def _data(self):
        """All keys and the tables that they stand in, without the buffers of connections, which come and go."""
        keys = self._store.keys()
        tables = self._store.memory_stats()["db.0"]
        with self._store.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.memory_usage(key, samples=0)
            return sum(tables.values()) + sum(size - self.KEY_BYTES for size in pipeline.execute() if size)

    def check(self, what, work, expected):
        before = self._data()
        work()
        wait_until(lambda: jobs_done(self._store), what="all effects")
        self.expected += expected
        self._judge(what, self._data() - before, expected)

    def check_whole(self):
        """Of a Redis whose daemons are gone."""
        self._judge("the whole", self._used() - self._at_first, self.expected)

    @staticmethod
    def _judge(what, grown, expected):
        assert abs(expected - grown) <= TOLERANCE * grown, f"{what}: {grown} bytes, the formula says {expected}"


def follow_all(client, readers, subjects):
    word, count = subjects
    pairs = [(f"reader-{reader:05}", f"{word}-{number:05}") for reader in range(readers) for number in range(count)]
    for first in range(0, len(pairs), 1000):
        client.follow_many(pairs[first:first + 1000])


def follows_cost(readers, subjects):
    """A place in the reader's set, two in the subject's ones, and the log's entries; names of 12 bytes."""
    return readers * subjects * (member(subjects, 12) + 2 * member(readers, 12) + part("follow in the log", n=12))


def share_all(client, author, count):
    return [reply.id for reply in client.call_all(
        [pb.ShareRequest(author=author, url=f"http://example.org/{author}/{number:05}", comment="c" * 120,
                         idempotency_key=f"key-of-20-bytes-{number:04}") for number in range(count)])]


def shares_cost(count):
    words = {"n": 12, "b": 12 + len("http://example.org/stars-00000/00000") + 120}
    return count * sum(part(row, **words) for row in ("share", "share in the log", "idempotency key"))


def describe_all(client, count):
    client.call_all([pb.SetSubjectRequest(subject=pb.Subject(id=f"brand-{number:05}", kind=pb.BRAND, description="d" * 120,
                                                             display_name=f"Brand number {number:05}"))
                     for number in range(count)])


def comment_all(client, shares, each):
    client.call_all([pb.CommentRequest(commenter=f"reader-{number:05}", share_id=share, text="w" * 120)
                     for share in shares for number in range(each)])


def test_a_store_takes_as_much_memory_as_the_formula_says(start_feedd, start_redis):
    server = start_redis("--list-max-listpack-size", "138")  # as the private one has it
    daemon = start_feedd("--redis-url", server.url, "--timeline-cap", "800")
    measure = Measure(server.client())
    shares = []
    with daemon.connect(timeout=60) as client:
        client.follow("somebody", "somebody else")
        measure.check("follows in small sets", lambda: follow_all(client, 60, ("stars", 100)), follows_cost(60, 100))
        measure.check("follows in large sets", lambda: follow_all(client, 400, ("crowd", 10)), follows_cost(400, 10))
        measure.check("shares", lambda: [shares.extend(share_all(client, f"stars-{number:05}", 100)) for number in range(10)],
                      shares_cost(1000))
        measure.check("timelines", lambda: [client.timeline_ids(f"reader-{number:05}") for number in range(60)],
                      60 * part("timeline", e=800))
        measure.check("comments", lambda: comment_all(client, shares[:100], 10), 1000 * part("comment", n=12, b=120))
        measure.check("descriptions", lambda: describe_all(client, 1000), 1000 * part("subject described", n=12, b=18 + 120))
    daemon.stop()
    measure.check_whole()
