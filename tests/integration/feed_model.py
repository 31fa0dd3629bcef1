"""What a feed is, as small as it can be said: everything that was done, and what each reader must see after it.

It knows nothing of how feedd does it: no timelines, no pushes, no logs. Everything is decided when it is looked at, out of a few
dictionaries, by the rules of PROTOCOL.md and docs/semantics.md. Ids are the server's choice and come from its replies.
"""
import collections
import dataclasses


@dataclasses.dataclass
class Comment:
    id: int
    commenter: str
    parent: int
    text: str
    deleted: bool = False  # its place is left


@dataclasses.dataclass
class Share:
    id: int
    author: str
    url: str
    comment: str
    origin: "Share" = None
    title: str = ""
    edited: bool = False
    there: bool = True       # neither deleted nor dropped by its profile
    recorded: bool = True    # as one that leads to its destination: not deleted
    comments: dict = dataclasses.field(default_factory=dict)
    gone_comments: set = dataclasses.field(default_factory=set)

    @property
    def dropped(self):
        return self.recorded and not self.there

    @property
    def alive(self):
        return self.there and (not self.origin or self.origin.there)

    @property
    def root(self):
        return self.origin or self

    @property
    def comment_count(self):
        return sum(not comment.deleted for comment in self.comments.values())

    def says(self):
        return self.author, self.url, self.title, self.comment, self.edited, self.comment_count


class Feed:
    def __init__(self, profile_cap):
        self.profile_cap = profile_cap
        self.shares = {}                                    # id -> Share, in the order in which they were made
        self.cut = set()                                    # authors whose profiles have dropped something
        self.following = collections.defaultdict(dict)      # reader -> subjects, the earliest follow first
        self.followers = collections.defaultdict(dict)      # the same the other way round
        self.kept = collections.defaultdict(dict)           # reader -> subject -> ids that stay visible
        self.blocked = collections.defaultdict(dict)
        self.muted = collections.defaultdict(dict)
        self.names = collections.defaultdict(str)           # what subjects call themselves
        self.markers = collections.defaultdict(int)

    # -- who sees whom

    def apart(self, one, other):
        """Whether a block stands between the two."""
        return other in self.blocked[one] or one in self.blocked[other]

    def hidden(self, reader, subject):
        return subject in self.muted[reader] or self.apart(reader, subject)

    def sees(self, reader, share):
        """Whether a share belongs to a reader's timeline, alone or as part of another one's entry."""
        author = share.author
        if not share.alive or (share.origin and self.hidden(reader, share.origin.author)):
            return False
        if author == reader:
            return True
        followed = author in self.following[reader] or share.id in self.kept[reader].get(author, ())
        return followed and not self.hidden(reader, author)

    def shown(self, reader):
        """Those whose profiles make up a reader's timeline."""
        others = {*self.following[reader], *self.kept[reader]}
        return {reader} | {subject for subject in others if not self.hidden(reader, subject)}

    # -- what is read

    def profile(self, author):
        return [share for share in self.newest_first() if share.author == author and share.alive]

    def newest_first(self):
        return sorted(self.shares.values(), key=lambda share: -share.id)

    def timeline(self, reader):
        """Entries, newest first: (the share that stands for it, who re-shared it)."""
        groups = collections.defaultdict(list)
        for share in self.newest_first():
            if self.sees(reader, share):
                groups[share.root.id].insert(0, share)
        entries = []
        for root, shares in groups.items():
            first = next((share for share in shares if share.id == root), shares[0])
            entries.append((first, [share.author for share in shares if share.origin]))
        return sorted(entries, key=lambda entry: -entry[0].id)

    def unread(self, reader):
        return sum(share.id > self.markers[reader] and share.author != reader for share, _ in self.timeline(reader))

    def sharers(self, url):
        """Author -> the latest share of each that leads there."""
        return {share.author: share for share in sorted(self.shares.values(), key=lambda share: share.id)
                if share.url == url and share.recorded}

    def also_shared_by(self, reader, share):
        named = {reader, share.author}.union(*(names for entry, names in self.timeline(reader) if entry is share))
        return [author for author, _ in sorted(self.sharers(share.url).items(), key=lambda item: -item[1].id)
                if author in self.following[reader] and not self.hidden(reader, author) and author not in named]

    def suggestions(self, reader):
        """Subject -> those followed who follow it."""
        found = collections.defaultdict(set)
        friends = [friend for friend in self.following[reader] if not self.hidden(reader, friend)]
        for friend in friends:
            for subject in self.following[friend]:
                if subject != reader and subject not in self.following[reader] and not self.hidden(reader, subject):
                    found[subject].add(friend)
        return found

    def dialogue(self, share, reader):
        """Comments as a reader sees them, or as they are if that is empty."""
        return [comment for comment in share.comments.values()
                if not reader or comment.deleted or not self.hidden(reader, comment.commenter)]

    def notices(self, subject):
        """(kind, who, share, comment or re-share), in no order."""
        found = {("NOTICE_FOLLOWED", reader, 0, 0) for reader in self.followers[subject]}
        for share in self.shares.values():
            if share.alive and share.origin and share.origin.author == subject:
                found.add(("NOTICE_RESHARED", share.author, share.origin.id, share.id))
            for comment in share.comments.values() if share.alive else ():
                told = (comment.commenter, share.id, comment.id)
                parent = share.comments.get(comment.parent)
                if share.author == subject:
                    found.add(("NOTICE_COMMENTED", *told))
                elif parent and parent.commenter == subject:
                    found.add(("NOTICE_REPLIED", *told))
                if comment.deleted:
                    found -= {("NOTICE_COMMENTED", *told), ("NOTICE_REPLIED", *told)}
        return {notice for notice in found if notice[1] != subject and not self.hidden(subject, notice[1])}

    # -- what is done: each returns what the server must answer, True for a repetition, False for something new, or an error's code

    def add(self, share):
        self.shares[share.id] = share
        mine = [one for one in self.shares.values() if one.author == share.author and one.there]
        for old in sorted(mine, key=lambda one: one.id)[:max(len(mine) - self.profile_cap, 0)]:
            self.drop(old)
            self.cut.add(share.author)

    def drop(self, share):
        share.there = False
        share.comments.clear()

    def may_reshare(self, author, share):
        """An error's code, the earlier one, or None."""
        if not share.alive:
            return "NOT_FOUND"
        root = share.root
        if author == root.author:
            return "INVALID"
        earlier = next((one for one in self.shares.values() if one.author == author and one.origin is root and one.there), None)
        return earlier or ("FORBIDDEN" if self.apart(author, root.author) else None)

    def delete(self, author, share):
        if share.author != author:
            return "FORBIDDEN" if share.there else "NOT_FOUND"
        if not share.there:
            return "NOT_FOUND" if share.recorded else True
        self.drop(share)
        share.recorded = False
        for one in self.shares.values():
            if one.origin is share and one.there:
                self.delete(one.author, one)
        return False

    def edit(self, author, share, title, comment):
        if not share.alive:
            return "NOT_FOUND"
        if share.author != author:
            return "FORBIDDEN"
        if (share.title, share.comment) == (title, comment):
            return True
        share.title, share.comment, share.edited = title, comment, True
        return False

    def may_comment(self, commenter, share, parent):
        replied_to = share.comments.get(parent)
        if not share.alive or (parent and (not replied_to or replied_to.deleted)):
            return "NOT_FOUND"
        forbidden = self.apart(commenter, share.author) or (replied_to and self.apart(commenter, replied_to.commenter))
        return "FORBIDDEN" if forbidden else False

    def delete_comment(self, subject, share, comment_id):
        if not share.alive:
            return "NOT_FOUND"
        if comment_id in share.gone_comments:
            return True
        comment = share.comments[comment_id]
        if subject not in (share.author, comment.commenter):
            return "FORBIDDEN"
        share.gone_comments.add(comment_id)
        if any(one.parent == comment_id for one in share.comments.values()):
            comment.deleted = True
        else:
            del share.comments[comment_id]
        return False

    def follow(self, reader, subject):
        if self.apart(reader, subject):
            return "FORBIDDEN"
        self.kept[reader].pop(subject, None)
        if subject in self.following[reader]:
            return True
        self.following[reader][subject] = self.followers[subject][reader] = True
        return False

    def unfollow(self, reader, subject, keep_history):
        followed = subject in self.following[reader]
        if followed:
            self.end_follow(reader, subject)
            if keep_history:
                self.kept[reader][subject] = {share.id for share in self.shares.values() if share.author == subject}
            return False
        return keep_history or self.kept[reader].pop(subject, None) is None

    def end_follow(self, reader, subject):
        self.following[reader].pop(subject, None)
        self.followers[subject].pop(reader, None)
        self.kept[reader].pop(subject, None)

    def block(self, reader, subject):
        repeated = subject in self.blocked[reader]
        self.blocked[reader][subject] = True
        self.end_follow(reader, subject)
        self.end_follow(subject, reader)
        return repeated

    @staticmethod
    def put(relation, reader, subject):
        """A mute, and its like."""
        repeated = subject in relation[reader]
        relation[reader][subject] = True
        return repeated

    @staticmethod
    def take(relation, reader, subject):
        return not relation[reader].pop(subject, False)

    def erase(self, subject):
        """A subject with everything that it left behind. Who blocks it, or has muted it, does so still."""
        for share in list(self.shares.values()):
            if share.author == subject and share.there:
                self.delete(subject, share)
        for reader in list(self.followers[subject]):
            self.end_follow(reader, subject)
        for other in list(self.following[subject]):
            self.end_follow(subject, other)
        for relation in (self.kept, self.blocked, self.muted):
            relation[subject].clear()
        for share in self.shares.values():
            for comment in [one for one in share.comments.values() if one.commenter == subject and not one.deleted]:
                self.delete_comment(subject, share, comment.id)
        self.names[subject] = ""
        self.markers[subject] = 0
        self.cut.discard(subject)
