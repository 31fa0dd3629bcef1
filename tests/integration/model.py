"""What every timeline and every stream must be, computed from the data files alone.

The network is made of two real files, joined as their README says: the authors of the links are ranked by their number
of rows, and person i of the graph is the author of rank i. Ids are the daemon's choice and come from its acks;
everything else comes from the files.
"""
import collections
import csv
import dataclasses
import datetime
import os
from pathlib import Path

DATA = Path(os.environ.get("FEEDD_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
LINKS, EDGES = DATA / "hn-shares.csv", DATA / "reed98.edges"


@dataclasses.dataclass(frozen=True)
class Row:
    """One link of the file that has a url."""
    author: str
    url: str
    title: str
    created_at_ms: int


class Network:
    def __init__(self):
        with LINKS.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        count = collections.Counter(row["author"] for row in rows)
        rank = sorted(count, key=lambda author: (-count[author], author))
        edges = [tuple(int(word) for word in line.split()) for line in EDGES.read_text().splitlines()]
        self.rows = [Row(row["author"], row["url"], row["title"], unix_ms(row["created_at"]))
                     for row in rows if row["url"]]
        self.people = [rank[person] for person in sorted({person for edge in edges for person in edge})]
        self.follows = [(rank[reader], rank[subject]) for a, b in edges for reader, subject in ((a, b), (b, a))]
        self.followed_by = collections.defaultdict(set)
        for reader, subject in self.follows:
            self.followed_by[reader].add(subject)

    def timeline_rows(self, reader):
        """The rows that a reader sees, as indexes into `rows`, in the order of the file."""
        authors = self.followed_by[reader] | {reader}
        return [index for index, row in enumerate(self.rows) if row.author in authors]


def unix_ms(text):
    moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp()) * 1000


def refused(row):
    """Whether the row's url is no url: two rows of the file have a control character in it."""
    return any(ord(character) <= 0x20 or 0x7F <= ord(character) < 0xA0 for character in row.url)


# -------------------------------------------------------------------------------------------------------- comparisons

def list_differences(expected, found):
    """How two lists of ids differ, one string for each difference; [] if they are the same."""
    differences = [f"missing {one}" for one in sorted(set(expected) - set(found))]
    differences += [f"unexpected {one}" for one in sorted(set(found) - set(expected))]
    differences += [f"{times} times {one}" for one, times in sorted(collections.Counter(found).items()) if times > 1]
    if not differences and list(expected) != list(found):
        differences.append("out of order")
    return differences


def stream_differences(expected, found):
    """The same for what a subscriber saw: `expected` maps each author to its ids in log order; `found` is a list of
    (id, author). Between authors there is no order."""
    by_author = collections.defaultdict(list)
    for share_id, author in found:
        by_author[author].append(share_id)
    differences = []
    for author in sorted(expected.keys() | by_author.keys()):
        differences += [f"{author}: {text}" for text in list_differences(expected.get(author, []), by_author[author])]
    return differences


def content_differences(row, share_id, share):
    """How a share that the daemon returned differs from its row of the file."""
    expected = {"id": share_id, "author": row.author, "url": row.url, "title": row.title,
                "created_at_ms": row.created_at_ms, "extract": "", "image_url": "", "comment": ""}
    return [f"{share_id}: {field} is {getattr(share, field)!r}, not {value!r}"
            for field, value in expected.items() if getattr(share, field) != value]
