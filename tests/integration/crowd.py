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

    def __init__(self, address, reader, token=b"", receive_buffer_bytes=None):
        self.reader = reader
        self.seen = []  # (share id, author), in order of arrival
        self.caught_up = False
        self.token = token
        self.closing = None
        self.frames = FrameReader()
        self.socket = socket.socket()
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.connect(address)
        self.socket.sendall(client_frame(1, pb.HelloRequest(protocol_version=1, client_name="crowd"))
                            + client_frame(2, pb.SubscribeRequest(home=reader, resume_token=token)))

    def ping(self):
        self.socket.sendall(client_frame(3, pb.PingRequest()))


class Crowd:
    """Subscribes all `readers`. Content is kept once per share; copies that differ between members are a failure.

    `tokens` says from where each goes on. While `reading` is false nothing is read. With `may_end` the server may end
    connections."""

    def __init__(self, address, readers, tokens=None, receive_buffer_bytes=None, may_end=False):
        tokens = tokens or {}
        self.members = [Member(address, reader, tokens.get(reader, b""), receive_buffer_bytes) for reader in readers]
        self.reading = True
        self.open = len(self.members)
        self._may_end = may_end
        self.shares = {}    # id -> Share
        self.failures = []
        self.events = 0
        self._stopping = False
        self._idle = threading.Event()  # never set: what waits for it waits for a while
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

    def all_ended(self):
        self.check()
        return self.open == 0

    def tokens(self):
        return {member.reader: member.token for member in self.members}

    def read_again(self):
        """Ends a time of not reading, with windows of a usual size."""
        for member in self.members:
            member.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.reading = True

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
                for key, _ in selector.select(timeout=0.2 if self.reading else 0):
                    if not self.reading:
                        break
                    if not self._read(key.data):
                        selector.unregister(key.fileobj)
                        self.open -= 1
                if not self.reading:
                    self._idle.wait(0.02)
                if time.monotonic() >= next_ping:
                    next_ping += PING_EVERY_S
                    for member in self.members if self.open == len(self.members) else ():
                        member.ping()
        except Exception as failure:  # shown by check()
            self.failures.append(repr(failure))

    def _read(self, member):
        """Returns whether the connection is still there."""
        try:
            data = member.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            if not self._may_end:
                raise ConnectionError(f"the connection of {member.reader} ended")
            return False
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
                member.token = frame.caught_up.resume_token
            elif kind == "heartbeat":
                member.token = frame.heartbeat.resume_token or member.token
            elif kind == "closing" and self._may_end:
                member.closing = frame.closing
            elif kind not in ("hello", "subscribe", "ping"):
                self.failures.append(f"{member.reader} got {kind}: {frame}")
        return True
