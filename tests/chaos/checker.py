"""Judges a recorded history by what proto/PROTOCOL.md promises, and by nothing else.

    python3 checker.py HISTORY.jsonl

Each check looks at one part (all writes, one author's profile, one reader's timeline, one reader's stream) and returns
its violations, sentences that begin with one of the words of KINDS.
"""
import sys

from history import NEVER, History, load, partition_of

KINDS = ("lost", "silent", "twice", "order", "invented", "unentitled", "inconsistent", "gap", "refused", "complaint")


def check(records):
    """All violations of a history."""
    history = History(records)
    found = [f"complaint: {text}" for text in history.complaints] + check_writes(history)
    for reader in sorted(history.following):
        found += check_names(reader, "follow", history.following[reader], history.pairs, history.subjects_of[reader])
    for reader in sorted(history.muted):
        found += check_names(reader, "mute", history.muted[reader], history.mutes, history.muted_by[reader])
    for read in history.reads:
        found += check_read(history, read)
    for reader in sorted(history.streams):
        found += check_stream(history, reader)
    return found


# ------------------------------------------------------------------------------------------------------------ writes

def check_writes(history):
    found = [f"inconsistent: {text}" for text in history.conflicts]
    positions = {}  # (log owner, partition) -> (begin, end, position, what) of each write that made an entry
    latest = {}     # (connection, author) -> the latest id
    for write in history.writes:
        owner = write["reader"] if "reader" in write else write["author"]
        if write["what"] == "share":
            found += check_order_sent(history, write, latest)
        if write.get("refused") and not may_be_refused(history, write):
            found.append(f"refused: a {write['what']} of {owner} with {write['refused']}: {write}")
        if write["outcome"] == "done" and not write["repeated"] and write["position"]:
            positions.setdefault((owner, partition_of(write["position"])), []).append(
                (write["begin"], write["end"], write["position"], write["what"]))
    for (owner, _), entries in positions.items():
        found += check_positions(owner, entries)
    return found


def may_be_refused(history, write):
    """There is nothing to delete if the share was lost."""
    return write["what"] == "delete" and write["refused"] == "NOT_FOUND" and (
        loss := history.loss_of(write["share"])) is not None and loss.begin < write["end"]


def made_by(history, write):
    """The id of the share that this very attempt made, 0 if it made none or that cannot be said: another attempt, before
    or after it on whatever connection, may have."""
    if write["outcome"] == "done" and not write["repeated"]:
        return write["id"]
    shares = history.shares[write["author"], write["url"]]
    if write["outcome"] == "unknown" and history.attempts[write["author"], write["url"]] == 1 and len(shares) == 1:
        return shares[0].id or 0
    return 0


def check_order_sent(history, write, latest):
    """Shares of one author, sent on one connection, are made in that order: also one whose outcome was not told."""
    share_id, batch = made_by(history, write), (write["connection"], write["author"])
    if share_id == 0:
        return []
    before = latest.get(batch, 0)
    latest[batch] = share_id
    if share_id > before:
        return []
    return [f"order: share {share_id} of {write['author']} was sent after {before} on one connection"]


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

def check_names(reader, verb, reads, pairs, asked_for):
    """The final reads of whom a reader follows, or mutes, agree with each other and with what was acknowledged."""
    found = []
    for read in reads:
        names = set(read["items"])
        if len(names) != len(read["items"]):
            found.append(f"twice: a name among those whom {reader} {verb}s at {read['daemon']}")
        if names != set(reads[0]["items"]):
            found.append(f"inconsistent: {reader} {verb}s {names ^ set(reads[0]['items'])} at one daemon only")
        for subject in names | asked_for:
            pair = pairs[reader, subject]
            if subject in names and not pair.possibly(read["begin"], read["end"]):
                found.append(f"unentitled: {reader} is said to {verb} {subject}, which it does not")
            if subject not in names and pair.surely(read["begin"], read["end"]):
                found.append(f"lost: {reader} {verb}s {subject}, which is not said")
    return found


def check_read(history, read):
    """A page of shares: each once, newest first, all of them real; if final, complete."""
    if read["what"] not in ("timeline", "profile"):
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
        elif share.loss and share.loss.end < read["begin"]:
            found.append(f"unentitled: {share}, which the store had lost, in {where}")
        seen.add(share_id)
        previous = share_id
    # What is older than a page that is not the last one, or than what the timeline holds, need not be on it.
    oldest = 0 if read["page_end"] == "END" else min(seen, default=NEVER)
    for share_id in read.get("must", ()):
        share = history.by_id[share_id]
        if share_id >= oldest and share_id not in seen and not share.may_be_deleted(read["end"]) and not (
                share.loss and share.loss.begin < read["end"]):
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
        return share.author in history.seen_at_end(read["of"])
    return history.pairs[read["of"], share.author].possibly(share.begin, read["end"])


def check_complete(history, read, seen, where):
    """A final read holds every share that belongs there, as far as the profiles reach, and says whether there were more."""
    authors = [read["of"]] if read["what"] == "profile" else sorted(history.seen_at_end(read["of"]))
    cap = history.settings["profile_cap"]
    if read["page_end"] not in ("END", "CAPPED"):
        return [f"lost: {where} ends in {read['page_end']}"]
    if read["page_end"] == "CAPPED" and all(len(history.by_author[author]) <= cap for author in authors):
        return [f"lost: {where} is said to be capped, but no profile ever held more than {cap} shares"]
    if read["page_end"] == "END" and any(surely_made(history, author) > cap + cap // 64 for author in authors):
        return [f"lost: {where} is said to be all, but a profile has dropped shares"]
    return [f"lost: {share} is not in {where}" for author in authors for share in belonging(history, author)
            if share.id not in seen]


def surely_made(history, author):
    """How many shares its profile must have held, at least."""
    return sum(not share.loss and not share.may_be_deleted() for share in history.by_author[author])


def belonging(history, author):
    """The shares of an author that stand on its profile, and in the timelines of all who follow it, whenever they began to.
    A deletion without an answer is judged by the profile: there the share is or it is not, and so it must be everywhere."""
    shares = [share for share in history.by_author[author] if not share.loss]
    kept = history.profiles[author]
    for rank, share in enumerate(reversed(shares)):
        if rank < history.settings["profile_cap"] and not share.deleted \
                and (not share.may_be_deleted_in_the_end() or share.id in kept):
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
        self.entries = {}    # log entry id -> when it came first
        self.gaps = []       # (after, until)
        self.refused = False
        self.started_at = NEVER

    def run(self):
        for connection, events in self.chain.connections:
            self.check_connection(connection, events)
        for author in sorted(self.history.subjects_of[self.reader] | {self.reader}):
            self.check_nothing_lost(author)
        if self.history.losses and self.ended_well():
            self.check_nothing_hidden()
        return self.found

    def ended_well(self):
        """Whether all has come to this stream that ever will."""
        return self.chain.is_last and self.history.settled and not self.refused

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
                self.entries.setdefault(event["id"], event["at"])
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
                self.check_gap(event)
            elif what == "refused":
                self.check_refusal(event)

    def check_gap(self, event):
        """A Gap that speaks of lost data must be about data that were lost, one that speaks of the timeline's cap about more
        shares than that. Nobody is away for so long that deletions are forgotten."""
        self.gaps += event["ranges"]
        if event["reason"] == "GAP_LOST":
            true = all(any(loss.begin < event["at"] and loss.overlaps(*one) for loss in self.history.losses)
                       for one in event["ranges"])
        else:
            true = event["reason"] == "GAP_CAPPED" and all(
                self.possible_shares_after(after) > self.history.settings["timeline_cap"] for after, _ in event["ranges"])
        if not true:
            self.say(f"gap: {event['reason']} {event['ranges']} although nothing is missing")

    def possible_shares_after(self, position):
        """How many shares may have come into the timeline above a position, those included of which nobody knows the id."""
        authors = self.history.subjects_of[self.reader] | {self.reader}
        return sum(self.history.unidentified[author] + sum(share.id > position for share in self.history.by_author[author])
                   for author in authors)

    def check_refusal(self, event):
        self.refused = True
        losses = [loss for loss in self.history.losses if loss.begin < event["at"]]
        if event["code"] == "TOKEN_FOREIGN":
            losses = [loss for loss in losses if loss.new_store]
        if event["code"] == "TOKEN_DAMAGED" or not losses:
            self.say(f"refused: a subscription with {event['code']}")

    def check_shared(self, event, connection, here, latest, resumed_at):
        share = self.history.by_id.get(event["id"])
        author = event["author"]
        if not share or (share.author, share.url) != (author, event["url"]) or share.begin > event["at"]:
            self.say(f"invented: {event['id']} ({author}, {event['url']}), which is {share},")
            return
        if share.loss and share.loss.end < connection["at"]:
            self.say(f"unentitled: {share}, which the store had lost, on connection {connection['connection']}")
        if event["id"] < latest.get(author, 0):
            self.say(f"order: {share} after {latest[author]} on connection {connection['connection']}")
        latest[author] = max(event["id"], latest.get(author, 0))
        self.received.setdefault(share.id, event["at"])
        until = event["at"] if connection["token"] else share.end
        if author != self.reader and not self.history.pairs[self.reader, author].possibly(share.begin, until):
            self.say(f"unentitled: {share}, at {event['at']}, made between {share.begin} and {share.end},")
        if self.history.settings["partitions"] == 1 and self.history.mutes[self.reader, author].surely(share.begin, event["at"]):
            self.say(f"unentitled: {share} of one who was muted, at {event['at']},")
        deletion = self.deleted.get(share.id)
        if (deletion in here or self.seen.get(deletion, NEVER) < resumed_at) and not self.history.loss_of(deletion):
            self.say(f"unentitled: {share} after its deletion at {deletion}")

    def check_deleted(self, event):
        share = self.history.by_id.get(event["share"])
        if not share or share.author != event["author"] or not share.may_be_deleted(event["at"]):
            self.say(f"invented: the deletion of {share or event['share']}")
            return
        earlier = self.deleted.get(share.id, event["id"])
        entries = {one.position for one in share.deletions if one.position}
        lost = any(self.history.loss_of(position) for position in entries | {earlier, event["id"]})
        if not lost and (earlier != event["id"] or (entries and event["id"] not in entries)):
            self.say(f"inconsistent: {share} was deleted at {entries}, at {earlier}, and at {event['id']}")
        self.deleted[share.id] = event["id"]

    def check_nothing_lost(self, author):
        """Going backwards: each share that the stream has passed must have come, or a Gap, or a reason why not."""
        passed_at = NEVER if self.chain.is_last and self.history.settled else None
        for share in reversed(self.history.by_author[author]):
            came = self.received.get(share.id)
            if came is not None:
                self.check_deletion_came(share)
                passed_at = came if passed_at is None else min(came, passed_at)
            elif passed_at is not None and not share.loss and share.begin > self.started_at \
                    and not share.may_be_deleted(passed_at) and self.sees(author, share.begin, passed_at) \
                    and not self.in_gap(share.id):
                self.say(f"lost: {share}, made between {share.begin} and {share.end},")

    def check_deletion_came(self, share):
        if not self.ended_well() or share.id in self.deleted or not share.deleted or share.loss:
            return
        positions = [one.position for one in share.deletions if one.done and not one.loss]
        if self.sees(share.author, share.begin, NEVER) and not any(map(self.in_gap, positions)):
            self.say(f"lost: the deletion (at {positions}) of {share}, which came at {self.received[share.id]},")

    def check_nothing_hidden(self):
        """What the store lost is covered by a Gap, whether it had come to this stream or not."""
        for entry, at in self.entries.items():
            if self.history.loss_of(entry) and not self.in_gap(entry):
                self.say(f"silent: {entry} came at {at} and was lost then, which was not told")
        for author in sorted(self.history.subjects_of[self.reader] | {self.reader}):
            for share in self.history.by_author[author]:
                if share.loss and share.told and share.id not in self.received and share.begin > self.started_at \
                        and not share.may_be_deleted(share.loss.end) \
                        and self.sees(author, share.begin, share.loss.begin) and not self.in_gap(share.id):
                    self.say(f"silent: {share}, made between {share.begin} and {share.end}, was lost, which was not told")

    def sees(self, author, since, until):
        """Whether this reader surely followed the author all that time, and had not muted it. A mute stands in the reader's log:
        in a store of several partitions daemons may read of it, and of its end, after shares that came later."""
        if self.history.mutes[self.reader, author].possibly(since if self.history.settings["partitions"] == 1 else 0, until):
            return False
        return author == self.reader or self.history.pairs[self.reader, author].surely(since, until)

    def in_gap(self, position):
        return any(after < position <= until and partition_of(until) == partition_of(position)
                   for after, until in self.gaps)


def main():
    records = load(sys.argv[1])
    found = check(records)
    for text in found:
        print(text)
    print(f"{len(records)} records, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
