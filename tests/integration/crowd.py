"""Many subscribers in one process: a thread that reads all their connections."""
import selectors
import socket
import threading
import time

import feed_pb2 as pb
from feed_client import FrameReader, client_frame

PING_EVERY_S = 10


class Member:
    """One connection that subscribes to one home stream and remembers what it saw."""

    def __init__(self, address, reader):
        self.reader = reader
        self.seen = []  # (share id, author), in order of arrival
        self.caught_up = False
        self.frames = FrameReader()
        self.socket = socket.create_connection(address)
        self.socket.sendall(client_frame(1, pb.HelloRequest(protocol_version=1, client_name="crowd"))
                            + client_frame(2, pb.SubscribeRequest(home=reader)))

    def ping(self):
        self.socket.sendall(client_frame(3, pb.PingRequest()))


class Crowd:
    """Subscribes all `readers`. Content is kept once per share; copies that differ between members are a failure."""

    def __init__(self, address, readers):
        self.members = [Member(address, reader) for reader in readers]
        self.shares = {}    # id -> Share
        self.failures = []
        self.events = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self._stopping = True
        self._thread.join()
        for member in self.members:
            member.socket.close()

    def all_caught_up(self):
        self.check()
        return all(member.caught_up for member in self.members)

    def has_seen(self, events):
        self.check()
        return self.events >= events

    def check(self):
        assert not self.failures, self.failures[:10]

    def _run(self):
        selector = selectors.DefaultSelector()
        for member in self.members:
            selector.register(member.socket, selectors.EVENT_READ, member)
        next_ping = time.monotonic() + PING_EVERY_S
        try:
            while not self._stopping:
                for key, _ in selector.select(timeout=0.2):
                    self._read(key.data)
                if time.monotonic() >= next_ping:
                    next_ping += PING_EVERY_S
                    for member in self.members:
                        member.ping()
        except Exception as failure:  # shown by check()
            self.failures.append(repr(failure))

    def _read(self, member):
        data = member.socket.recv(1 << 18)
        if not data:
            raise ConnectionError(f"the connection of {member.reader} ended")
        for frame in member.frames.feed(data):
            kind = frame.WhichOneof("body")
            if kind == "shared":
                share = frame.shared.share
                member.seen.append((share.id, share.author))
                self.events += 1
                if self.shares.setdefault(share.id, share) != share:
                    self.failures.append(f"share {share.id} differs between subscribers")
            elif kind == "caught_up":
                member.caught_up = True
            elif kind not in ("hello", "subscribe", "heartbeat", "ping"):
                self.failures.append(f"{member.reader} got {kind}: {frame}")
