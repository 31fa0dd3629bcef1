"""What clients recorded, and what can be said for sure about it.

A history is a list of records (dictionaries; JSON lines in a file). Times are numbers that only grow, the same for all
clients: a write that began after another one had ended came later. The records, by their field `is`:

settings    timeline_cap, profile_cap, backfill; keeps_all: the store was never made to lose anything
write       what: share (author, url, id), delete (author, share), follow or unfollow (reader, subject)
            begin, end, connection; outcome: done (position, repeated), none (refused, nothing was done), unknown (no
            answer, or one that says so: it may have happened, or still happen at any time later)
connection  of a home stream: stream (the reader), connection, at, token (hexadecimal; empty: from now on)
event       connection, at, what: shared (id, author, url), deleted (id, share, author), caught_up or heartbeat (token),
            gap (reason, ranges), refused (code)
read        what: timeline or profile (items: id, author, url, newest first; page_end), following (items: names)
            of, begin, end, daemon; must: ids acknowledged on the same connection before; final: nothing was going on
            any more
settled     at: from here on every stream had the time to deliver everything
complaint   text: a client saw something that the protocol does not allow
"""
import collections
import itertools
import json
import sys

NEVER = float("inf")


class Recorder:
    """Collects the records of many threads."""

    def __init__(self):
        self.records = []  # append() is atomic
        self._clock = itertools.count(1)

    def now(self):
        return next(self._clock)

    def add(self, **record):
        self.records.append(record)
        return record

    def complain(self, text):
        self.add(**{"is": "complaint", "text": text})
        print(f"complaint: {text}", file=sys.stderr, flush=True)

    def save(self, path):
        with open(path, "w") as file:
            for record in self.records:
                file.write(json.dumps(record) + "\n")


def load(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


class Share:
    """One publication, however often it was sent: its author and url, and what everybody saw of it."""

    def __init__(self, author, url, begin):
        self.author = author
        self.url = url
        self.begin = begin   # no earlier than that it was made
        self.end = NEVER     # no later than that
        self.id = None       # None: nobody has seen it, so it was not made
        self.deletions = []  # the writes that may have deleted it

    def __str__(self):
        return f"share {self.id} of {self.author} ({self.url})"

    @property
    def deleted(self):
        """Whether an acknowledgement says so."""
        return any(one["outcome"] == "done" for one in self.deletions)

    def may_be_deleted(self, before=NEVER):
        return any(one["begin"] < before for one in self.deletions)


class Pair:
    """Whether a reader follows a subject, and when: follows and unfollows that overlap may go either way."""

    def __init__(self):
        self.follows = []
        self.unfollows = []

    def add(self, write):
        if write["outcome"] != "none":
            end = write["end"] if write["outcome"] == "done" else NEVER
            (self.follows if write["what"] == "follow" else self.unfollows).append((write["begin"], end))

    def surely(self, since, until):
        """Whether it was followed all the time from `since` to `until`."""
        return any(f_end <= since and all(u_end < f_begin or u_begin > until for u_begin, u_end in self.unfollows)
                   for f_begin, f_end in self.follows if f_end != NEVER)

    def possibly(self, since, until):
        """Whether it may have been followed at some time from `since` to `until`."""
        return any(f_begin <= until and not any(u_begin > f_end and u_end < since for u_begin, u_end in self.unfollows)
                   for f_begin, f_end in self.follows)

    def sure_since(self):
        """Since when it is followed for good; NEVER if that cannot be said."""
        return min((f_end for f_begin, f_end in self.follows
                    if f_end != NEVER and all(u_end < f_begin for _, u_end in self.unfollows)), default=NEVER)


class Chain:
    """Connections of one stream, each but the first resumed with a token of an earlier one."""

    def __init__(self):
        self.connections = []  # (the connection's record, its events)
        self.is_last = False


class History:
    def __init__(self, records):
        self.settings = {"timeline_cap": NEVER, "profile_cap": NEVER, "backfill": NEVER, "keeps_all": True}
        self.settled = False
        self.complaints = []
        self.writes = []
        self.shares = {}                                         # (author, url) -> Share
        self.by_id = {}                                          # id -> Share
        self.by_author = collections.defaultdict(list)           # author -> shares that were made, by id
        self.pairs = collections.defaultdict(Pair)               # (reader, subject) -> Pair
        self.subjects_of = collections.defaultdict(set)          # reader -> subjects that it ever asked for
        self.streams = collections.defaultdict(list)             # reader -> (connection record, events)
        self.reads = []
        self.following = collections.defaultdict(list)           # reader -> its final reads of whom it follows
        self.profiles = collections.defaultdict(set)             # author -> ids in its final profiles
        self.conflicts = []                                      # two ids for one share, two shares for one id
        self._take(records)
        self._find_unacknowledged()
        for share in self.by_id.values():
            self.by_author[share.author].append(share)
        for shares in self.by_author.values():
            shares.sort(key=lambda share: share.id)

    def _take(self, records):
        connections = {}
        for record in records:
            kind = record["is"]
            if kind == "event":
                connections[record["connection"]].append(record)
            elif kind == "connection":
                events = connections[record["connection"]] = []
                self.streams[record["stream"]].append((record, events))
            elif kind == "write":
                self.writes.append(record)
            elif kind == "read":
                self.reads.append(record)
                if record["what"] == "following" and record["final"]:
                    self.following[record["of"]].append(record)
                if record["what"] == "profile" and record["final"]:
                    self.profiles[record["of"]].update(item[0] for item in record["items"])
            elif kind == "settings":
                self.settings.update({name: value for name, value in record.items() if name != "is"})
            elif kind == "settled":
                self.settled = True
            elif kind == "complaint":
                self.complaints.append(record["text"])
        self.writes.sort(key=lambda write: write["begin"])
        for write in self.writes:
            self._take_write(write)
        for write in self.writes:
            if write["what"] == "delete" and write["outcome"] != "none" and write["share"] in self.by_id:
                self.by_id[write["share"]].deletions.append(write)

    def _take_write(self, write):
        if write["what"] in ("follow", "unfollow"):
            self.pairs[write["reader"], write["subject"]].add(write)
            self.subjects_of[write["reader"]].add(write["subject"])
        elif write["what"] == "share":
            name = write["author"], write["url"]
            share = self.shares.get(name) or self.shares.setdefault(name, Share(*name, write["begin"]))
            if write["outcome"] == "done":
                share.end = min(share.end, write["end"])
                self.identify(share, write["id"], "the reply to its author")

    def identify(self, share, share_id, where):
        if share.id is None and share_id not in self.by_id:
            share.id = share_id
            self.by_id[share_id] = share
        elif self.by_id.get(share_id) is not share:
            self.conflicts.append(f"{where} says {share_id} for {share}, and {share_id} is {self.by_id.get(share_id)}")

    def _find_unacknowledged(self):
        """A share without an acknowledgement was made if anybody saw it."""
        for read in self.reads:
            if read["what"] != "following":
                for share_id, author, url in read["items"]:
                    self._see(share_id, author, url, read["end"])
        for connections in self.streams.values():
            for _, events in connections:
                for event in events:
                    if event["what"] == "shared":
                        self._see(event["id"], event["author"], event["url"], event["at"])

    def _see(self, share_id, author, url, at):
        share = self.shares.get((author, url))
        if share and share.end > at:
            if share.id is None:
                self.identify(share, share_id, "somebody who saw it")
            share.end = at

    def chains(self, reader):
        """The connections of a reader's stream, cut where it began anew without a token."""
        chains = []
        for connection, events in sorted(self.streams[reader], key=lambda one: one[0]["at"]):
            if not connection["token"] or not chains:
                chains.append(Chain())
            chains[-1].connections.append((connection, events))
        if chains:
            chains[-1].is_last = True
        return chains

    def follows_at_end(self, reader):
        """Whom a reader follows in the end, as it was told; its own shares are there anyway."""
        reads = self.following.get(reader)
        return set(reads[0]["items"]) | {reader} if reads else {reader}
