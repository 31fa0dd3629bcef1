"""People of a chaos run who talk about what others share, and who listen to that."""
import environment  # noqa: F401  (makes the next ones importable)
import feed_pb2 as pb
from feed_client import Disconnected, FeedError
from people import RECENT, Person
from subscriber import Subscriber

ON_TOPIC = 0.8  # how often it is one of the shares that everybody talks about


class Commenter(Person):
    """Says something under a share in the name of one of several people, replies, and deletes what one of them said, or what
    stands under one's share. Repeats with the same key until there is an answer, or sometimes goes on without one."""

    def __init__(self, world, name, people):
        super().__init__(world, name)
        self.people = people
        self.pending = []  # pairs (write, request)
        self.said = []     # comments that were acknowledged and not deleted: (author, share, comment, commenter)
        self.made = 0

    def live(self):
        while not self.world.stopping.is_set():
            while len(self.pending) < self.random.randrange(1, 12) and self.world.topics:
                self.pending.append(self.deletion() if self.said and self.random.random() < 0.15 else self.comment())
            self.say()
            self.pause(self.random.uniform(0, self.world.pace_s))
        self.say_all()
        self.world.last_call.wait()
        last_words = [self.words(*topic) for topic in self.world.topics.items()]
        self.pending += last_words
        self.say_all()
        self.world.last_words += [comment_of(write) for write, _ in last_words if "id" in write]

    def say_all(self):
        while self.pending and not self.world.finished.wait(0.02):
            self.say()

    def comment(self):
        """Of whatever somebody said lately, or of a share."""
        if self.world.comments and self.random.random() < 0.3:
            author, share, comment, _ = self.random.choice(self.world.comments[-RECENT:])
            return self.words(author, share, comment)
        if self.random.random() < ON_TOPIC or not self.world.shares:
            return self.words(*self.random.choice(list(self.world.topics.items())))
        return self.words(*self.random.choice(self.world.shares[-RECENT:]))

    def words(self, author, share, parent=0):
        self.made += 1
        commenter, text = self.random.choice(self.people), f"{self.name}: {self.made}"
        return ({"what": "comment", "author": author, "commenter": commenter, "share": share, "parent": parent, "text": text},
                pb.CommentRequest(commenter=commenter, share_id=share, parent_id=parent, text=text, idempotency_key=text))

    def deletion(self):
        author, share, comment, commenter = self.said.pop(self.random.randrange(len(self.said)))
        return ({"what": "uncomment", "author": author, "share": share, "comment": comment},
                pb.DeleteCommentRequest(subject=self.random.choice((commenter, author)), share_id=share, id=comment))

    def say(self):
        if not self.connect():
            self.pause(0.05)
            return
        writes = [dict(write) for write, _ in self.pending]
        for write, reply in self.attempt([request for _, request in self.pending], writes):
            if write["what"] == "comment":
                write["id"] = reply.id
        for (asked, _), write in zip(self.pending, writes):
            if "id" in write:
                self.take(asked, write)
            elif "refused" in write and self.world.topics.get(write["author"]) == write["share"]:
                self.world.topics.pop(write["author"], None)  # it is gone, or somebody is blocked
        self.pending = [pending for pending, write in zip(self.pending, writes) if self.is_open(write)]

    def take(self, asked, write):
        asked["id"] = write["id"]
        self.world.comments.append(comment_of(write))
        self.said.append(comment_of(write))


def comment_of(write):
    return write["author"], write["share"], write["id"], write["commenter"]


class Listener(Subscriber):
    """Listens to what is said under one share after another, of one author, or with `around` under all of its shares: as
    somebody who does not hear everybody, or as nobody in particular."""

    def __init__(self, world, author, around, looks_as=""):
        super().__init__(world, author, "dialogue_around" if around else "dialogue", looks_as)
        self.author = author
        self.name = f"listener to {'all of ' if around else ''}{author}"
        self.missing = set() if around else {author}  # what is no share, or is not there any more
        self.gone = set()   # shares of which it was told that they were deleted
        self.heard = set()  # comments

    def choose_stream(self):
        """Stays with a share until that is gone, or something else is talked about."""
        topic = self.world.topics.get(self.author)
        if self.kind == "dialogue" and topic not in (None, self.reader) and (
                self.reader in self.missing or not self.world.stopping.is_set() and self.random.random() < 0.1):
            self.leave()
            self.reader, self.came_late = topic, False
        return self.reader not in self.missing

    def leave(self):
        if self.stream_connection:
            self.recorder.add(**{"is": "event", "connection": self.stream_connection, "at": self.recorder.now(),
                                 "what": "left"})
        self.tokens = []

    def take_refusal(self, error):
        if error.code == "NOT_FOUND":
            self.missing.add(self.reader)
        super().take_refusal(error)

    def fields_of(self, kind, message):
        if kind == "commented":
            comment = message.comment
            self.heard.add(comment.id)
            return {"id": comment.id, "author": message.author, "share": comment.share_id, "commenter": comment.commenter,
                    "parent": comment.parent_id, "text": comment.text}
        if kind == "comment_deleted":
            return {"id": message.id, "comment": message.comment_id, "author": message.author}
        if kind == "deleted":
            self.gone.add(message.share_id)
        return super().fields_of(kind, message)

    def has_seen_the_last(self):
        """What was said last under every share that it listens to."""
        hidden = self.world.hidden_from(self.looks_as)
        return self.came_late or all(
            comment in self.heard or share in self.gone | self.missing
            for author, share, comment, commenter in self.world.last_words
            if self.reader in (author, share) and not {commenter, author} & hidden)


class InboxOwner(Subscriber):
    """Listens to its inbox."""

    def __init__(self, world, subject):
        super().__init__(world, subject, "inbox")
        self.name = f"owner of the inbox of {subject}"
        self.heard = set()  # comments

    def fields_of(self, kind, message):
        if kind == "noticed":
            self.heard.add(message.notice.cause_id)
            return fields_of_notice(message.notice)
        return super().fields_of(kind, message)

    def has_seen_the_last(self):
        """What was said last under its shares."""
        return self.came_late or all(comment in self.heard for author, _, comment, commenter in self.world.last_words
                                     if author == self.reader and commenter not in {author} | self.world.hidden_from(author))


def fields_of_notice(notice):
    return {"id": notice.id, "kind": pb.NoticeKind.Name(notice.kind), "actor": notice.actor, "share": notice.share_id,
            "cause": notice.cause_id}


def read_inbox(person, subject, daemon):
    """All pages of an inbox; recorded if they were answered. Returns whether they were."""
    begin, notices, request = person.recorder.now(), [], pb.GetInboxRequest(subject=subject, limit=200)
    try:
        while True:
            page = person.client.call(request)
            notices += [list(fields_of_notice(notice).values()) for notice in page.notices]
            request.before = page.next_cursor
            if page.end != pb.MORE:
                break
    except (FeedError, OSError, Disconnected, AssertionError):
        person.drop()
        return False
    person.recorder.add(**{"is": "read", "what": "inbox", "of": subject, "daemon": daemon, "begin": begin,
                           "end": person.recorder.now(), "final": True, "items": notices, "page_end": pb.PageEnd.Name(page.end)})
    return True


def read_dialogue(person, author, share, daemon):
    """All that was said under a share, and what is said of how much that is; recorded if it was answered. Returns whether it
    was."""
    begin, there = person.recorder.now(), True
    comments, counts = [], []
    try:
        comments = person.client.dialogue(share, limit=1000)
        counts = [person.client.get(share).comment_count]
    except FeedError as error:
        there = False
        if error.code != "NOT_FOUND":
            return False
    except (OSError, Disconnected, AssertionError) as failure:
        person.lose_connection(failure)
        return False
    person.recorder.add(**{"is": "read", "what": "dialogue", "of": share, "author": author, "daemon": daemon, "begin": begin,
                           "end": person.recorder.now(), "final": True, "there": there, "counts": counts,
                           "items": [[one.id, one.commenter, one.parent_id, one.text] for one in comments]})
    return True
