"""Judges streams: what each kind of stream must bring, and all of them alike otherwise."""
from facts import NEVER, partition_of
from history import name_of


class StreamCheck:
    """One stream from where it began without a token, over all connections that resumed it. Kinds differ in the events that
    bring something (`items`), change it (`edits`) and take it away (`deletions`: event -> the field that names what), and in
    whom they bring that of."""
    items = ()
    deletions = {}
    edits = ()

    def __init__(self, history, name, chain):
        self.history = history
        self.name = name     # whose stream it is
        self.chain = chain
        self.found = []
        self.place = 0       # counts events over all connections
        self.tokens = {}     # token -> the place where it came first
        self.seen = {}       # log entry id -> its place
        self.received = {}   # item's id -> when it came first
        self.versions = {}   # share's id -> what it says as far as was told
        self.deleted = {}    # item's id -> id of the deletion
        self.entries = {}    # log entry id -> when it came first
        self.gaps = []       # (after, until)
        self.refused = False
        self.started_at = NEVER

    # -- what a kind knows

    def authors(self):
        """In whose logs its events may stand."""
        raise NotImplementedError

    def items_of(self, author):
        """All that it may have to bring of this author, by id."""
        raise NotImplementedError

    def sees(self, item, since, until):
        """Whether it surely belonged to the stream all that time."""
        return True

    def check_entitled(self, item, event, connection):
        """What there is to say against this item in this stream."""

    def room(self):
        """How much a stream that was away can be told out of the store."""
        return NEVER

    # -- what holds for all

    def run(self):
        for connection, events in self.chain.connections:
            self.check_connection(connection, events)
        for author in sorted(self.authors()):
            self.check_nothing_lost(author)
        if self.history.losses and self.ended_well():
            self.check_nothing_hidden()
        return self.found

    def ended_well(self):
        """Whether all has come to this stream that ever will."""
        return self.chain.is_last and self.history.settled and not self.refused

    def say(self, text):
        self.found.append(f"{text} in the stream of {self.name}")

    def check_connection(self, connection, events):
        token = connection["token"]
        if token and token not in self.tokens:
            self.say(f"complaint: connection {connection['connection']} resumed with a token that never came")
        resumed_at = self.tokens.get(token, 0)
        # What came behind the token may come again.
        self.seen = {entry: place for entry, place in self.seen.items() if place < resumed_at}
        here = set()    # log entry ids
        latest = {}     # author -> the latest item
        for event in events:
            self.place += 1
            what = event["what"]
            if what in self.items or what in self.edits or what in self.deletions:
                if event["id"] in here:
                    self.say(f"twice: {what} {event['id']} on connection {connection['connection']}")
                elif event["id"] in self.seen and self.seen[event["id"]] < resumed_at:
                    self.say(f"twice: {what} {event['id']} on connection {connection['connection']} although it was "
                             "resumed behind it")
                here.add(event["id"])
                self.seen.setdefault(event["id"], self.place)
                self.entries.setdefault(event["id"], event["at"])
            if what in self.items:
                self.check_item(event, connection, here, latest, resumed_at)
            elif what in self.edits:
                self.check_edited(event)
            elif what in self.deletions:
                self.check_deleted(event, event[self.deletions[what]])
            elif what in ("caught_up", "heartbeat"):
                if event["token"]:
                    self.tokens.setdefault(event["token"], self.place)
                if what == "caught_up":
                    self.started_at = min(self.started_at, event["at"])
            elif what == "gap":
                self.check_gap(event)
            elif what == "refused":
                self.check_refusal(event)

    def check_gap(self, event):
        """A Gap that speaks of lost data must be about data that were lost, one that speaks of a cap about more than that.
        Nobody is away for so long that deletions are forgotten."""
        self.gaps += event["ranges"]
        if event["reason"] == "GAP_LOST":
            true = all(any(loss.begin < event["at"] and loss.overlaps(*one) for loss in self.history.losses)
                       for one in event["ranges"])
        else:
            true = event["reason"] == "GAP_CAPPED" and all(
                self.possible_items_after(after) > self.room() for after, _ in event["ranges"])
        if not true:
            self.say(f"gap: {event['reason']} {event['ranges']} although nothing is missing")

    def possible_items_after(self, position):
        """How much may have come above a position, that included of which nobody knows the id."""
        return sum(self.history.unidentified[author] + sum(item.id > position for item in self.items_of(author))
                   for author in self.authors())

    def check_refusal(self, event):
        self.refused = True
        losses = [loss for loss in self.history.losses if loss.begin < event["at"]]
        if event["code"] == "TOKEN_FOREIGN":
            losses = [loss for loss in losses if loss.new_store]
        if event["code"] == "TOKEN_DAMAGED" or not losses:
            self.say(f"refused: a subscription with {event['code']}")

    def check_item(self, event, connection, here, latest, resumed_at):
        item = self.history.by_id.get(event["id"])
        author = event["author"]
        if not item or not self.is_of(item, event) or item.begin > event["at"]:
            self.say(f"invented: {event}, which is {item},")
            return
        if item.loss and item.loss.end < connection["at"]:
            self.say(f"unentitled: {item}, which the store had lost, on connection {connection['connection']}")
        if event["id"] < latest.get(author, 0):
            self.say(f"order: {item} after {latest[author]} on connection {connection['connection']}")
        latest[author] = max(event["id"], latest.get(author, 0))
        self.received.setdefault(item.id, event["at"])
        self.check_entitled(item, event, connection)
        for gone in (item, item.under):
            deletion = self.deleted.get(gone.id) if gone else None
            if deletion and not self.history.loss_of(deletion) and (
                    deletion in here or self.seen.get(deletion, NEVER) < resumed_at):
                self.say(f"unentitled: {item} after the deletion of {gone} at {deletion}")

    def check_edited(self, event):
        """Of what did not come it is no harm to be told."""
        item = self.history.by_id.get(event["share"])
        if not item or not self.is_of(item, event) or event["version"] == 0 or not item.may_say(event["version"], event["at"]):
            self.say(f"invented: {event}, an edit of {item},")
            return
        if event["id"] <= item.id:
            self.say(f"order: the edit {event['id']} of {item}")
        self.versions[item.id] = event["version"]

    def check_version(self, item):
        """In the end it must have been told what the share has come to say. That of an origin is told where the origin is."""
        version = self.versions[item.id]
        if item.origin or item.may_say_in_the_end(version) or item.may_be_gone() or not self.ended_well():
            return
        if self.sees(item, item.begin, NEVER) and not any(one.loss or self.in_gap(one.position) for one in item.edits.values()):
            self.say(f"lost: an edit of {item}, which says {version} in the end, not one of {sorted(item.edits)},")

    def is_of(self, item, event):
        """Whether an event tells of this item what it is."""
        return (item.author, item.name, item.origin) == (event["author"], name_of(event), event.get("origin", 0))

    def check_deleted(self, event, deleted):
        item = self.history.by_id.get(deleted)
        if not item or item.author != event["author"] or not self.may_have_been_deleted(item, event["at"]):
            self.say(f"invented: the deletion of {item or deleted}")
            return
        earlier = self.deleted.get(item.id, event["id"])
        entries = {one.position for one in item.deletions if one.position}
        lost = any(self.history.loss_of(position) for position in entries | {earlier, event["id"]})
        if not lost and (earlier != event["id"] or (entries and event["id"] not in entries)):
            self.say(f"inconsistent: {item} was deleted at {entries}, at {earlier}, and at {event['id']}")
        self.deleted[item.id] = event["id"]

    @staticmethod
    def may_have_been_deleted(item, before):
        """Each for itself, but that re-shares are deleted with their origin."""
        return any(one.begin < before for one in item.deletions) or bool(item.origin and item.under.may_be_gone(before))

    def check_nothing_lost(self, author):
        """Going backwards: each item that the stream has passed must have come, or a Gap, or a reason why not."""
        passed_at = NEVER if self.chain.is_last and self.history.settled else None
        for item in reversed(self.items_of(author)):
            came = self.received.get(item.id)
            if came is not None:
                self.check_deletion_came(item)
                if self.edits:
                    self.check_version(item)
                passed_at = came if passed_at is None else min(came, passed_at)
            elif passed_at is not None and not item.loss and item.begin > self.started_at \
                    and not item.may_be_deleted(passed_at) and self.sees(item, item.begin, passed_at) \
                    and not self.in_gap(item.id):
                self.say(f"lost: {item}, made between {item.begin} and {item.end},")

    def check_deletion_came(self, item):
        """Of a comment, or of its share; of a re-share, which is deleted with its origin, at a position that nobody is told."""
        if not self.ended_well() or not item.deleted or item.loss:
            return
        gone = [one for one in (item, item.under) if one and (one is item or item.share)]
        positions = [one.position for it in gone for one in it.deletions if one.done and not one.loss] or [
            until for _, until in self.gaps if until > item.id]
        if not any(one.id in self.deleted for one in gone) and self.sees(item, item.begin, NEVER) \
                and not any(map(self.in_gap, positions)):
            self.say(f"lost: the deletion (at {positions}) of {item}, which came at {self.received[item.id]},")

    def check_nothing_hidden(self):
        """What the store lost is covered by a Gap, whether it had come to this stream or not."""
        for entry, at in self.entries.items():
            if self.history.loss_of(entry) and not self.in_gap(entry):
                self.say(f"silent: {entry} came at {at} and was lost then, which was not told")
        for author in sorted(self.authors()):
            for item in self.items_of(author):
                if item.loss and item.told and item.id not in self.received and item.begin > self.started_at \
                        and not item.may_be_deleted(item.loss.end) \
                        and self.sees(item, item.begin, item.loss.begin) and not self.in_gap(item.id):
                    self.say(f"silent: {item}, made between {item.begin} and {item.end}, was lost, which was not told")

    # A mute stands in the reader's log, and so does one half of a block: in a store of several partitions daemons may read of it,
    # and of its end, after what came later in other logs.

    def may_hide(self, reader, subject, since, until):
        """Whether a mute or a block may have kept the reader from seeing the subject at some time."""
        since = since if self.history.settings["partitions"] == 1 else 0
        return any(pair.possibly(since, until) for pair in self.history.hidden_by(reader, subject))

    def hides(self, reader, subject, since, until):
        """Whether one surely did all that time."""
        return self.history.settings["partitions"] == 1 and any(
            pair.surely(since, until) for pair in self.history.hidden_by(reader, subject))

    def in_gap(self, position):
        return any(after < position <= until and partition_of(until) == partition_of(position)
                   for after, until in self.gaps)


class HomeStream(StreamCheck):
    """The shares of those whom a reader follows, and its own. A profile is told like that of somebody who follows nobody."""
    items = ("shared", "reshared")
    deletions = {"deleted": "share"}
    edits = ("edited",)

    def authors(self):
        return self.history.asked_for["following"][self.name] | {self.name}

    def items_of(self, author):
        return self.history.by_author[author]

    def sees(self, item, since, until):
        """Whether this reader surely followed the author all that time, and saw it and the author of the origin."""
        return not any(self.may_hide(self.name, author, since, until) for author in self.authors_of(item)) and (
            item.author == self.name or self.history.pairs["following"][self.name, item.author].surely(since, until))

    @staticmethod
    def authors_of(item):
        return {item.author, item.under.author} if item.under else {item.author}

    def check_entitled(self, item, event, connection):
        version = self.versions[item.id] = event.get("version", 0)
        if not item.may_say(version, event["at"]):
            self.say(f"invented: {item} with {version}")
        until = event["at"] if connection["token"] else item.end
        pair = self.history.pairs["following"][self.name, item.author]
        if item.author != self.name and not pair.possibly(item.begin, until) and not pair.may_keep(item, until):
            self.say(f"unentitled: {item}, at {event['at']}, made between {item.begin} and {item.end},")
        if any(self.hides(self.name, author, item.begin, event["at"]) for author in self.authors_of(item)):
            self.say(f"unentitled: {item} of one who was muted or blocked, at {event['at']},")

    def room(self):
        return self.history.settings["timeline_cap"]
