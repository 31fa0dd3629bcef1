"""A person who follows a home stream: comes and goes, stalls, and resumes with the latest token."""
import time

import environment  # noqa: F401
import feed_pb2 as pb
from feed_client import Disconnected, FeedError
from people import Person, version_of

PING_EVERY_S = 5
# Events that are not counted as one of many.
COUNTED_AS = {"heartbeat": "signs", "caught_up": "signs", "gap": "gaps"} | {
    kind: kind for kind in ("commented", "edited", "reshared", "noticed")}
REFUSALS = ("TOKEN_DAMAGED", "TOKEN_FOREIGN", "TOKEN_FUTURE", "NOT_FOUND")  # of the stream, which begins anew


class Subscriber(Person):
    """`kind` is home or profile. A profile is told like the home stream of somebody who follows nobody. What else there is to
    listen to may be looked at as a certain reader."""

    def __init__(self, world, reader, kind="home", looks_as=""):
        super().__init__(world, f"subscriber {reader}")
        self.reader = reader
        self.kind = kind
        self.looks_as = looks_as
        self.tokens = []       # of this stream, in the order in which they came
        self.newest = {}       # author -> the newest share seen
        self.heartbeats = 0
        self.came_late = False  # its stream began anew when the last shares may have been made already
        self.has_stream = True
        self.stream_connection = 0  # the latest one of this stream

    def live(self):
        while not self.world.finished.is_set():
            self.has_stream = self.choose_stream()
            if self.has_stream and self.connect():
                self.follow_stream()
                self.drop()
                self.world.count("reconnects")
            if not self.world.stopping.is_set() and self.random.random() < 0.1:
                self.pause(self.random.uniform(1, 10))  # long enough to be forgotten by a ring of a few seconds
            self.world.finished.wait(self.random.uniform(0.01, 0.3))

    def choose_stream(self):
        """Whether there is one to be followed."""
        return True

    def receive_buffer_bytes(self):
        return 4096 if self.random.random() < 0.5 else None

    def token(self):
        """The latest; sometimes an older one, as of a client that lost its latest notes."""
        if not self.tokens:
            return b""
        return self.random.choice(self.tokens[-5:]) if self.random.random() < 0.05 else self.tokens[-1]

    def follow_stream(self):
        token = self.token()
        self.came_late = self.came_late or (not token and self.world.last_call.is_set())
        self.stream_connection = self.connection
        self.recorder.add(**{"is": "connection", "kind": self.kind, "stream": self.reader, "connection": self.connection,
                             "at": self.recorder.now(), "token": token.hex(), "looks_as": self.looks_as})
        stream, recorded = None, 0
        leaves_at = time.monotonic() + self.random.expovariate(1 / 3)
        stalls_at = time.monotonic() + self.random.expovariate(1 / 6)
        ping_at = time.monotonic() + PING_EVERY_S
        try:
            stream = self.client.begin_subscribe(token=token, reader=self.looks_as, **{self.kind: self.reader})
            answered = False
            while not self.world.finished.is_set():
                self.client.read_for(0.2)
                recorded = self.record(stream, recorded)
                if not answered and self.client.answered(stream.id):
                    self.client.reply_to(stream.id)
                    answered = True
                if self.client._disconnected:
                    break
                now = time.monotonic()
                if now >= ping_at:
                    self.client.send(pb.PingRequest())
                    ping_at = now + PING_EVERY_S
                if self.world.stopping.is_set():
                    continue
                if now >= leaves_at:
                    break
                if now >= stalls_at:
                    self.world.count("stalls")
                    self.pause(self.random.uniform(0.5, 3))
                    stalls_at = time.monotonic() + self.random.expovariate(1 / 6)
        except FeedError as error:
            self.take_refusal(error)
        except (OSError, Disconnected, AssertionError) as failure:
            self.lose_connection(failure)
        except KeyError as unknown:
            self.recorder.complain(f"{self.name}: an event under request id {unknown}")
        if stream:
            self.record(stream, recorded)

    def take_refusal(self, error):
        if error.code in REFUSALS:
            self.recorder.add(**{"is": "event", "connection": self.connection, "at": self.recorder.now(),
                                 "what": "refused", "code": error.code})
            self.tokens = []
        elif error.code not in ("UNAVAILABLE", "BUSY"):
            self.recorder.complain(f"{self.name}: {error}")
        self.world.count(error.code)

    def record(self, stream, recorded):
        for kind, message in stream.events[recorded:]:
            fields = self.fields_of(kind, message)
            if fields is None:
                continue  # nothing that is checked
            if kind in ("heartbeat", "caught_up"):
                self.heartbeats += 1
                if message.resume_token:
                    self.tokens.append(message.resume_token)
            self.world.count(COUNTED_AS.get(kind, "events"))
            if kind == "caught_up" and recorded:
                self.world.count("caught_up_again")
            self.recorder.add(**{"is": "event", "connection": self.connection, "at": self.recorder.now(), "what": kind,
                                 **fields})
        return len(stream.events)

    def fields_of(self, kind, message):
        """What is recorded of an event, or None."""
        if kind in ("shared", "reshared"):
            share = message.share
            self.newest[share.author] = max(share.id, self.newest.get(share.author, 0))
            version = version_of(self.recorder, share) if kind == "shared" else 0
            return {"id": share.id, "author": share.author, "url": share.url, "version": version, "origin": share.origin.id}
        if kind == "edited":
            share = message.share
            return {"id": message.id, "author": share.author, "share": share.id, "url": share.url,
                    "version": version_of(self.recorder, share)}
        if kind == "deleted":
            return {"id": message.id, "share": message.share_id, "author": message.author}
        if kind == "gap":
            return {"reason": pb.GapReason.Name(message.reason), "ranges": [[one.after, one.until] for one in message.ranges]}
        return {"token": message.resume_token.hex()} if kind in ("heartbeat", "caught_up") else None

    def has_seen_the_last(self):
        """The last share of everybody whom this reader follows."""
        return self.came_late or all(
            self.newest.get(author, 0) >= last for author, last in self.world.last_share.items()
            if author == self.reader or (self.reader, author) in self.world.following
            and author not in self.world.hidden_from(self.reader))
