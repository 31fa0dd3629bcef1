"""What clients recorded, and what can be said for sure about it.

A history is a list of records (dictionaries; JSON lines in a file). Times are numbers that only grow, the same for all
clients: a write that began after another one had ended came later. The records, by their field `is`:

settings    profile_cap, timeline_cap: how many shares they hold
write       what: share (author, url, id), delete (author, share), follow, unfollow, mute or unmute (reader, subject)
            begin, end, connection, daemon; outcome: done (position, repeated), none (nothing was done; refused: the error, if it
            is one that a client must not get without a reason), unknown (no answer, or one that says so: it may have
            happened, or still happen later: but not after the same daemon has answered the next one about the same)
connection  of a home stream: stream (the reader), connection, at, token (hexadecimal; empty: from now on)
event       connection, at, what: shared (id, author, url), deleted (id, share, author), caught_up or heartbeat (token),
            gap (reason, ranges), refused (code)
read        what: timeline or profile (items: id, author, url, newest first; page_end), following or muted (items: names)
            of, begin, end, daemon; must: ids acknowledged on the same connection before; final: nothing was going on
            any more
loss        the store went back to what it had been some time before. begin, end: it did so between them, and nobody could
            write to it at the end; had, survived: for each partition the last position before and after; new_store: not
            even its name is left
settled     at: from here on every stream had the time to deliver everything
complaint   text: a client saw something that the protocol does not allow

Of a position, which is the same as the id of what stands there, the last 6 bits are its partition.
"""
import collections
import itertools
import json
import sys

NEVER = float("inf")
CHANGES = {"follow": True, "unfollow": False, "mute": True, "unmute": False}  # what a pair is from then on
RELATIONS = {"follow": "following", "unfollow": "following", "mute": "muted", "unmute": "muted"}
PARTITIONS = 64


def partition_of(position):
    return position % PARTITIONS


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


class Loss:
    """The store went back to an earlier state. What stood behind that is gone, and later positions are higher still."""

    def __init__(self, record):
        self.begin = record["begin"]
        self.end = record["end"]
        self.had = record["had"]
        self.survived = record["survived"]
        self.new_store = record.get("new_store", False)

    def took(self, position):
        partition = partition_of(position)
        return partition < len(self.had) and self.survived[partition] < position <= self.had[partition]

    def overlaps(self, after, until):
        partition = partition_of(until)
        return partition < len(self.had) and after < self.had[partition] and until > self.survived[partition]


class Share:
    """One publication, however often it was sent: its author and url, and what everybody saw of it."""

    def __init__(self, author, url, begin):
        self.author = author
        self.url = url
        self.begin = begin   # no earlier than that it was made
        self.end = NEVER     # no later than that
        self.id = None       # None: nobody has seen it, so it was not made
        self.loss = None     # that took it
        self.told = False    # somebody was told of it by an acknowledgement or an event
        self.deletions = []  # those that may have deleted it

    def __str__(self):
        return f"share {self.id} of {self.author} ({self.url})"

    @property
    def deleted(self):
        """Whether an acknowledgement says so, and that is still true in the end."""
        return any(one.done and not one.loss for one in self.deletions)

    def may_be_deleted(self, before=NEVER):
        """Whether it may have been deleted at some time before."""
        return any(one.begin < before for one in self.deletions)

    def may_be_deleted_in_the_end(self):
        return any(not one.loss for one in self.deletions)


class Change:
    """A deletion, a follow, a mute or the end of one: made between `begin` and `end`, if it was made at all. `loss` undid it."""

    def __init__(self, begin, end, done, position=0, loss=None):
        self.begin = begin
        self.end = end
        self.done = done  # it is certain that it was made
        self.position = position
        self.loss = loss


class Pair:
    """Whether a reader follows a subject, or has muted it, and when: beginnings and ends that overlap may go either way."""

    def __init__(self):
        self.begun = []
        self.ended = []

    def add(self, what, change):
        (self.begun if CHANGES[what] else self.ended).append(change)
        if change.loss:  # from then on it may be as before, until the next word about it
            for changes in (self.begun, self.ended):
                changes.append(Change(change.loss.begin, change.loss.end, False))

    def surely(self, since, until):
        """Whether it was so all the time from `since` to `until`."""
        return any(b.done and b.end <= since and all(e.end < b.begin or e.begin > until for e in self.ended)
                   for b in self.begun)

    def possibly(self, since, until):
        """Whether it may have been so at some time from `since` to `until`."""
        return any(b.begin <= until and not any(e.done and e.begin > b.end and e.end < since for e in self.ended)
                   for b in self.begun)


class Chain:
    """Connections of one stream, each but the first resumed with a token of an earlier one."""

    def __init__(self):
        self.connections = []  # (the connection's record, its events)
        self.is_last = False


class History:
    def __init__(self, records):
        self.settings = {"profile_cap": NEVER, "timeline_cap": NEVER, "partitions": 1}
        self.settled = False
        self.complaints = []
        self.writes = []
        self.losses = []                                         # in the order of time
        self.shares = collections.defaultdict(list)              # (author, url) -> [Share]: a further one if one was lost
        self.attempts = collections.Counter()                    # (author, url) -> how often it was sent
        self.by_id = {}                                          # id -> Share
        self.by_author = collections.defaultdict(list)           # author -> shares that were made, by id
        self.pairs = collections.defaultdict(Pair)               # (reader, subject) -> Pair: who follows whom
        self.mutes = collections.defaultdict(Pair)               # the same: who has muted whom
        self.subjects_of = collections.defaultdict(set)          # reader -> subjects that it ever asked to follow
        self.muted_by = collections.defaultdict(set)             # reader -> subjects that it ever asked to mute
        self.streams = collections.defaultdict(list)             # reader -> (connection record, events)
        self.reads = []
        self.following = collections.defaultdict(list)           # reader -> its final reads of whom it follows
        self.muted = collections.defaultdict(list)               # the same: whom it has muted
        self.profiles = collections.defaultdict(set)             # author -> ids in its final profiles
        self.conflicts = []                                      # two ids for one share, two shares for one id
        self._take(records)
        self._find_unacknowledged()
        for share in self.by_id.values():
            self.by_author[share.author].append(share)
        for shares in self.by_author.values():
            shares.sort(key=lambda share: share.id)
        self.unidentified = collections.Counter(share.author for shares in self.shares.values() for share in shares if not share.id)
        for write in self.writes:
            if write["what"] == "delete" and write["outcome"] != "none" and write["share"] in self.by_id:
                self.by_id[write["share"]].deletions.append(self._change(write))

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
                if record["what"] in ("following", "muted") and record["final"]:
                    getattr(self, record["what"])[record["of"]].append(record)
                if record["what"] == "profile" and record["final"]:
                    self.profiles[record["of"]].update(item[0] for item in record["items"])
            elif kind == "settings":
                self.settings.update({name: value for name, value in record.items() if name != "is"})
            elif kind == "loss":
                self.losses.append(Loss(record))
            elif kind == "settled":
                self.settled = True
            elif kind == "complaint":
                self.complaints.append(record["text"])
        self.writes.sort(key=lambda write: write["begin"])
        self._bound_unknown_changes()
        for write in self.writes:
            self._take_write(write)

    def _bound_unknown_changes(self):
        """Going backwards: a change of a pair without an answer happens, if at all, before the same daemon's next answer about
        the same has come."""
        answered = {}
        for write in reversed(self.writes):
            if write["what"] not in CHANGES or not write.get("daemon"):
                continue
            place = write["reader"], write["subject"], RELATIONS[write["what"]], write["daemon"]
            if write["outcome"] == "done":
                answered[place] = write["end"]
            elif write["outcome"] == "unknown":
                write["latest"] = answered.get(place, NEVER)

    def _take_write(self, write):
        if write["what"] in CHANGES:
            follows = RELATIONS[write["what"]] == "following"
            pairs, asked_for = (self.pairs, self.subjects_of) if follows else (self.mutes, self.muted_by)
            if write["outcome"] != "none":
                pairs[write["reader"], write["subject"]].add(write["what"], self._change(write))
            asked_for[write["reader"]].add(write["subject"])
        elif write["what"] == "share":
            name = write["author"], write["url"]
            self.attempts[name] += 1
            if not self.shares[name]:
                self.shares[name].append(Share(*name, write["begin"]))
            if write["outcome"] == "done":
                self._identify(name, write["id"], write["end"], "the reply to its author")

    def loss_of(self, position):
        """The loss that took what stood there, or None."""
        return next((loss for loss in self.losses if loss.took(position)), None)

    def _change(self, write):
        """One that has no position of its own (it repeats an earlier one) may be undone by any later loss."""
        done, position, loss = write["outcome"] == "done", write.get("position") or 0, None
        if done:
            loss = self.loss_of(position) if position else next(
                (loss for loss in self.losses if loss.end > write["begin"]), None)
        return Change(write["begin"], write["end"] if done else write.get("latest", NEVER), done, position, loss)

    def _identify(self, name, share_id, at, where):
        """Somebody was told this id for a share. If an earlier one of the same name was lost it is a new one."""
        shares = self.shares[name]
        known = self.by_id.get(share_id)
        if known in shares:
            share = known
        elif not known and shares[-1].id is None:
            share = shares[-1]
        elif not known and (shares[-1].loss or self.loss_of(share_id)):
            before = [one for one in shares if one.id < share_id]  # what was made later has a higher id, in a new store, too
            share = Share(*name, before[-1].loss.begin if before and before[-1].loss else shares[0].begin)
            shares.insert(len(before), share)
        else:
            self.conflicts.append(f"{where} says {share_id} for {shares[-1]}, and {share_id} is {known}")
            return
        if share.id is None:
            share.id, share.loss = share_id, self.loss_of(share_id)
            self.by_id[share_id] = share
        share.end = min(share.end, at)
        share.told = True

    def _find_unacknowledged(self):
        """A share without an acknowledgement was made if anybody saw it."""
        for connections in self.streams.values():
            for _, events in connections:
                for event in events:
                    if event["what"] == "shared":
                        self._see(event["id"], event["author"], event["url"], event["at"], True)
        for read in self.reads:
            if read["what"] in ("timeline", "profile"):
                for share_id, author, url in read["items"]:
                    self._see(share_id, author, url, read["end"], False)

    def _see(self, share_id, author, url, at, told):
        known = self.by_id.get(share_id)
        if known:
            if (known.author, known.url) == (author, url):
                known.end = min(known.end, at)
                known.told = known.told or told
        elif (author, url) in self.shares and (self.loss_of(share_id) or all(
                one.id is None or one.loss for one in self.shares[author, url])):
            self._identify((author, url), share_id, at, "somebody who saw it")
            self.by_id[share_id].told = told

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

    def seen_at_end(self, reader):
        """Whose shares a reader sees in the end."""
        muted = self.muted.get(reader)
        return self.follows_at_end(reader) - (set(muted[0]["items"]) if muted else set())
