"""Judges a recorded history by what proto/PROTOCOL.md promises, and by nothing else.

    python3 checker.py HISTORY.jsonl

Each check looks at one part (all writes, one author's profile, one reader's timeline, one reader's stream) and returns
its violations, sentences that begin with one of the words of KINDS.
"""
import sys

from history import NEVER, History, load

KINDS = ("lost", "twice", "order", "invented", "unentitled", "inconsistent", "gap", "refused", "complaint")


def check(records):
    """All violations of a history."""
    history = History(records)
    found = [f"complaint: {text}" for text in history.complaints] + check_writes(history)
    for reader in sorted(history.following):
        found += check_following(history, reader)
    for read in history.reads:
        found += check_read(history, read)
    for reader in sorted(history.streams):
        found += check_stream(history, reader)
    return found


# ------------------------------------------------------------------------------------------------------------ writes

def check_writes(history):
    found = [f"inconsistent: {text}" for text in history.conflicts]
    positions = {}     # log owner -> (begin, end, position, what) of each write that made an entry
    last_of_batch = {}  # (connection, author) -> the latest id
    tried = set()       # shares with an attempt that may have made them
    for write in history.writes:
        owner = write["reader"] if "reader" in write else write["author"]
        if write["what"] == "share":
            found += check_share_reply(write, last_of_batch, (write["author"], write["url"]) in tried)
            if write["outcome"] != "none":
                tried.add((write["author"], write["url"]))
        if write["outcome"] == "done" and not write["repeated"] and write["position"]:
            positions.setdefault(owner, []).append((write["begin"], write["end"], write["position"], write["what"]))
    for owner, entries in positions.items():
        found += check_positions(owner, entries)
    return found


def check_share_reply(write, last_of_batch, tried_before):
    if write["outcome"] != "done":
        return []
    if write["repeated"]:
        return [] if tried_before else [f"inconsistent: {write['url']} is said to be a repetition, but is the first"]
    found = []
    batch = write["connection"], write["author"]
    if write["id"] <= last_of_batch.get(batch, 0):
        found.append(f"order: share {write['id']} of {write['author']} was sent after {last_of_batch[batch]} on one "
                     "connection")
    last_of_batch[batch] = write["id"]
    return found


def check_positions(owner, entries):
    """What began after something else was acknowledged stands behind it in the log, and no two at one place."""
    found = []
    ended = sorted(entries, key=lambda entry: entry[1])
    latest, next_ended = 0, 0
    for begin, _, position, what in sorted(entries):
        while ended[next_ended][1] < begin:
            latest = max(latest, ended[next_ended][2])
            next_ended += 1
        if position <= latest:
            found.append(f"order: a {what} of {owner} at {position} began after {latest} was acknowledged")
    if len({position for _, _, position, _ in entries}) != len(entries):
        found.append(f"inconsistent: two writes of {owner} have one position")
    return found


# ------------------------------------------------------------------------------------------------------------- reads

def check_following(history, reader):
    """The final reads of whom a reader follows agree with each other and with what was acknowledged."""
    found = []
    reads = history.following[reader]
    for read in reads:
        names = set(read["items"])
        if len(names) != len(read["items"]):
            found.append(f"twice: a name among those whom {reader} follows at {read['daemon']}")
        if names != set(reads[0]["items"]):
            found.append(f"inconsistent: {reader} follows {names ^ set(reads[0]['items'])} at one daemon only")
        for subject in names | history.subjects_of[reader]:
            pair = history.pairs[reader, subject]
            if subject in names and not pair.possibly(read["begin"], read["end"]):
                found.append(f"unentitled: {reader} is said to follow {subject}, which it does not")
            if subject not in names and pair.surely(read["begin"], read["end"]):
                found.append(f"lost: {reader} follows {subject}, which is not said")
    return found


def check_read(history, read):
    """A page of shares: each once, newest first, all of them real; if final, complete."""
    if read["what"] == "following":
        return []
    where = f"the {'final ' if read['final'] else ''}{read['what']} of {read['of']} at {read['daemon']}"
    found, seen, previous = [], set(), NEVER
    for share_id, author, url in read["items"]:
        share = history.by_id.get(share_id)
        if share_id in seen:
            found.append(f"twice: {share_id} in {where}")
        elif share_id > previous:
            found.append(f"order: {share_id} after {previous} in {where}")
        if not share or (share.author, share.url) != (author, url) or share.begin > read["end"]:
            found.append(f"invented: {share_id} ({author}, {url}) in {where}; it is {share}")
        elif not may_be_read(history, read, share):
            found.append(f"unentitled: {share} in {where}")
        seen.add(share_id)
        previous = share_id
    for share_id in read.get("must", ()):
        if share_id not in seen and not history.by_id[share_id].may_be_deleted(read["end"]):
            found.append(f"lost: {share_id}, acknowledged on the same connection, is not in {where}")
    if read["final"]:
        found += check_complete(history, read, seen, where)
    return found


def may_be_read(history, read, share):
    if read["final"] and share.deleted:
        return False
    if share.author == read["of"]:
        return True
    if read["what"] == "profile":
        return False
    if read["final"]:
        return share.author in history.follows_at_end(read["of"])
    return history.pairs[read["of"], share.author].possibly(share.begin, read["end"])


def check_complete(history, read, seen, where):
    """A final read holds every share that belongs there, as far as the cap reaches."""
    is_profile = read["what"] == "profile"
    cap = history.settings["profile_cap" if is_profile else "timeline_cap"]
    oldest = 0
    if read["page_end"] == "CAPPED":
        oldest = min(seen, default=NEVER)
        if (held := held_since(history, read, oldest)) < cap:
            return [f"lost: {where} is said to be capped, but holds {held} shares of {cap} at most"]
    elif read["page_end"] != "END":
        return [f"lost: {where} ends in {read['page_end']}"]
    authors = [read["of"]] if is_profile else sorted(history.follows_at_end(read["of"]))
    return [f"lost: {share} is not in {where}" for author in authors for share in belonging(history, read["of"], author)
            if share.id not in seen and share.id > oldest]


def held_since(history, read, oldest):
    """How many shares there may be in a list from the oldest shown on: also those deleted and unfollowed since."""
    authors = {read["of"]} | (history.subjects_of[read["of"]] if read["what"] == "timeline" else set())
    return sum(share.id >= oldest for author in authors for share in history.by_author[author])


def belonging(history, reader, author):
    """The shares of an author that a reader's timeline must hold: what was made after the follow, and what the follow
    brought in, which is at least what is still among the latest. A deletion without an answer is judged by the
    profile: there the share is or it is not, and so it must be everywhere."""
    shares = history.by_author[author]
    since = 0 if author == reader else history.pairs[reader, author].sure_since()
    kept = history.profiles[author]
    for rank, share in enumerate(reversed(shares)):
        if (share.begin > since or rank < history.settings["backfill"]) and not share.deleted \
                and (not share.may_be_deleted() or share.id in kept):
            yield share


# ----------------------------------------------------------------------------------------------------------- streams

def check_stream(history, reader):
    found = []
    for chain in history.chains(reader):
        found += StreamCheck(history, reader, chain).run()
    return found


class StreamCheck:
    """One stream from where it began without a token, over all connections that resumed it."""

    def __init__(self, history, reader, chain):
        self.history = history
        self.reader = reader
        self.chain = chain
        self.found = []
        self.place = 0       # counts events over all connections
        self.tokens = {}     # token -> the place where it came first
        self.seen = {}       # log entry id -> its place
        self.received = {}   # share id -> when it came first
        self.deleted = {}    # share id -> id of the deletion
        self.gaps = []       # (after, until)
        self.started_at = NEVER

    def run(self):
        for connection, events in self.chain.connections:
            self.check_connection(connection, events)
        for author in sorted(self.history.subjects_of[self.reader] | {self.reader}):
            self.check_nothing_lost(author)
        return self.found

    def say(self, text):
        self.found.append(f"{text} in the stream of {self.reader}")

    def check_connection(self, connection, events):
        token = connection["token"]
        if token and token not in self.tokens:
            self.say(f"complaint: connection {connection['connection']} resumed with a token that never came")
        resumed_at = self.tokens.get(token, 0)
        # What came behind the token may come again.
        self.seen = {entry: place for entry, place in self.seen.items() if place < resumed_at}
        here = set()    # log entry ids
        latest = {}     # author -> share id
        for event in events:
            self.place += 1
            what = event["what"]
            if what in ("shared", "deleted"):
                if event["id"] in here:
                    self.say(f"twice: {what} {event['id']} on connection {connection['connection']}")
                elif event["id"] in self.seen and self.seen[event["id"]] < resumed_at:
                    self.say(f"twice: {what} {event['id']} on connection {connection['connection']} although it was "
                             "resumed behind it")
                here.add(event["id"])
                self.seen.setdefault(event["id"], self.place)
            if what == "shared":
                self.check_shared(event, connection, here, latest, resumed_at)
            elif what == "deleted":
                self.check_deleted(event)
            elif what in ("caught_up", "heartbeat"):
                if event["token"]:
                    self.tokens.setdefault(event["token"], self.place)
                if what == "caught_up":
                    self.started_at = min(self.started_at, event["at"])
            elif what == "gap":
                self.gaps += event["ranges"]
                if self.history.settings["keeps_all"]:
                    self.say(f"gap: {event['reason']} {event['ranges']} although nothing is missing")
            elif what == "refused" and (event["code"] != "TOKEN_FUTURE" or self.history.settings["keeps_all"]):
                self.say(f"refused: a subscription with {event['code']}")

    def check_shared(self, event, connection, here, latest, resumed_at):
        share = self.history.by_id.get(event["id"])
        author = event["author"]
        if not share or (share.author, share.url) != (author, event["url"]) or share.begin > event["at"]:
            self.say(f"invented: {event['id']} ({author}, {event['url']}), which is {share},")
            return
        if event["id"] < latest.get(author, 0):
            self.say(f"order: {share} after {latest[author]} on connection {connection['connection']}")
        latest[author] = max(event["id"], latest.get(author, 0))
        self.received.setdefault(share.id, event["at"])
        until = event["at"] if connection["token"] else share.end
        if author != self.reader and not self.history.pairs[self.reader, author].possibly(share.begin, until):
            self.say(f"unentitled: {share}, at {event['at']}, made between {share.begin} and {share.end},")
        deletion = self.deleted.get(share.id)
        if deletion in here or self.seen.get(deletion, NEVER) < resumed_at:
            self.say(f"unentitled: {share} after its deletion at {deletion}")

    def check_deleted(self, event):
        share = self.history.by_id.get(event["share"])
        if not share or share.author != event["author"] or not share.may_be_deleted(event["at"]):
            self.say(f"invented: the deletion of {share or event['share']}")
            return
        entries = {one["position"] for one in share.deletions if one["outcome"] == "done" and not one["repeated"]}
        if self.deleted.setdefault(share.id, event["id"]) != event["id"] or (entries and event["id"] not in entries):
            self.say(f"inconsistent: {share} was deleted at {entries}, and at {event['id']}")

    def check_nothing_lost(self, author):
        """Going backwards: each share that the stream has passed must have come, or a Gap, or a reason why not."""
        passed_at = NEVER if self.chain.is_last and self.history.settled else None
        for share in reversed(self.history.by_author[author]):
            came = self.received.get(share.id)
            if came is not None:
                self.check_deletion_came(share)
                passed_at = came if passed_at is None else min(came, passed_at)
            elif passed_at is not None and share.begin > self.started_at and not share.may_be_deleted(passed_at) \
                    and self.follows(author, share.begin, passed_at) and not self.in_gap(share.id):
                self.say(f"lost: {share}, made between {share.begin} and {share.end},")

    def check_deletion_came(self, share):
        if not (self.chain.is_last and self.history.settled) or share.id in self.deleted or not share.deleted:
            return
        position = max(one["position"] or 0 for one in share.deletions if one["outcome"] == "done")
        if self.follows(share.author, share.begin, NEVER) and not self.in_gap(position):
            self.say(f"lost: the deletion (at {position}) of {share}, which came at {self.received[share.id]},")

    def follows(self, author, since, until):
        return author == self.reader or self.history.pairs[self.reader, author].surely(since, until)

    def in_gap(self, position):
        return any(after < position <= until for after, until in self.gaps)


def main():
    records = load(sys.argv[1])
    found = check(records)
    for text in found:
        print(text)
    print(f"{len(records)} records, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
