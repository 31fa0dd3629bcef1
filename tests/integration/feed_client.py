"""A second client of feedd: blocking, small, on the official protobuf package.

It shares no code with the daemon or with libfeed, and the framing is written here by hand: so the tests prove the wire.
"""
import select
import socket
import time

import feed_pb2 as pb
from wait import wait_until

EVENTS = ("shared", "reshared", "deleted", "edited", "commented", "comment_deleted", "subject_deleted",
          "read_marker", "noticed", "caught_up", "heartbeat", "gap")
REQUEST_FIELDS = {field.message_type.name: field.name
                  for field in pb.ClientFrame.DESCRIPTOR.oneofs_by_name["request"].fields}


class FeedError(Exception):
    """The server's Error."""

    def __init__(self, error):
        super().__init__(f"{pb.ErrorCode.Name(error.code)} field={error.field!r} limit={error.limit}: {error.message}")
        self.code = pb.ErrorCode.Name(error.code)
        self.field = error.field
        self.limit = error.limit
        self.retry_after_ms = error.retry_after_ms
        self.message = error.message


class Disconnected(Exception):
    """The server ended the connection; `closing` is its last word, or None."""

    def __init__(self, closing):
        super().__init__(f"disconnected, closing: {closing}")
        self.closing = closing


# ----------------------------------------------------------------------------------------------------------- framing

def encode_varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(body):
    """A frame: the length, then the body."""
    return encode_varint(len(body)) + body


def client_frame(request_id, request):
    frame = pb.ClientFrame(request_id=request_id)
    getattr(frame, REQUEST_FIELDS[type(request).__name__]).CopyFrom(request)
    return delimited(frame.SerializeToString())


class FrameReader:
    """Cuts a stream of bytes, in whatever pieces it comes, into ServerFrames."""

    def __init__(self):
        self._buffer = bytearray()

    def feed(self, data):
        """Takes more of the stream; yields the frames that are complete."""
        self._buffer += data
        start = 0
        while (frame := self._frame_at(start)) is not None:
            body_start, end = frame
            yield pb.ServerFrame.FromString(bytes(self._buffer[body_start:end]))
            start = end
        del self._buffer[:start]

    def _frame_at(self, start):
        length = shift = 0
        for position in range(start, len(self._buffer)):
            byte = self._buffer[position]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                end = position + 1 + length
                return (position + 1, end) if end <= len(self._buffer) else None
        return None


# -------------------------------------------------------------------------------------------------------- connection

class Client:
    """One connection, to an address or on a socket that is connected. `hello=False` leaves the greeting to the caller. Every
    wait ends after `timeout` seconds."""

    def __init__(self, address, hello=True, receive_buffer_bytes=None, timeout=20):
        connected = isinstance(address, socket.socket)
        family = socket.AF_INET if connected or isinstance(address, tuple) else socket.AF_UNIX
        self.socket = address if connected else socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(timeout)
        if not connected:
            self.socket.connect(address if isinstance(address, tuple) else str(address))
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.closing = None        # the server's Closing, once it came
        self.heartbeats = []       # those of the connection, under request id 0
        self.hello_reply = None
        self._disconnected = False
        self._reader = FrameReader()
        self._replies = {}         # request id -> list of ServerFrame
        self._subscriptions = {}
        self._next_id = 1
        if hello:
            self.hello_reply = self.call(pb.HelloRequest(protocol_version=1, client_name="pytest"))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    def close(self):
        self.socket.close()

    # -- requests

    def send(self, request, request_id=None):
        """Sends a request without waiting. Returns its id."""
        return self.send_all([request], [request_id or self.new_id()])[0]

    def send_all(self, requests, ids=None):
        """Sends many requests as one piece of the stream. Returns their ids."""
        ids = ids or [self.new_id() for _ in requests]
        self._write(b"".join(client_frame(number, request) for number, request in zip(ids, requests)))
        return ids

    def reply_to(self, request_id):
        """Waits for the reply to a request. Raises FeedError if it is an error."""
        self.wait(lambda: self._replies.get(request_id), f"the reply to request {request_id}")
        frame = self._replies[request_id].pop(0)
        if not self._replies[request_id]:
            del self._replies[request_id]
        body = getattr(frame, frame.WhichOneof("body"))
        if isinstance(body, pb.Error):
            raise FeedError(body)
        return body

    def answered(self, request_id):
        """Whether the reply is there already. Does not wait."""
        return self.has_read(lambda: request_id in self._replies)

    def has_read(self, condition):
        """Reads what is there, without waiting. Returns what `condition()` says then."""
        self.read_for(0)
        return condition()

    def any_reply(self):
        """Waits for the reply to whatever request: for requests so broken that their id cannot be known."""
        self.wait(lambda: self._replies, "any reply")
        return self.reply_to(next(iter(self._replies)))

    def call(self, request):
        return self.reply_to(self.send(request))

    def outcome_of(self, request_id):
        """Waits for the reply to a request. Returns it, or its FeedError."""
        try:
            return self.reply_to(request_id)
        except FeedError as error:
            return error

    def call_all(self, requests):
        """Sends all requests at once. Returns for each, in their order, its reply or its FeedError."""
        return [self.outcome_of(request_id) for request_id in self.send_all(requests)]

    def refusal(self, request):
        """The error that a request is answered with."""
        outcome = self.outcome_of(self.send(request))
        assert isinstance(outcome, FeedError), f"not refused, but answered with {type(outcome).__name__}: {outcome}"
        return outcome

    def send_raw(self, data):
        """Sends bytes as they are, reading nothing meanwhile."""
        self.socket.sendall(data)

    def new_id(self):
        self._next_id += 1
        return self._next_id - 1

    # -- conveniences

    def ping(self):
        return self.call(pb.PingRequest())

    def share(self, author, url="http://example.org/", **fields):
        return self.call(pb.ShareRequest(author=author, url=url, **fields))

    def share_many(self, author, count, **fields):
        """Pipelines `count` shares. Returns their ids, in the order sent."""
        requests = [pb.ShareRequest(author=author, url=f"http://example.org/{number}", **fields)
                    for number in range(count)]
        return [reply.id for reply in self.call_all(requests)]

    def call_patiently(self, request):
        """Calls again while the server is busy."""
        while True:
            try:
                return self.call(request)
            except FeedError as error:
                if error.code != "BUSY":
                    raise

    def share_patiently(self, author, count, **fields):
        """As share_many(), a few at a time and again while the server is busy: for more than its memory may hold."""
        ids = []
        while len(ids) < count:
            request = pb.ShareRequest(author=author, url="http://example.org/", **fields)
            for outcome in self.call_all([request] * min(20, count - len(ids))):
                if not isinstance(outcome, FeedError):
                    ids.append(outcome.id)
                elif outcome.code != "BUSY":
                    raise outcome
        return ids

    def delete(self, author, share_id):
        return self.call(pb.DeleteShareRequest(author=author, id=share_id))

    def get(self, share_id):
        return self.call(pb.GetShareRequest(id=share_id)).share

    def follow(self, reader, subject):
        return self.call(pb.FollowRequest(reader=reader, subject=subject))

    def unfollow(self, reader, subject, keep_history=False):
        return self.call(pb.UnfollowRequest(reader=reader, subject=subject, keep_history=keep_history))

    def follow_many(self, pairs):
        return self.call(pb.FollowManyRequest(pairs=[pb.FollowPair(reader=r, subject=s) for r, s in pairs]))

    def edit(self, author, share_id, **words):
        return self.call(pb.EditShareRequest(author=author, id=share_id, **words))

    def comment(self, commenter, share_id, text="Well said.", parent_id=0, **fields):
        return self.call(pb.CommentRequest(commenter=commenter, share_id=share_id, text=text, parent_id=parent_id, **fields)).id

    def delete_comment(self, subject, share_id, comment_id):
        return self.call(pb.DeleteCommentRequest(subject=subject, share_id=share_id, id=comment_id))

    def dialogue(self, share_id, oldest_first=True, limit=0):
        """All pages of comments."""
        comments, request = [], pb.GetDialogueRequest(share_id=share_id, limit=limit, oldest_first=oldest_first)
        while True:
            page = self.call(request)
            comments.extend(page.comments)
            request.cursor = page.next_cursor
            if not request.cursor:
                return comments
    def mark_read(self, reader, share_id):
        return self.call_patiently(pb.MarkReadRequest(reader=reader, id=share_id))

    def unread(self, reader):
        """(marker, how many are unread, whether there may be more)."""
        reply = self.call(pb.GetUnreadRequest(reader=reader))
        return reply.marker, reply.unread, reply.more

    def timeline(self, reader, limit=0, before=""):
        """One page; asks again while the timeline is being built."""
        while True:
            page = self.call(pb.GetTimelineRequest(reader=reader, limit=limit, before=before))
            if page.end != pb.REBUILDING:
                return page

    def profile(self, subject, limit=0, before=""):
        return self.call(pb.GetProfileRequest(subject=subject, limit=limit, before=before))

    def whole_timeline(self, reader, limit=0):
        """All pages: the shares, and how the last page ended."""
        return self._all_pages(lambda cursor: self.timeline(reader, limit, cursor))

    def whole_profile(self, subject, limit=0):
        return self._all_pages(lambda cursor: self.profile(subject, limit, cursor))

    def timeline_ids(self, reader, limit=0):
        return [share.id for share in self.whole_timeline(reader, limit)[0]]

    def profile_ids(self, subject, limit=0):
        return [share.id for share in self.whole_profile(subject, limit)[0]]

    def following(self, reader, limit=0):
        """All pages of the subjects that a reader follows."""
        return self._all_names(pb.GetFollowingRequest(reader=reader, limit=limit), "subjects")

    def followers(self, subject, limit=0):
        """All pages of the readers who follow a subject."""
        return self._all_names(pb.GetFollowersRequest(subject=subject, limit=limit), "readers")

    def _all_names(self, request, field):
        names = []
        while True:
            page = self.call(request)
            names.extend(getattr(page, field))
            request.cursor = page.next_cursor
            if not request.cursor:
                return names

    @staticmethod
    def _all_pages(page_at):
        shares, cursor = [], ""
        while True:
            page = page_at(cursor)
            shares.extend(page.shares)
            if page.end != pb.MORE:
                assert not page.next_cursor, "only a page that ends in MORE leads on"
                return shares, page.end
            assert page.shares and page.next_cursor, "a page that ends in MORE must lead on"
            cursor = page.next_cursor

    # -- subscriptions

    def begin_subscribe(self, token=b"", **stream):
        """Subscribes without waiting for anything. `stream`: home, profile, dialogue or dialogue_around."""
        request_id = self.new_id()
        subscription = self._subscriptions[request_id] = Subscription(self, request_id)
        self.send(pb.SubscribeRequest(resume_token=token, **stream), request_id)
        return subscription

    def subscribe(self, token=b"", **stream):
        """Subscribes and waits for the reply, not for CaughtUp."""
        subscription = self.begin_subscribe(token, **stream)
        try:
            self.reply_to(subscription.id)
        except FeedError:
            del self._subscriptions[subscription.id]
            raise
        return subscription

    def follow_stream(self, token=b"", **stream):
        """Subscribes and waits until it is live."""
        subscription = self.subscribe(token, **stream)
        subscription.wait_live()
        return subscription

    def resume(self, token, shares, deletions=0, **stream):
        """Subscribes with a token and waits for so many events. Where CaughtUp stands among them is the server's
        choice, which may not have seen yet what another connection was told a moment ago."""
        subscription = self.follow_stream(token=token, **stream)
        subscription.wait_for_count(shares, deletions)
        return subscription

    # -- reading

    def wait(self, condition, what="the condition"):
        """Reads frames until `condition()` holds."""
        deadline = time.monotonic() + self.timeout
        while not condition():
            if self._disconnected:
                raise Disconnected(self.closing)
            left = deadline - time.monotonic()
            assert left > 0, f"waited {self.timeout} s in vain for {what}"
            self.read_for(left)

    def closed_by_server(self):
        return self._disconnected

    def wait_closed(self):
        """Reads until the server has ended the connection. Returns its Closing, or None."""
        self.wait(lambda: self._disconnected, "the end of the connection")
        return self.closing

    def read_for(self, seconds):
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        if poll.poll(seconds * 1000):
            self._read_available()

    def _read_available(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            self._disconnected = True
        for frame in self._reader.feed(data):
            self._route(frame)

    def _route(self, frame):
        assert self.closing is None, f"a frame after Closing: {frame}"
        kind = frame.WhichOneof("body")
        assert kind, f"a frame without a body: {frame}"
        if kind == "closing":
            assert frame.request_id == 0
            self.closing = frame.closing
        elif kind == "heartbeat" and frame.request_id == 0:
            self.heartbeats.append(frame.heartbeat)
        elif kind in EVENTS:
            self._subscriptions[frame.request_id].take(kind, getattr(frame, kind))
        else:
            self._replies.setdefault(frame.request_id, []).append(frame)

    def _write(self, data):
        """Sends everything, and reads meanwhile so that neither side waits for the other."""
        view = memoryview(data)
        poll = select.poll()
        poll.register(self.socket, select.POLLIN | select.POLLOUT)
        while view:
            events = poll.poll(self.timeout * 1000)
            assert events, "the server takes nothing"
            if events[0][1] & select.POLLIN:
                self._read_available()
            if self._disconnected or events[0][1] & (select.POLLERR | select.POLLHUP):
                raise Disconnected(self.closing)
            if events[0][1] & select.POLLOUT:
                view = view[self.socket.send(view, socket.MSG_DONTWAIT):]


class Subscription:
    """The events of one Subscribe, in the order in which they came."""

    def __init__(self, client, request_id):
        self.client = client
        self.id = request_id
        self.events = []  # (kind, message)
        self.token = b""  # the latest

    def take(self, kind, message):
        self.events.append((kind, message))
        if kind in ("caught_up", "heartbeat") and message.resume_token:
            self.token = message.resume_token

    def of_kind(self, kind):
        return [message for one, message in self.events if one == kind]

    @property
    def shares(self):
        return [event.share for event in self.of_kind("shared")]

    @property
    def ids(self):
        return [share.id for share in self.shares]

    @property
    def deleted(self):
        return [event.share_id for event in self.of_kind("deleted")]

    @property
    def comments(self):
        """Ids of comments that came."""
        return [event.comment.id for event in self.of_kind("commented")]

    @property
    def comments_deleted(self):
        return [event.comment_id for event in self.of_kind("comment_deleted")]

    @property
    def markers(self):
        return [(event.marker, event.unread, event.more) for event in self.of_kind("read_marker")]

    @property
    def gaps(self):
        return self.of_kind("gap")

    def wait_live(self):
        self.client.wait(lambda: self.of_kind("caught_up"), "CaughtUp")

    def wait_for_share(self, share_id):
        self.client.wait(lambda: share_id in self.ids, f"the event of share {share_id}")

    def wait_for_count(self, shares, deletions=0):
        self.client.wait(lambda: len(self.of_kind("shared")) >= shares and len(self.of_kind("deleted")) >= deletions,
                         f"{shares} shares and {deletions} deletions")

    def wait_for_deletion(self, share_id):
        self.client.wait(lambda: share_id in self.deleted, f"the deletion of share {share_id}")

    def wait_for_heartbeats(self, count=1):
        """Waits for `count` more heartbeats and returns the last."""
        seen = len(self.of_kind("heartbeat"))
        self.client.wait(lambda: len(self.of_kind("heartbeat")) >= seen + count, "a heartbeat")
        return self.of_kind("heartbeat")[-1]

    def unsubscribe(self):
        self.client.call(pb.UnsubscribeRequest(subscription=self.id))
        del self.client._subscriptions[self.id]  # nothing comes any more


def share_when_possible(client, author="author", **fields):
    """Repeats a share under one key until the store takes it. Checks each refusal on the way."""
    fields.setdefault("idempotency_key", f"key{client.new_id()}")

    def attempt():
        try:
            return client.share(author, **fields)
        except FeedError as error:
            assert error.code in ("UNAVAILABLE", "OUTCOME_UNKNOWN"), error
            assert error.retry_after_ms > 0, error
            return None
    return wait_until(attempt, timeout=30, what="a share that is taken")
