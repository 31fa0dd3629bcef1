"""What a history is made of: what was made, changed and lost, and when that was at the earliest and at the latest."""

NEVER = float("inf")
RELATIONS = {"following": "follow", "muted": "mute", "blocked": "block"}  # and what begins them
# What is so from then on, or is not.
CHANGES = {f"{un}{verb}": (relation, not un) for relation, verb in RELATIONS.items() for un in ("", "un")}
PARTITIONS = 64


def partition_of(position):
    return position % PARTITIONS


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


class Item:
    """A share, a re-share, or a comment under one, however often it was sent, and what everybody saw of it. It stands in the
    log of its author; that of a comment is the author of the share. The name tells it from all others there."""

    def __init__(self, author, name, begin, share=0, parent=0, origin=0, by=None):
        self.author = author
        self.by = by or author     # who says it
        self.name = name           # of a share: its url; of a comment: who says what, and where
        self.share = share         # of a comment: where it is said, or 0
        self.parent = parent       # of a comment: the one that it replies to
        self.origin = origin       # of a re-share: what it is of, or 0
        self.under = None          # the share or the origin, with which it goes
        self.begin = begin         # no earlier than that it was made
        self.end = NEVER           # no later than that
        self.id = None             # None: nobody has seen it, so it was not made
        self.loss = None           # that took it
        self.told = False          # somebody was told of it by an acknowledgement or an event
        self.deletions = []        # those that may have deleted it
        self.edits = {}            # what it may have come to say, by the number of that -> Change
        self.dropped_from = NEVER  # when its author's profile may have dropped it, at the earliest

    def __str__(self):
        what = "comment" if self.share else "re-share" if self.origin else "share"
        return f"{what} {self.id} of {self.author} ({self.name})"

    @property
    def ties(self):
        return self.share, self.parent, self.origin

    @property
    def root(self):
        """What a re-share is of, and what any other share is itself."""
        return self.origin or self.id

    @property
    def deleted(self):
        """Whether an acknowledgement says so, and that is still true in the end."""
        return any(one.done and not one.loss for one in self.deletions) or bool(self.under and self.under.deleted)

    def may_be_deleted(self, before=NEVER):
        """Whether it may have been deleted at some time before."""
        return any(one.begin < before for one in self.deletions) or bool(self.under and self.under.may_be_gone(before))

    def may_say(self, version, before):
        """Whether it, or its origin, may have said this at some time before."""
        if self.origin:
            return bool(self.under) and self.under.may_say(version, before)
        return version == 0 or version in self.edits and self.edits[version].begin < before

    def may_say_in_the_end(self, version):
        """Whether nothing that is certain has come after that."""
        if self.origin:
            return self.under.may_say_in_the_end(version)
        if version and (version not in self.edits or self.edits[version].loss):
            return False
        said_at = self.edits[version].end if version else 0
        return not any(one.done and not one.loss and one.begin > said_at for one in self.edits.values())

    def may_be_deleted_in_the_end(self):
        return any(not one.loss for one in self.deletions) or bool(self.under and self.under.may_be_gone())

    def may_be_gone(self, before=NEVER):
        """Whether nothing may be left under it at some time before."""
        return self.may_be_deleted(before) or self.dropped_from < before or self.loss is not None and self.loss.begin < before


class Change:
    """A deletion, an edit, a follow, a mute, a block or the end of one: made between `begin` and `end`, if it was made at all.
    `loss` undid it."""

    def __init__(self, begin, end, done, position=0, loss=None):
        self.begin = begin
        self.end = end
        self.done = done  # it is certain that it was made
        self.keeps = None  # of an unfollow: whether what there was stays; of a block that is not known
        self.keeps_to = 0  # up to which id, at most
        self.position = position
        self.loss = loss


class Pair:
    """Whether a reader follows a subject, has muted or blocked it, and when: beginnings and ends that overlap may go either
    way."""

    def __init__(self):
        self.begun = []
        self.ended = []

    def add(self, begins, change):
        (self.begun if begins else self.ended).append(change)
        if change.loss:  # from then on it may be as before, until the next word about it
            for changes in (self.begun, self.ended):
                changes.append(Change(change.loss.begin, change.loss.end, False))

    def may_change(self, since, until):
        """Whether it may have changed at some time from `since` to `until`."""
        return any(one.begin <= until and one.end >= since for one in self.begun + self.ended)

    def surely(self, since, until):
        """Whether it was so all the time from `since` to `until`."""
        return any(b.done and b.end <= since and all(e.end < b.begin or e.begin > until for e in self.ended)
                   for b in self.begun)

    def possibly(self, since, until):
        """Whether it may have been so at some time from `since` to `until`."""
        return any(b.begin <= until and not any(e.done and e.begin > b.end and e.end < since for e in self.ended)
                   for b in self.begun)


    def may_keep(self, item, before):
        """Whether an unfollow before that may have left this in the timeline. What is kept is known by ids, and the one that counts
        may be of another log: while the clock that makes them stands, after it was set back, what comes later may have lower ones."""
        return any(one.keeps and one.begin <= before and (item.begin <= one.end or item.id <= one.keeps_to) for one in self.ended)

    def keeps(self, item, partitions):
        """Whether an unfollow has left this there in the end: None if that is not certain."""
        if not self.may_keep(item, NEVER):
            return False
        *earlier, last = sorted(self.begun + self.ended, key=lambda one: one.begin)
        before = max((one.end for one in earlier), default=0)
        if not last.done or last.loss or last.keeps is None or before >= last.begin:
            return None
        if not last.keeps:
            return False
        return True if partitions == 1 and self.surely(before, before) and item.end < last.begin else None


class Chain:
    """Connections of one stream, each but the first resumed with a token of an earlier one."""

    def __init__(self):
        self.connections = []  # (the connection's record, its events)
        self.is_last = False   # and it was open in the end
