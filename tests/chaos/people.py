"""The people of a chaos run: each a thread that uses the service, repeats what failed, and records what it saw."""
import collections
import random
import re
import threading
import traceback
import zlib

import environment  # noqa: F401  (makes the next ones importable)
import feed_pb2 as pb
from feed_client import Client, Disconnected, FeedError
from world import TALKED_ABOUT

PATIENCE_S = 3          # a connection that does not answer for so long is given up
RECENT = 50             # of what was shared or said that somebody may come back to
BATCH = 10              # shares that a publisher sends at once, at most
READS_ON = 0.2          # how often a publisher asks for its timeline in the same breath
HURRIED_BATCH = 40      # when too little was acknowledged so far
NEW_TOPIC = 0.03        # how often there is something new that everybody talks about
NOTHING_DONE = ("UNAVAILABLE", "BUSY")
UNKNOWN = ("OUTCOME_UNKNOWN", "INTERNAL")


def comment_for(url):
    """What the share of this url must always come with: up to 1,900 characters."""
    return (url + " ") * (zlib.crc32(url.encode()) % 1900 // (len(url) + 1))


def share_request(author, url):
    return pb.ShareRequest(author=author, url=url, title=url[-20:], comment=comment_for(url), idempotency_key=url)


def edit_request(write, url):
    return pb.EditShareRequest(author=write["author"], id=write["share"], title=url[-20:],
                               comment=f"edit {write['version']}: {comment_for(url)}")


def names_request(what, reader):
    """For those whom a reader is following, has muted or blocked."""
    if what == "following":
        return pb.GetFollowingRequest(reader=reader, limit=200)
    return pb.GetBlockedRequest(reader=reader, muted=what == "muted", limit=200)


class Person(threading.Thread):
    """Has at most one connection, to whichever daemon is there."""

    def __init__(self, world, name):
        super().__init__(name=name, daemon=True)
        self.world = world
        self.recorder = world.recorder
        self.random = random.Random(f"{world.seed} {name}")
        self.client = None
        self.connection = 0
        self.server = None  # the name of the daemon that it is connected to

    def run(self):
        try:
            self.live()
        except Exception:  # a fault of this driver: shown at the end
            self.recorder.complain(f"{self.name} ended: {traceback.format_exc()}")
        finally:
            self.drop()

    # -- connections

    def connect(self):
        """A connection, or None if nobody accepts one just now."""
        if not self.client:
            try:
                self.server, address = self.random.choice(self.world.addresses())
                self.client = Client(address, timeout=PATIENCE_S, receive_buffer_bytes=self.receive_buffer_bytes())
                self.connection = self.recorder.now()
                self.world.count("connections")
            except (OSError, Disconnected, AssertionError, IndexError):
                self.drop()
        return self.client

    def receive_buffer_bytes(self):
        return None

    def drop(self):
        if self.client:
            self.client.close()
        self.client = None

    def pause(self, seconds):
        self.world.stopping.wait(seconds)

    # -- writes

    def attempt(self, requests, writes, last=None):
        """Sends all requests at once. Each write's record says at the end what became of it; returns the replies to
        those that were done, as pairs (write, reply). `last` is sent behind them; its reply is the caller's to take, under
        self.last_id."""
        for write in writes:
            write.update({"is": "write", "begin": self.recorder.now(), "end": None, "connection": self.connection,
                          "daemon": self.server, "outcome": "unknown", "position": 0, "repeated": False})
            self.recorder.records.append(write)
        done, broken, retry_after_ms = [], None, 0
        client = self.client
        sent = [client.new_id() for _ in requests]
        self.last_id = client.new_id()
        try:
            client.send_all(requests + [last], sent + [self.last_id]) if last else client.send_all(requests, sent)
        except (OSError, Disconnected, AssertionError) as failure:
            broken = failure
        for write, request_id in zip(writes, sent):
            try:
                reply = client.reply_to(request_id)
            except FeedError as error:
                retry_after_ms = max(retry_after_ms, self.take_error(write, error))
                continue
            except (OSError, Disconnected, AssertionError) as failure:
                client.timeout = 0  # what is there already is still taken
                broken = failure
                continue
            write.update(end=self.recorder.now(), outcome="done", position=getattr(reply, "position", 0),
                         repeated=bool(getattr(reply, "repeated", False)))
            self.world.count("acks")
            done.append((write, reply))
        if broken:
            self.lose_connection(broken)
        if retry_after_ms:
            self.pause(min(retry_after_ms, 500) / 1000)
        return done

    def take_error(self, write, error):
        if error.code in NOTHING_DONE:
            write.update(end=self.recorder.now(), outcome="none")
            if error.retry_after_ms == 0:
                self.recorder.complain(f"{error.code} without a time to retry")
        elif error.code in UNKNOWN:
            if error.code == "INTERNAL":
                self.recorder.complain(f"{write['what']}: {error}")
        else:
            write.update(end=self.recorder.now(), outcome="none", refused=error.code)
        self.world.count(error.code)
        return error.retry_after_ms

    def lose_connection(self, failure):
        """Gives the connection up; what is no broken or silent connection is a complaint."""
        if isinstance(failure, AssertionError) and not str(failure).startswith(("waited", "the server takes nothing")):
            self.recorder.complain(f"{self.name}: {failure}")
        if self.client:
            self.drop()

    def is_open(self, write):
        """Whether to attempt it once more: what has no answer is sometimes left as it is."""
        given_up = write["outcome"] == "unknown" and not self.world.stopping.is_set() and self.random.random() < 0.2
        self.world.count("given_up", given_up)
        return write["outcome"] != "done" and "refused" not in write and not given_up


class Publisher(Person):
    """Shares, a few at a time; repeats with the same key until there is an answer, or sometimes goes on without one.
    Sometimes reads its own profile or timeline, which must show what was answered on this connection."""

    def __init__(self, world, author):
        super().__init__(world, f"publisher of {author}")
        self.author = author
        self.pending = []
        self.made = 0

    def live(self):
        while not self.world.stopping.is_set():
            self.write_new(self.random.randrange(1, HURRIED_BATCH if self.world.is_behind() else BATCH))
            self.publish()
            self.pause(self.random.uniform(0, self.world.pace_s))
        self.publish_all()
        self.world.last_call.wait()
        self.write_new(1)  # the last one of this author: nobody deletes it, and its followers have been so for a while
        self.publish_all()

    def publish_all(self):
        while self.pending and not self.world.finished.wait(0.02):
            self.publish()

    def write_new(self, count):
        while len(self.pending) < count:
            self.made += 1
            self.pending.append(f"http://example.org/{self.author}/{self.made}")

    def publish(self):
        if not self.connect():
            self.pause(0.05)
            return
        writes = [{"what": "share", "author": self.author, "url": url} for url in self.pending]
        begin, reads_on = self.recorder.now(), self.random.random() < READS_ON
        done = self.attempt([share_request(self.author, url) for url in self.pending], writes,
                            pb.GetTimelineRequest(reader=self.author, limit=200) if reads_on else None)
        for write, reply in done:
            write["id"] = reply.id
            self.pending.remove(write["url"])
            self.world.shares.append((self.author, reply.id))
            self.world.urls[reply.id] = write["url"]
        for write in writes:
            if self.client and write["outcome"] == "unknown" and not self.world.stopping.is_set() \
                    and self.random.random() < 0.2:
                self.pending.remove(write["url"])
                self.world.count("given_up")
        if done:
            self.world.last_share[self.author] = done[-1][1].id
            if self.author in TALKED_ABOUT and not self.world.stopping.is_set() and (
                    self.author not in self.world.topics or self.random.random() < NEW_TOPIC):
                self.world.topics[self.author] = done[0][1].id
        must = [reply.id for _, reply in done]
        if reads_on and self.client:
            take_shares(self, "timeline", self.author, begin, lambda: self.client.reply_to(self.last_id), must=must)
        elif done and self.client and self.random.random() < 0.1:
            what = self.random.choice(("profile", "timeline"))
            read_shares(self, what, self.author, must=must)


class Deleter(Person):
    """Deletes what was shared, some of it twice."""

    def live(self):
        pending = []
        while not self.world.stopping.is_set() or pending and not self.world.finished.wait(0.05):
            while self.world.shares and len(pending) < 3 and not self.world.stopping.is_set():
                pending.append(self.choose())
            if pending and self.connect():
                writes = [{"what": "delete", "author": author, "share": share} for author, share in pending]
                requests = [pb.DeleteShareRequest(author=author, id=share) for author, share in pending]
                self.attempt(requests, writes)
                for write in writes:
                    if write["outcome"] == "done" or "refused" in write:
                        pending.remove((write["author"], write["share"]))
            self.pause(self.random.uniform(0.1, 0.6))

    def choose(self):
        """One of the latest, or one of those that somebody talked about."""
        if self.world.comments and self.random.random() < 0.02:
            return self.random.choice(self.world.comments)[:2]
        return self.random.choice(self.world.shares[-300:])


class Editor(Person):
    """Edits what was shared. What has no answer is said again, or sometimes left as it is; the next edit says something
    else."""

    def live(self):
        pending, made = {}, 0  # share -> (author, version)
        while not self.world.stopping.is_set() or pending and not self.world.finished.wait(0.05):
            while self.world.shares and len(pending) < 3 and not self.world.stopping.is_set():
                made += 1
                author, share = self.random.choice(self.world.shares[-RECENT:])
                if share not in self.world.origins:
                    pending.setdefault(share, (author, made))
            if pending and self.connect():
                writes = [{"what": "edit", "author": author, "share": share, "version": version}
                          for share, (author, version) in pending.items()]
                self.attempt([edit_request(write, self.world.urls[write["share"]]) for write in writes], writes)
                pending = {write["share"]: pending[write["share"]] for write in writes if self.is_open(write)}
            self.pause(self.random.uniform(0.1, 0.6))


class Resharer(Person):
    """Re-shares what others shared lately, for some authors; each of them a thing once. What has no answer is said again, or
    sometimes left as it is."""

    def __init__(self, world, name, authors):
        super().__init__(world, name)
        self.authors = authors
        self.asked = set()  # (author, origin)

    def live(self):
        pending = []  # (author, share)
        while not self.world.stopping.is_set() or pending and not self.world.finished.wait(0.05):
            if self.world.shares and len(pending) < 4 and not self.world.stopping.is_set():
                pending += self.choose()
            if pending and self.connect():
                writes = [{"what": "reshare", "author": author, "url": self.world.urls[share],
                           "origin": self.world.origins.get(share, share), "asked": share} for author, share in pending]
                requests = [pb.ReshareRequest(author=author, share_id=share) for author, share in pending]
                for write, reply in self.attempt(requests, writes):
                    self.take(write, reply)
                pending = [one for one, write in zip(pending, writes) if self.is_open(write)]
            self.pause(self.random.uniform(0, self.world.pace_s))

    def choose(self):
        """Something, by one or several."""
        _, share = self.random.choice(self.world.shares[-RECENT:])
        origin = self.world.origins.get(share, share)
        chosen = [author for author in self.random.sample(self.authors, self.random.randrange(1, len(self.authors)))
                  if f"/{author}/" not in self.world.urls[share] and (author, origin) not in self.asked]
        self.asked.update((author, origin) for author in chosen)
        return [(author, share) for author in chosen]

    def take(self, write, reply):
        write["id"] = reply.id
        if reply.origin_id != write["origin"]:
            self.recorder.complain(f"a re-share of {reply.origin_id} in place of {write['origin']}")
        self.world.urls[reply.id], self.world.origins[reply.id] = write["url"], write["origin"]
        if not write["repeated"]:  # else an earlier attempt may still come, and after a deletion that would be another re-share
            self.world.shares.append((write["author"], reply.id))


class Follower(Person):
    """Follows and unfollows for some readers: `requests` begin that and end it, `held` is what stands as far as it is known.
    A pair with a write that got no answer is brought to an end. If it was the same daemon that answered in the end, the
    opposite is done at once: the earlier attempt must not come after that. Else the pair is mostly left alone: what may still
    happen to it would make everything about it uncertain."""

    requests = {"follow": pb.FollowRequest, "unfollow": pb.UnfollowRequest}

    def __init__(self, world, name, readers):
        super().__init__(world, name)
        self.pairs = [(reader, author) for reader in readers for author in world.authors if author != reader]
        self.pending = {}  # pair -> follow or unfollow
        self.uncertain = collections.defaultdict(set)  # pair -> the daemons that owe an answer about it
        self.reversed = []                             # pairs that are changed back at once

    @property
    def held(self):
        return self.world.following

    def live(self):
        begin, end = self.requests
        while not self.world.stopping.is_set() or self.pending and not self.world.finished.wait(0.05):
            if not self.pending and not self.world.stopping.is_set():
                for pair in self.reversed + self.choose():
                    if not self.uncertain[pair] or self.random.random() < 0.05:
                        self.pending[pair] = end if pair in self.held else begin
                self.reversed = []
            if self.pending and self.connect():
                self.write()
            self.pause(self.random.uniform(0, 2 * self.world.pace_s))

    def choose(self):
        return self.random.sample(self.pairs, min(self.random.randrange(1, 6), len(self.pairs)))

    def write(self):
        writes, requests = [], []
        for (reader, subject), what in self.pending.items():
            options = {"keep_history": self.random.random() < 0.3} if what == "unfollow" else {}
            requests.append(self.requests[what](reader=reader, subject=subject, **options))
            writes.append({"what": what, "reader": reader, "subject": subject, "keep": options.get("keep_history", False)})
        done = self.attempt(requests, writes)
        for write in writes:
            if write["outcome"] == "unknown":
                self.uncertain[write["reader"], write["subject"]].add(write["daemon"])
        for write, _ in done:
            pair = write["reader"], write["subject"]
            del self.pending[pair]
            if write["daemon"] in self.uncertain[pair]:
                self.uncertain[pair].discard(write["daemon"])
                self.reversed.append(pair)
            self.take(pair, write["what"] == next(iter(self.requests)))
        for write in writes:
            if "refused" in write:
                del self.pending[write["reader"], write["subject"]]

    def take(self, pair, begun):
        (self.held.add if begun else self.held.discard)(pair)


class Muter(Follower):
    """The same with mutes."""
    requests = {"mute": pb.MuteRequest, "unmute": pb.UnmuteRequest}

    @property
    def held(self):
        return self.world.muted


class Blocker(Follower):
    """The same with blocks, either way, of which few stand at a time."""
    requests = {"block": pb.BlockRequest, "unblock": pb.UnblockRequest}

    def __init__(self, world, name, readers):
        super().__init__(world, name, readers)
        self.pairs = [pair for reader, author in self.pairs for pair in ((reader, author), (author, reader))]

    @property
    def held(self):
        return self.world.blocked

    def choose(self):
        return list(self.held) if len(self.held) > 6 else super().choose()[:2]

    def take(self, pair, begun):
        super().take(pair, begun)
        if begun:
            self.world.following -= {pair, pair[::-1]}


class Newcomer(Person):
    """Somebody new, again and again: follows all authors and at once reads a timeline that is yet to be built, while
    they share."""

    def live(self):
        while not self.world.stopping.is_set():
            if self.connect() and len(self.world.newcomers) < self.world.newcomers_wanted():
                self.come()
            self.pause(self.random.uniform(0.05, 0.2))

    def come(self):
        with self.world.lock:
            reader = f"newcomer{len(self.world.newcomers)}"
            self.world.newcomers.append(reader)
        writes = [{"what": "follow", "reader": reader, "subject": author} for author in self.world.authors[:-1]]
        self.attempt([pb.FollowRequest(reader=write["reader"], subject=write["subject"]) for write in writes], writes)
        while not self.world.stopping.is_set() and not (self.connect() and read_shares(self, "timeline", reader)):
            self.pause(0.05)


class TimelineReader(Person):
    """Reads timelines in between, which keeps them in use."""

    def live(self):
        while not self.world.stopping.is_set():
            if self.connect():
                read_shares(self, "timeline", self.random.choice(self.world.readers))
            self.pause(self.random.uniform(0.05, 0.5))


# ------------------------------------------------------------------------------------------------------------- reads

def version_of(recorder, share):
    """Which edit it, or its origin, is as it says: 0 if none. What it says must be whole."""
    if share.origin.id:
        if share.comment or share.title or share.origin.url != share.url:
            recorder.complain(f"re-share {share.id} of {share.origin.id} says {share.title!r}, {share.comment!r}, {share.url}")
        return version_of(recorder, share.origin)
    edit = re.match(r"edit (\d+): ", share.comment)
    words, version = (share.comment[edit.end():], int(edit[1])) if edit else (share.comment, 0)
    said = words.strip(), share.title, bool(share.edited_at_ms)
    if said != (comment_for(share.url).strip(), share.url[-20:], bool(edit)):
        recorder.complain(f"share {share.id} says {share.title!r}, {share.comment[:50]!r}, edited at {share.edited_at_ms}")
    return version


def read_shares(person, what, of, must=(), final=False, daemon=""):
    """A page of shares, or all pages if `final`; recorded if it was answered. Returns whether it was."""
    client = person.client
    read = (lambda: getattr(client, f"whole_{what}")(of, 1000)) if final else (lambda: getattr(client, what)(of, 200))
    return take_shares(person, what, of, person.recorder.now(), read, must, final, daemon)


def take_shares(person, what, of, begin, read, must=(), final=False, daemon=""):
    """The same of a page that is on its way."""
    try:
        page = read()
        shares, end = page if final else (page.shares, page.end)
    except FeedError as error:
        if error.code not in NOTHING_DONE:
            person.recorder.complain(f"{what} of {of}: {error}")
        return False
    except (OSError, Disconnected, AssertionError) as failure:
        person.lose_connection(failure)
        return False
    person.recorder.add(**{"is": "read", "what": what, "of": of, "daemon": daemon, "begin": begin,
                           "end": person.recorder.now(), "final": final, "must": list(must),
                           "items": [[share.id, share.author, share.url, version_of(person.recorder, share), share.origin.id,
                                      share.reshared_by_count] for share in shares],
                           "page_end": pb.PageEnd.Name(end)})
    person.world.count("reads")
    return True
