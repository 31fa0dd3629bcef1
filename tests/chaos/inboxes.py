"""Judges inboxes: what others did that concerns a subject, read and streamed. A notice names what caused it; of what causes it
elsewhere, and of a follow, nobody is told where it stands in the subject's log."""
import collections

from facts import NEVER
from history import name_of
from streams import StreamCheck

HELD = 1000  # notices of comments, and as many others


def cause_of(notice):
    """What one notice tells of, and no other one: of a follow there may be several."""
    return notice["kind"], notice["actor"], notice["share"], notice["cause"]


def causes(history, subject):
    """{cause: item} of all comments and re-shares that concern a subject."""
    found = {("NOTICE_COMMENTED", comment.by, comment.share, comment.id): comment for comment in history.said[subject]}
    for items in history.said.values():
        for comment in items:
            parent = history.by_id.get(comment.parent)
            if parent and parent.by == subject != comment.author:
                found["NOTICE_REPLIED", comment.by, comment.share, comment.id] = comment
    for items in history.by_author.values():
        for share in items:
            if share.origin and share.under.author == subject:
                found["NOTICE_RESHARED", share.author, share.origin, share.id] = share
    return {cause: item for cause, item in found.items() if item.by != subject}


def followers(history, subject):
    """{reader: how often it may have begun to follow}"""
    return collections.Counter(write["reader"] for write in history.writes if write["what"] == "follow"
                               and write["subject"] == subject and write["outcome"] != "none")


def may_be_unseen(history, actor, share, cause, before):
    """Whether it may be caused by something of which nobody else has ever seen the id: its author was not answered, or it was
    lost and made again."""
    attempts = [write for write in history.made_under[share]
                if write["begin"] < before and write.get("commenter", write["author"]) == actor and write["outcome"] != "none"]
    return any(history.items[write["author"], name_of(write)][-1].id is None for write in attempts) or (
        bool(attempts) and history.loss_of(cause) is not None)


class InboxStream(StreamCheck):
    items = ("noticed",)

    def __init__(self, history, name, chain):
        super().__init__(history, name, chain)
        self.causes = causes(history, name)
        self.follows = followers(history, name)
        self.notices = collections.defaultdict(set)  # cause -> ids of notices
        self.followed_by = set()                     # readers of whom it was told that they follow

    def authors(self):
        return {self.name}

    def items_of(self, author):
        """What is a notice under its own id."""
        return [comment for comment in self.history.said[author] if comment.by != author]

    def sees(self, item, since, until):
        return not self.may_hide(self.name, item.by, since, until)

    def check_item(self, event, connection, here, latest, resumed_at):
        cause, actor = cause_of(event), event["actor"]
        if event["id"] < (before := latest.get(self.name, 0)):
            self.say(f"order: {event} after {before} on connection {connection['connection']}")
        latest[self.name] = event["id"]
        self.notices[cause].add(event["id"])
        if cause[0] == "NOTICE_FOLLOWED" and cause[2:] == (0, 0):
            self.followed_by.add(actor)
            if sum(not self.history.loss_of(one) for one in self.notices[cause]) > self.follows[actor]:
                self.say(f"{'twice' if self.follows[actor] else 'invented'}: {event}, more than the follows of {actor},")
            return
        item = self.causes.get(cause)
        if not item and may_be_unseen(self.history, event["actor"], event["share"], event["cause"], event["at"]):
            return
        if not item or item.begin > event["at"] or cause[0] == "NOTICE_COMMENTED" and event["id"] != item.id:
            self.say(f"invented: {event}, caused by {item},")
            return
        if len(self.notices[cause]) > 1 and not self.history.losses:
            self.say(f"twice: {item}, noticed at {sorted(self.notices[cause])},")
        self.received.setdefault(item.id, event["at"])
        if self.hides(self.name, actor, item.begin, event["at"]):
            self.say(f"unentitled: {item} of one who was muted or blocked, at {event['at']},")

    def check_deletion_came(self, item):
        """It is not told what became of it."""

    def check_nothing_lost(self, author):
        """In the end all must have come, in whatever log it stands, but for what may be in a Gap."""
        super().check_nothing_lost(author)
        if not self.ended_well() or self.gaps:
            return
        for item in self.causes.values():
            if item.author != author and item.id not in self.received and not item.loss and item.begin > self.started_at \
                    and not item.may_be_gone() and self.sees(item, item.begin, NEVER):
                self.say(f"lost: {item}, made between {item.begin} and {item.end},")
        for reader in self.follows:
            pair = self.history.pairs["following"][reader, author]
            begun = [one for one in pair.begun if one.done and one.begin > self.started_at and pair.surely(one.end, NEVER)]
            if begun and not self.may_hide(author, reader, begun[0].begin, NEVER) and reader not in self.followed_by:
                self.say(f"lost: that {reader} follows, since {begun[0].begin},")

    def room(self):
        return HELD


def check_inbox(history, read):
    """All that others did and that was not undone, each once, newest first."""
    where, subject = f"the final inbox of {read['of']} at {read['daemon']}", read["of"]
    possible, hidden = causes(history, subject), history.hidden_at_end(subject)
    found, seen, previous = [], set(), NEVER
    for notice_id, *cause in read["items"]:
        cause = tuple(cause)
        item = possible.get(cause)
        if cause in seen:
            found.append(f"twice: {cause} in {where}")
        if notice_id > previous:
            found.append(f"order: {notice_id} after {previous} in {where}")
        if cause[0] == "NOTICE_FOLLOWED" and cause[2:] == (0, 0):
            if not history.pairs["following"][cause[1], subject].possibly(read["begin"], read["end"]):
                found.append(f"unentitled: {cause} in {where}")
        elif not item and may_be_unseen(history, *cause[1:], read["end"]):
            pass
        elif not item:
            found.append(f"invented: {cause} in {where}")
        elif item.deleted or item.loss:
            found.append(f"unentitled: {item} in {where}, though it is gone")
        if cause[1] in hidden:
            found.append(f"unentitled: {cause} in {where}, of somebody who is not seen")
        seen.add(cause)
        previous = notice_id
    if read["page_end"] != "END" and len(possible) <= HELD:
        found.append(f"lost: {where} ends in {read['page_end']}")
    if read["page_end"] != "END":
        return found
    found += [f"lost: {item} is not in {where}" for cause, item in possible.items()
              if cause not in seen and cause[1] not in hidden and not item.may_be_gone()]
    return found + [f"lost: that {reader} follows is not in {where}" for reader in followers(history, subject)
                    if history.pairs["following"][reader, subject].surely(read["begin"], read["end"])
                    and ("NOTICE_FOLLOWED", reader, 0, 0) not in seen and reader not in hidden]
