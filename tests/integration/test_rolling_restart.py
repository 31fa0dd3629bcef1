"""Two daemons on one port and one Redis are restarted one after the other while people share and watch."""
import threading

from feed_client import Client, Disconnected, FeedError
from harness import wait_until
from test_service import listening_socket

WRITERS = WATCHERS = 6
SPREAD_MS = 2000


class Person(threading.Thread):
    """Someone who comes back whenever the connection ends, when told to. `failure` is what should not have happened."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.retries = []  # (reason, milliseconds) as they were told
        self.failure = None
        self.leaves = threading.Event()

    def run(self):
        while not self.leaves.is_set() and not self.failure:
            try:
                with Client(self.address) as client:
                    while not self.leaves.is_set():
                        self.act(client)
            except Disconnected as end:
                self.come_back_later(end.closing)
            except (OSError, AssertionError) as failure:
                self.failure = failure

    def come_back_later(self, closing):
        if not closing:
            self.failure = "a connection ended without a word"
            return
        self.retries.append(closing.retry_after_ms)
        self.leaves.wait(closing.retry_after_ms / 1000)

    def end(self):
        self.leaves.set()
        self.join(30)
        assert not self.is_alive() and not self.failure, self.failure


class Writer(Person):
    def __init__(self, address, name):
        super().__init__(address)
        self.name = name
        self.acknowledged = []  # ids, in order
        self.number = 0

    def act(self, client):
        """The next share, or again the one whose answer did not come."""
        try:
            reply = client.share(self.name, title=str(self.number), idempotency_key=str(self.number))
        except FeedError as error:
            assert error.code == "UNAVAILABLE", error
            self.leaves.wait(0.05)
            return
        self.acknowledged.append(reply.id)
        self.number += 1
        self.leaves.wait(0.01)


class Watcher(Person):
    def __init__(self, address, reader):
        super().__init__(address)
        self.reader = reader
        self.token = b""
        self.seen = []  # ids, in order, repeats dropped
        self.gaps = 0

    def act(self, client):
        try:
            stream = client.subscribe(home=self.reader, token=self.token)
        except FeedError as error:
            assert error.code == "UNAVAILABLE", error
            self.leaves.wait(0.05)
            return
        known = set(self.seen)
        taken = 0
        try:
            while not self.leaves.is_set():
                client.read_for(0.1)
                taken = self.take(stream, taken, known)
                if client.closed_by_server():
                    raise Disconnected(client.closing)
        finally:
            self.take(stream, taken, known)

    def take(self, stream, taken, known):
        for event in stream.events[taken:]:
            kind, message = event
            if kind == "gap":
                self.gaps += 1
            elif kind == "shared" and message.share.id not in known:
                known.add(message.share.id)
                self.seen.append(message.share.id)
        self.token = stream.token or self.token
        return len(stream.events)


def check_history(writers, watchers):
    """Every acknowledged share reached every watcher once, in its author's order, and none was made twice."""
    for writer in writers:
        assert len(set(writer.acknowledged)) == len(writer.acknowledged) == writer.number
    by_author = {writer.name: writer.acknowledged for writer in writers}
    author_of = {share: name for name, shares in by_author.items() for share in shares}
    for watcher in watchers:
        assert watcher.gaps == 0 and len(set(watcher.seen)) == len(watcher.seen)
        for name, shares in by_author.items():
            assert [share for share in watcher.seen if author_of.get(share) == name] == shares


def check_slots(retries):
    """Those who left one daemon were told times that fill the spread evenly: one slot each."""
    slots = sorted(retries)
    assert all(0 <= slot < SPREAD_MS for slot in slots)
    width = SPREAD_MS / len(slots)
    assert [int(slot / width + 0.01) for slot in slots] == list(range(len(slots))), slots


def test_a_rolling_restart_under_load_loses_nothing_and_spreads_those_who_come_back(start_feedd, redis):
    with listening_socket(reuse_port=True) as first:
        port = first.getsockname()[1]
        with listening_socket(reuse_port=True, port=port) as second:
            flags = ("--redis-url", redis.url, "--timing-reconnect-spread-ms", str(SPREAD_MS))
            daemons = {name: start_feedd(*flags, sockets=[one], state=name) for name, one in (("one", first), ("two", second))}
            writers = [Writer(first.getsockname(), f"author{number}") for number in range(WRITERS)]
            watchers = [Watcher(first.getsockname(), f"reader{number}") for number in range(WATCHERS)]
            with daemons["one"].connect() as client:
                client.follow_many([(watcher.reader, writer.name) for watcher in watchers for writer in writers])
            people = writers + watchers
            for watcher in watchers:
                watcher.start()
            wait_until(lambda: all(watcher.token for watcher in watchers), what="everybody to watch")
            for writer in writers:
                writer.start()
            wait_until(lambda: all(watcher.seen for watcher in watchers), what="everybody to see something")
            for name, one in (("one", first), ("two", second)):
                told = [len(person.retries) for person in people]
                connected = daemons[name].stop()["connections_opened"]
                daemons[name] = start_feedd(*flags, sockets=[one], state=name)
                slots = [retry for person, before in zip(people, told) for retry in person.retries[before:]]
                if slots:
                    check_slots(slots)
                assert connected >= len(slots)
                before = [writer.number for writer in writers]
                wait_until(lambda: all(writer.number > number + 20 for writer, number in zip(writers, before)),
                           what="everybody to share again")
            for writer in writers:
                writer.end()
            wait_until(lambda: all(set(watcher.seen) >= set(writer.acknowledged) for watcher in watchers for writer in writers)
                       or any(person.failure for person in people), what="everybody to see everything")
            for watcher in watchers:
                watcher.end()
            check_history(writers, watchers)
            assert sum(len(person.retries) for person in people) >= WRITERS + WATCHERS, "each daemon told those it had"
