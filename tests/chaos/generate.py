"""Histories as a service that keeps all promises would leave them, for testing the checker.

People write, some writes without an answer; streams break and resume; in the end everything is read. Times are those of
an imagined clock: a write begins, takes effect a little later, and is answered a little later still.
"""
import collections
import random

AUTHORS = [f"author{number}" for number in range(8)]
TALKED_ABOUT = AUTHORS[:2]  # under whose shares something is said
INBOXES = TALKED_ABOUT
READERS = [f"reader{number}" for number in range(24)]
DAEMONS = ("A", "B")


class Entry:
    """One entry of the log."""

    def __init__(self, what, at, position, **fields):
        self.what, self.at, self.position = what, at, position
        self.notice = None, None  # of whom, and what it says
        self.__dict__.update(fields)


class Generator:
    def __init__(self, seed, writes=680):
        self.random = random.Random(seed)
        self.records = []
        self.log = []
        self.time = 0.0
        self.position = 0
        self.connections = 0
        self.live = {author: [] for author in AUTHORS + READERS}           # ids of shares that are not deleted
        self.all_shares = {}                                               # id -> (author, url, origin or 0)
        self.versions = {}                                                 # share -> the last edit
        self.notices = collections.defaultdict(list)                       # subject -> (id, kind, actor, share, cause)
        self.said = {}                                                     # share -> {comment: (commenter, parent, text)}
        self.following = {reader: {} for reader in READERS}                # subject -> time of the follow
        self.periods = collections.defaultdict(list)                       # (reader, subject) -> [[from, until], ...]
        for reader in READERS:
            for author in self.random.sample(AUTHORS, 5):
                self.follow(reader, author)
        for _ in range(writes):
            self.write_something()
        self.time += 100
        for reader in READERS:
            HomeStream(self, "home", reader).run()
        for author in TALKED_ABOUT:
            DialogueStream(self, "dialogue_around", author).run()
            most = max(self.said, key=lambda share: (self.author_of(share) == author, len(self.said[share])))
            DialogueStream(self, "dialogue", most).run()
        for subject in INBOXES:
            InboxStream(self, "inbox", subject).run()
        self.records.append({"is": "settled", "at": self.time})
        self.read_everything()

    # -- writes

    def commit(self, what, **fields):
        """An entry, a little after now."""
        self.time += self.random.uniform(0.1, 1)
        self.position += 64 * self.random.randrange(1, 50)  # all in one partition
        entry = Entry(what, self.time, self.position, **fields)
        self.log.append(entry)
        return entry

    def record(self, begin, entry, what, repeated=False, **fields):
        """The writes that led to an entry: perhaps attempts without an answer, then an answer."""
        outcome = "done" if self.random.random() > 0.03 or what in ("follow", "unfollow") else "unknown"
        if not repeated and self.random.random() < 0.05:
            self.records.append(self.attempt(begin, "none", what, fields))
        self.records.append({**self.attempt(begin, outcome, what, fields), "position": entry.position,
                             "repeated": repeated})
        if outcome == "unknown":
            begin = self.time + self.random.uniform(1, 3)
            self.records.append({**self.attempt(begin, "done", what, fields), "position": entry.position,
                                 "repeated": True})

    def attempt(self, begin, outcome, what, fields):
        end = None if outcome == "unknown" else max(begin, self.time) + self.random.uniform(0.01, 3)
        return {"is": "write", "what": what, "begin": begin, "end": end, "connection": self.random.random(),
                "outcome": outcome, **fields}

    def write_something(self):
        if self.random.random() < 0.3:
            self.talk(self.random.choice(TALKED_ABOUT))
        chance = self.random.random()
        if chance < 0.1:
            self.reshare(self.random.choice(AUTHORS))
        elif chance < 0.85:
            self.share(self.random.choice(AUTHORS) if chance < 0.8 else self.random.choice(READERS))
        elif chance < 0.90:
            self.delete(self.random.choice(AUTHORS))
        elif chance < 0.93:
            self.edit(self.random.choice(AUTHORS))
        else:
            reader, author = self.random.choice(READERS), self.random.choice(AUTHORS)
            (self.unfollow if author in self.following[reader] else self.follow)(reader, author)

    def share(self, author):
        begin, url = self.time, f"http://example.org/{len(self.all_shares)}"
        entry = self.add(author, url, 0)
        self.record(begin, entry, "share", author=author, url=url, id=entry.position)

    def add(self, author, url, origin):
        entry = self.commit("share", author=author, url=url, origin=origin)
        self.live[author].append(entry.position)
        self.all_shares[entry.position] = author, url, origin
        return entry

    def reshare(self, author):
        """One of the latest shares of somebody else that it has not re-shared."""
        mine = {origin for sharer, _, origin in self.all_shares.values() if sharer == author}
        others = [share for one in AUTHORS if one != author for share in self.live[one][-10:]
                  if not self.all_shares[share][2] and share not in mine]
        if others:
            begin, origin = self.time, self.random.choice(others)
            url = self.all_shares[origin][1]
            entry = self.add(author, url, origin)
            self.notice(self.author_of(origin), "NOTICE_RESHARED", author, origin, entry.position)
            self.record(begin, entry, "reshare", author=author, url=url, origin=origin, id=entry.position)

    def delete(self, author):
        if not self.live[author]:
            return
        share = self.live[author].pop(self.random.randrange(len(self.live[author])))
        begin = self.time
        entry = self.commit("delete", author=author, share=share)
        self.record(begin, entry, "delete", author=author, share=share)
        for place, (sharer, _, origin) in self.all_shares.items():
            if origin == share and place in self.live[sharer]:  # goes with it
                self.live[sharer].remove(place)
                self.commit("delete", author=sharer, share=place)

    def author_of(self, share):
        return self.all_shares[share][0]

    def talk(self, author):
        """Mostly under its first share that is there."""
        if not self.live[author]:
            return
        share = self.live[author][0] if self.random.random() < 0.8 else self.random.choice(self.live[author])
        said = [comment for comment, (commenter, _, _) in self.said.get(share, {}).items() if commenter]
        if said and self.random.random() < 0.15:
            self.take_back(author, share, self.random.choice(said))
        else:
            self.comment(author, share, self.random.choice(said) if said and self.random.random() < 0.3 else 0)

    def comment(self, author, share, parent):
        begin, commenter, text = self.time, self.random.choice(READERS + AUTHORS[:3]), f"word {len(self.log)}"
        entry = self.commit("comment", author=author, commenter=commenter, share=share, parent=parent, text=text)
        self.said.setdefault(share, {})[entry.position] = commenter, parent, text
        self.notice(author, "NOTICE_COMMENTED", commenter, share, entry.position, entry)
        if parent and (answered := self.said[share][parent][0]) != author:
            self.notice(answered, "NOTICE_REPLIED", commenter, share, entry.position)
        self.record(begin, entry, "comment", author=author, commenter=commenter, share=share, parent=parent, text=text,
                    id=entry.position)

    def notice(self, subject, kind, actor, share, cause, entry=None):
        """One's own deeds are none. What happens elsewhere has an entry of its own."""
        if subject == actor:
            return
        entry = entry or self.commit("notice")
        self.notices[subject].append((entry.position, kind, actor, share, cause))
        entry.notice = subject, self.notices[subject][-1]

    def stands(self, subject, notice):
        """Whether what a notice tells of was not undone."""
        notice_id, kind, actor, share, cause = notice
        if kind == "NOTICE_FOLLOWED":
            latest = max(one[0] for one in self.notices[subject] if one[1:3] == (kind, actor))
            return subject in self.following[actor] and notice_id == latest
        if kind == "NOTICE_RESHARED":
            return cause in self.live[actor]
        return share in self.live[self.author_of(share)] and bool(self.said[share].get(cause, ("",))[0])

    def take_back(self, author, share, comment):
        """What was replied to leaves its place."""
        begin, said = self.time, self.said[share]
        entry = self.commit("uncomment", author=author, share=share, comment=comment)
        if any(parent == comment for _, parent, _ in said.values()):
            said[comment] = "", said[comment][1], ""
        else:
            del said[comment]
        self.record(begin, entry, "uncomment", author=author, share=share, comment=comment)

    def edit(self, author):
        """One of the latest."""
        own = [share for share in self.live[author][-10:] if not self.all_shares[share][2]]
        if own:
            begin, share, version = self.time, self.random.choice(own), len(self.log)
            entry = self.commit("edit", author=author, share=share, version=version, url=self.all_shares[share][1])
            self.versions[share] = version
            self.record(begin, entry, "edit", author=author, share=share, version=version)

    def follow(self, reader, author):
        begin = self.time
        entry = self.commit("follow", reader=reader, subject=author)
        self.following[reader][author] = entry.at
        self.notice(author, "NOTICE_FOLLOWED", reader, 0, 0)
        self.periods[reader, author].append([entry.at, float("inf")])
        self.record(begin, entry, "follow", reader=reader, subject=author)
        self.time += 4  # what follows comes after the answer

    def unfollow(self, reader, author):
        begin = self.time
        entry = self.commit("unfollow", reader=reader, subject=author)
        del self.following[reader][author]
        self.periods[reader, author][-1][1] = entry.at
        self.record(begin, entry, "unfollow", reader=reader, subject=author)
        self.time += 4

    @staticmethod
    def deleted_by(entry):
        """What this entry deleted, or None."""
        return {"delete": lambda: entry.share, "uncomment": lambda: entry.comment}.get(entry.what, lambda: None)()

    def followed(self, reader, author, at):
        return reader == author or any(since < at < until for since, until in self.periods[reader, author])

    # -- the end

    def read_everything(self):
        for daemon in DAEMONS:
            for reader in READERS:
                self.read("following", reader, daemon, list(self.following[reader]))
                authors = [*self.following[reader], reader]
                self.read("timeline", reader, daemon, self.entries(authors))
            for author in AUTHORS + READERS:
                self.read("profile", author, daemon, self.newest_first([author]))
            for subject in INBOXES:
                there = [list(notice) for notice in reversed(self.notices[subject]) if self.stands(subject, notice)]
                self.read("inbox", subject, daemon, there)
            for share, said in self.said.items():
                author = self.author_of(share)
                there = share in self.live[author]
                items = [[comment, *words] for comment, words in said.items()] if there else []
                counts = [sum(bool(commenter) for _, commenter, _, _ in items)] if there else []
                self.read("dialogue", share, daemon, items, author=author, there=there, counts=counts)

    def newest_first(self, authors):
        live = {share for author in authors for share in self.live[author]}
        return [self.item(share, 0) for share in reversed(self.all_shares) if share in live]

    def entries(self, authors):
        """The same, but of an origin and its re-shares only the first, with how many re-shared it."""
        groups = collections.defaultdict(list)
        for share in sorted(share for author in authors for share in self.live[author]):
            groups[self.all_shares[share][2] or share].append(share)
        entries = {group[0]: sum(self.all_shares[share][2] != 0 for share in group) for group in groups.values()}
        return [self.item(share, entries[share]) for share in sorted(entries, reverse=True)]

    def item(self, share, sharers):
        author, url, origin = self.all_shares[share]
        return [share, author, url, self.versions.get(origin or share, 0), origin, sharers]

    def read(self, what, of, daemon, items, **more):
        self.records.append({"is": "read", "what": what, "of": of, "daemon": daemon, "begin": self.time + 1,
                             "end": self.time + 2, "final": True, "items": items, "page_end": "END", **more})


class Stream:
    """A stream from some moment on."""

    def __init__(self, world, kind, name):
        self.world = world
        self.kind = kind
        self.name = name
        self.events = []   # of this connection
        self.token = None  # the latest: a position
        self.connection = None
        self.opened_at = 0.0
        self.came = set()  # shares, and origins of re-shares

    def run(self):
        random = self.world.random
        first = next((place for place, entry in enumerate(self.world.log) if entry.position == self.name), 0)  # of a dialogue
        start = first + random.randrange((len(self.world.log) - first) // 4)
        self.connect(self.world.log[start].at, self.world.log[start].position)
        index = start + 1
        while index < len(self.world.log):
            entry = self.world.log[index]
            self.show(entry)
            if random.random() < 0.05:
                self.event("heartbeat", entry.at + 4, token=str(entry.position))
                self.token = entry.position
            index += 1
            if random.random() < 0.02:
                away_until = min(index + random.randrange(1, 60), len(self.world.log) - 1)
                self.connect(self.world.log[away_until].at, self.token)
                index = sum(one.position <= self.token for one in self.world.log)

    def connect(self, at, position):
        self.world.connections += 1
        self.connection, self.opened_at = self.world.connections, max(at, self.opened_at + 1)
        token = str(self.token) if self.token else ""
        self.world.records.append({"is": "connection", "kind": self.kind, "stream": self.name, "connection": self.connection,
                                   "at": self.opened_at, "token": token})
        if not token:
            self.event("caught_up", at, token=str(position))
            self.token = position

    def event(self, what, at, **fields):
        self.world.records.append({"is": "event", "connection": self.connection, "at": max(at, self.opened_at + 0.01),
                                   "what": what, **fields})

    def show(self, entry):
        raise NotImplementedError


class HomeStream(Stream):
    def show(self, entry):
        if entry.what not in ("share", "edit", "delete") or not self.world.followed(self.name, entry.author, entry.at):
            return
        if entry.what == "share":
            what = "reshared" if entry.origin in self.came else "shared"
            self.came.add(entry.origin or entry.position)
            self.event(what, entry.at + 3.5, id=entry.position, author=entry.author, url=entry.url, version=0,
                       origin=entry.origin)
        elif entry.what == "edit":
            self.event("edited", entry.at + 3.5, id=entry.position, author=entry.author, share=entry.share, url=entry.url,
                       version=entry.version)
        else:
            self.event("deleted", entry.at + 3.5, id=entry.position, share=entry.share, author=entry.author)


class DialogueStream(Stream):
    def show(self, entry):
        if entry.what not in ("comment", "uncomment", "delete") or self.name not in (entry.author, entry.share):
            return
        if entry.what == "comment":
            self.event("commented", entry.at + 3.5, id=entry.position, author=entry.author, share=entry.share,
                       commenter=entry.commenter, parent=entry.parent, text=entry.text)
        elif entry.what == "uncomment":
            self.event("comment_deleted", entry.at + 3.5, id=entry.position, author=entry.author, comment=entry.comment)
        else:
            self.event("deleted", entry.at + 3.5, id=entry.position, author=entry.author, share=entry.share)


class InboxStream(Stream):
    def show(self, entry):
        subject, notice = entry.notice
        if subject == self.name:
            self.event("noticed", entry.at + 3.5, **dict(zip(("id", "kind", "actor", "share", "cause"), notice)))
