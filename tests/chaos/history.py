"""What clients recorded, and what can be said for sure about it.

A history is a list of records (dictionaries; JSON lines in a file). Times are numbers that only grow, the same for all
clients: a write that began after another one had ended came later. The records, by their field `is`:

settings    profile_cap, timeline_cap: how many shares they hold
write       what: share (author, url, id), reshare (author, url, origin, id; asked: by which share), delete (author, share), edit
            (author, share, version), comment (commenter, author, share, parent, text, id), uncomment (author, share, comment),
            follow, mute, block or the end of one (reader, subject; keep: the history stays); author: always whose log it stands
            in, that of the share
            begin, end, connection, daemon; outcome: done (position, repeated), none (nothing was done; refused: the error, if it
            is one that a client must not get without a reason), unknown (no answer, or one that says so: it may have
            happened, or still happen later: but not after the same daemon has answered the next one about the same)
connection  of a stream: stream, connection, at, token (hexadecimal; empty: from now on); kind: home (the default), profile or
            inbox (stream: the reader or the subject), dialogue (stream: the share), dialogue_around (stream: the subject);
            looks_as: the reader who looks at a dialogue, or empty
event       connection, at, what: shared (id, author, url, version, origin), reshared (id, author, url, origin), edited (id, author,
            share, url, version), deleted (id, share, author), commented (id, author, share, commenter, parent, text),
            comment_deleted (id, comment, author), noticed (id, kind, actor, share, cause), caught_up or heartbeat (token),
            gap (reason, ranges), refused (code), left (nobody is interested in this stream any more)
read        what: timeline or profile (items: id, author, url, version, origin, by how many re-shared, newest first; page_end),
            dialogue (of: a share, which is there or not; items: id, commenter, parent, text, oldest first, but for the place of a
            deleted one empty; counts: what is said of the number of comments), inbox (items: id, kind, actor, share, cause, newest
            first; page_end), following, muted or blocked (items: names)
            of, begin, end, daemon; must: ids acknowledged on the same connection before; final: nothing was going on
            any more
loss        the store went back to what it had been some time before. begin, end: it did so between them, and nobody could
            write to it at the end; had, survived: for each partition the last position before and after; new_store: not
            even its name is left
settled     at: from here on every stream had the time to deliver everything
complaint   text: a client saw something that the protocol does not allow

The version of a share is the number of the edit that made it what it is, 0 if it is as it was shared; that of a re-share is its
origin's. The url of a re-share is its origin's; no author re-shares the same twice.
Of a position, which is the same as the id of what stands there, the last 6 bits are its partition.
"""
import bisect
import collections
import itertools
import json
import sys

from facts import CHANGES, NEVER, RELATIONS, Chain, Change, Item, Loss, Pair
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


MOMENT = 2 << 13  # two milliseconds, in ids
DELETES = {"delete": "share", "uncomment": "comment"}  # what a write deletes, by the field that names it


def name_of(record):
    """What tells a share, or a comment, from all others in the log of its author."""
    return record["url"] if "url" in record else f"{record['commenter']} under {record['share']}: {record['text']}"


def load(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


class History:
    def __init__(self, records):
        self.settings = {"profile_cap": NEVER, "timeline_cap": NEVER, "partitions": 1}
        self.settled = False
        self.complaints = []
        self.writes = []
        self.losses = []                                         # in the order of time
        self.items = collections.defaultdict(list)               # (author, name) -> [Item]: a further one if one was lost
        self.made_under = collections.defaultdict(list)          # share -> attempts to comment on it, or to re-share it
        self.attempts = collections.Counter()                    # (author, name) -> how often it was sent
        self.by_id = {}                                          # id -> Item
        self.by_author = collections.defaultdict(list)           # author -> shares that were made, by id
        self.said = collections.defaultdict(list)                # author -> comments that were made under its shares, by id
        # Of following, muted and blocked each:
        self.pairs = {name: collections.defaultdict(Pair) for name in RELATIONS}     # (reader, subject) -> Pair
        self.asked_for = {name: collections.defaultdict(set) for name in RELATIONS}  # reader -> subjects that it ever asked for
        self.named = {name: collections.defaultdict(list) for name in RELATIONS}     # reader -> its final reads of them
        self.streams = collections.defaultdict(list)             # reader -> (connection record, events) of its home stream
        self.dialogues = collections.defaultdict(list)           # (kind, share or subject, who looks) -> the same of dialogues
        self.inboxes = collections.defaultdict(list)             # subject -> the same of its inbox
        self.reads = []
        self.profiles = collections.defaultdict(set)             # author -> ids in its final profiles
        self.versions = {}                                       # share -> what its first final read says
        self.talk = {}                                           # share -> its first final dialogue
        self.conflicts = []                                      # two ids for one item, two items for one id
        self._take(records)
        self.blockers = collections.defaultdict(set)             # subject -> who blocks it in the end
        for reader, reads in self.named["blocked"].items():
            for subject in reads[0]["items"]:
                self.blockers[subject].add(reader)
        self._find_unacknowledged()
        for item in sorted(self.by_id.values(), key=lambda item: item.id):
            item.under = self.by_id.get(item.share or item.origin)
            (self.said if item.share else self.by_author)[item.author].append(item)
        self.unidentified = collections.Counter(
            item.author for items in self.items.values() for item in items if not item.id and not item.share)
        for write in self.writes:
            deleted = self.by_id.get(write.get(DELETES.get(write["what"])))
            if deleted and write["outcome"] != "none":
                deleted.deletions.append(self._change(write))
            if write["what"] == "edit" and write["outcome"] != "none":
                self._take_edit(self.by_id[write["share"]].edits, write)
        for author, shares in self.by_author.items():
            self._find_dropped(author, shares)

    def _take(self, records):
        connections = {}
        for record in records:
            kind = record["is"]
            if kind == "event":
                connections[record["connection"]].append(record)
            elif kind == "connection":
                events = connections[record["connection"]] = []
                self._streams_of(record.get("kind", "home"), record).append((record, events))
            elif kind == "write":
                self.writes.append(record)
            elif kind == "read":
                self.reads.append(record)
                if record["what"] in RELATIONS and record["final"]:
                    self.named[record["what"]][record["of"]].append(record)
                if record["what"] == "dialogue":
                    self.talk.setdefault(record["of"], record["items"])
                if record["what"] in ("timeline", "profile") and record["final"]:
                    for share_id, _, _, version, *_ in record["items"]:
                        self.versions.setdefault(share_id, version)
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
        self._bound_kept()

    def _streams_of(self, kind, record):
        if kind == "inbox":
            return self.inboxes[record["stream"]]
        if kind.startswith("dialogue"):
            return self.dialogues[kind, record["stream"], record.get("looks_as", "")]
        return self.streams[record["stream"]]

    def _bound_unknown_changes(self):
        """Going backwards: a change of a pair without an answer happens, if at all, before the same daemon's next answer about
        the same has come."""
        answered = {}
        for write in reversed(self.writes):
            if write["what"] not in CHANGES or not write.get("daemon"):
                continue
            place = write["reader"], write["subject"], CHANGES[write["what"]][0], write["daemon"]
            if write["outcome"] == "done":
                answered[place] = write["end"]
            elif write["outcome"] == "unknown":
                write["latest"] = answered.get(place, NEVER)

    def _bound_kept(self):
        """What is kept reaches no further than the ids that were there then, whatever log they are of, and a moment beyond."""
        begins, highest = [], []
        for write in self.writes:
            begins.append(write["begin"])
            highest.append(max(write.get("position") or 0, highest[-1] if highest else 0))
        for pair in self.pairs["following"].values():
            for change in pair.ended:
                if change.keeps and begins:
                    change.keeps_to = highest[bisect.bisect(begins, change.end) - 1] + MOMENT

    def _take_write(self, write):
        if write["what"] in CHANGES:
            (relation, begins), pair = CHANGES[write["what"]], (write["reader"], write["subject"])
            if write["outcome"] != "none":
                change = self._change(write)
                change.keeps = write.get("keep", False) if write["what"] == "unfollow" else None
                self.pairs[relation][pair].add(begins, change)
                for one in (pair, pair[::-1]) if write["what"] == "block" else ():
                    self.pairs["following"][one].add(False, change)  # which a block ends
            self.asked_for[relation][write["reader"]].add(write["subject"])
        elif write["what"] in ("share", "reshare", "comment"):
            name = write["author"], name_of(write)
            self.attempts[name] += 1
            self.made_under[write.get("share") or write.get("origin")].append(write)
            if not self.items[name]:
                ties = [write.get(field, 0) for field in ("share", "parent", "origin")]
                self.items[name].append(Item(*name, write["begin"], *ties, by=write.get("commenter")))
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

    def _identify(self, name, item_id, at, where):
        """Somebody was told this id for an item. If an earlier one of the same name was lost it is a new one."""
        items = self.items[name]
        known = self.by_id.get(item_id)
        if known in items:
            item = known
        elif not known and items[-1].id is None:
            item = items[-1]
        elif not known and (items[-1].loss or self.loss_of(item_id)):
            before = [one for one in items if one.id < item_id]  # what was made later has a higher id, in a new store, too
            item = Item(*name, before[-1].loss.begin if before and before[-1].loss else items[0].begin, *items[0].ties,
                        by=items[0].by)
            items.insert(len(before), item)
        else:
            self.conflicts.append(f"{where} says {item_id} for {items[-1]}, and {item_id} is {known}")
            return
        if item.id is None:
            item.id, item.loss = item_id, self.loss_of(item_id)
            self.by_id[item_id] = item
        item.end = min(item.end, at)
        item.told = True

    def _find_unacknowledged(self):
        """What has no acknowledgement was made if anybody saw it."""
        for connections in (*self.streams.values(), *self.dialogues.values()):
            for _, events in connections:
                for event in events:
                    if event["what"] in ("shared", "reshared", "commented"):
                        self._see(event["id"], event["author"], name_of(event), event["at"], True)
        for read in self.reads:
            if read["what"] in ("timeline", "profile"):
                for share_id, author, url, *_ in read["items"]:
                    self._see(share_id, author, url, read["end"], False)
            elif read["what"] == "dialogue":
                for comment_id, commenter, _, text in read["items"]:
                    name = name_of({"commenter": commenter, "share": read["of"], "text": text})
                    self._see(comment_id, read["author"], name, read["end"], False)

    def _see(self, item_id, author, name, at, told):
        known = self.by_id.get(item_id)
        if known:
            if (known.author, known.name) == (author, name):
                known.end = min(known.end, at)
                known.told = known.told or told
        elif (author, name) in self.items and (self.loss_of(item_id) or all(
                one.id is None or one.loss for one in self.items[author, name])):
            self._identify((author, name), item_id, at, "somebody who saw it")
            self.by_id[item_id].told = told

    def _take_edit(self, edits, write):
        """However often it was sent it is one."""
        change = self._change(write)
        if earlier := edits.get(write["version"]):
            change.begin = earlier.begin
            change.position = earlier.position or change.position
        edits[write["version"]] = change

    def _find_dropped(self, author, shares):
        """A share may have been dropped by its author's profile when as many as that holds may have been made after it."""
        room = self.settings["profile_cap"] - self.unidentified[author]
        for place, share in enumerate(shares if len(shares) > room else ()):
            later = sorted(one.begin for one in shares[place + 1:])
            if len(later) >= room:
                share.dropped_from = later[max(room - 1, 0)] if room > 0 else share.begin

    @staticmethod
    def chains(connections):
        """The connections of a stream, cut where it began anew without a token."""
        chains = []
        for connection, events in sorted(connections, key=lambda one: one[0]["at"]):
            if not connection["token"] or not chains:
                chains.append(Chain())
            chains[-1].connections.append((connection, events))
        if chains:
            chains[-1].is_last = not any(event["what"] == "left" for _, events in chains[-1].connections for event in events)
        return chains

    def follows_at_end(self, reader):
        """Whom a reader follows in the end, as it was told; its own shares are there anyway."""
        reads = self.named["following"].get(reader)
        return set(reads[0]["items"]) | {reader} if reads else {reader}

    def seen_at_end(self, reader):
        """Whose shares a reader sees in the end."""
        return self.follows_at_end(reader) - self.hidden_at_end(reader)

    def kept_at_end(self, reader, share):
        """Whether it is there in the end although its author is followed no more: None if that is not certain."""
        pairs = self.pairs["following"]
        pair = pairs.get((reader, share.author))
        return pair.keeps(share, self.settings["partitions"]) if pair else False

    def hidden_at_end(self, reader):
        """Whom a reader does not see in the end, whoever re-shares it."""
        reads = [self.named[relation].get(reader) for relation in ("muted", "blocked")]
        return self.blockers.get(reader, set()).union(*[found[0]["items"] for found in reads if found])

    def may_be_apart(self, one, other, since, until):
        """Whether a block may have stood between the two at some time."""
        return any(self.pairs["blocked"][pair].possibly(since, until) for pair in ((one, other), (other, one)))

    def are_apart(self, one, other, since, until):
        """Whether one stood all that time."""
        return any(self.pairs["blocked"][pair].surely(since, until) for pair in ((one, other), (other, one)))

    def hidden_by(self, reader, subject):
        """What may keep a reader from seeing a subject."""
        ends = ("muted", (reader, subject)), ("blocked", (reader, subject)), ("blocked", (subject, reader))
        return [self.pairs[relation][pair] for relation, pair in ends if pair in self.pairs[relation]]
