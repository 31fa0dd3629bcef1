"""The Python client itself, against a fake server: what the other tests rely on."""
import contextlib
import socket
import threading

import pytest

import feed_pb2 as pb
import model
from feed_client import Client, Disconnected, FeedError, FrameReader, client_frame, delimited, encode_varint


def server_frame(request_id, **body):
    return delimited(pb.ServerFrame(request_id=request_id, **body).SerializeToString())


@pytest.fixture
def fake():
    """fake(data) is a client whose server answers its Hello, waits for more, says `data` byte by byte, and hangs up."""
    clients = []

    def start(data):
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            connection, _ = listener.accept()
            with listener, connection, contextlib.suppress(ConnectionError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.recv(1 << 16)
                connection.send(server_frame(1, hello=pb.HelloReply(protocol_version=1)))
                connection.recv(1 << 16)
                for byte in data:
                    connection.send(bytes([byte]))
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1 << 16)
        threading.Thread(target=serve, daemon=True).start()
        clients.append(Client(listener.getsockname()))
        return clients[-1]
    yield start
    for client in clients:
        client.close()


def test_frames_are_a_varint_length_and_one_message():
    assert client_frame(7, pb.PingRequest()) == bytes([4, 0x08, 7, 0x1A, 0])
    assert [encode_varint(value) for value in (0, 127, 128, 300, 2**32 - 1)] == [
        b"\0", b"\x7f", b"\x80\x01", b"\xac\x02", b"\xff\xff\xff\xff\x0f"]


def test_frames_are_cut_out_of_any_pieces():
    replies = [pb.ServerFrame(request_id=number, get_share=pb.GetShareReply(share=pb.Share(title="x" * number * 50)))
               for number in range(1, 9)]
    stream = b"".join(delimited(reply.SerializeToString()) for reply in replies)
    for size in (1, 2, 3, 128, 1000, len(stream)):
        reader = FrameReader()
        pieces = [stream[start:start + size] for start in range(0, len(stream), size)]
        assert [frame for piece in pieces for frame in reader.feed(piece)] == replies


def test_replies_may_overtake_each_other_and_errors_are_raised(fake):
    error = pb.Error(code=pb.INVALID, field="url", limit=2048)
    client = fake(server_frame(3, ping=pb.PingReply()) + server_frame(2, error=error))
    first, second = client.send_all([pb.PingRequest(), pb.PingRequest()])
    assert client.reply_to(second) == pb.PingReply()
    with pytest.raises(FeedError) as refused:
        client.reply_to(first)
    assert (refused.value.code, refused.value.field, refused.value.limit) == ("INVALID", "url", 2048)


def test_events_go_to_their_subscription_and_closing_to_the_connection(fake):
    client = fake(server_frame(2, subscribe=pb.SubscribeReply())
                  + server_frame(2, shared=pb.Shared(share=pb.Share(id=5)))
                  + server_frame(2, caught_up=pb.CaughtUp(resume_token=b"t"))
                  + server_frame(0, heartbeat=pb.Heartbeat())
                  + server_frame(0, closing=pb.Closing(reason=pb.SHUTDOWN, retry=True)))
    home = client.follow_stream(home="reader")
    assert (home.ids, home.token) == ([5], b"t")
    assert client.wait_closed() == pb.Closing(reason=pb.SHUTDOWN, retry=True)
    assert len(client.heartbeats) == 1
    with pytest.raises(Disconnected):
        client.reply_to(3)


def test_comparisons_name_every_difference():
    assert model.list_differences([3, 2, 1], [3, 2, 1]) == []
    assert model.list_differences([3, 2, 1], [3, 1]) == ["missing 2"]
    assert model.list_differences([3, 2], [3, 2, 1]) == ["unexpected 1"]
    assert model.list_differences([3, 2, 1], [3, 2, 2, 1]) == ["2 times 2"]
    assert model.list_differences([3, 2, 1], [2, 3, 1]) == ["out of order"]
    assert model.stream_differences({"a": [1, 3], "b": [2]}, [(2, "b"), (1, "a"), (3, "a")]) == []
    assert model.stream_differences({"a": [1, 3], "b": [2]}, [(3, "a"), (1, "a"), (4, "c")]) == [
        "a: out of order", "b: missing 2", "c: unexpected 4"]
