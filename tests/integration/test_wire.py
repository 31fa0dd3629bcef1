"""Frames, greetings, garbage and the life of a connection."""
import contextlib
import random
import socket
import struct

import pytest

import feed_pb2 as pb
from feed_client import Disconnected, FeedError, client_frame, delimited, encode_varint

PARTITIONS = [1]

HELLO = pb.HelloRequest(protocol_version=1, client_name="pytest")
FRAME_LIMIT = 524288
FRAME_LIMIT_BEFORE_HELLO = 1024


def lives(client):
    """The connection is in order: it answers."""
    client.ping()
    return True


def raw_field(number, payload):
    """A length-delimited field, known to the schema or not."""
    return encode_varint(number << 3 | 2) + delimited(payload)


# ------------------------------------------------------------------------------------------------------------- hello

def test_hello_states_version_limits_and_heartbeat_interval(client):
    reply = client.hello_reply
    assert reply.protocol_version == 1
    assert reply.server_version
    assert (reply.heartbeat_interval_ms, reply.silence_limit_ms) == (15000, 45000)
    assert reply.limits == pb.Limits(max_frame_bytes=FRAME_LIMIT, max_in_flight=1024, max_subscriptions=10000,
                                     max_following=10000, max_follow_pairs=1000, max_page=200, timeline_cap=800)


def test_a_request_before_hello_is_refused_and_hello_still_works(connect):
    client = connect(hello=False)
    assert client.refusal(pb.PingRequest()).code == "HELLO_REQUIRED"
    assert client.refusal(pb.ShareRequest(author="a", url="http://a.example/")).code == "HELLO_REQUIRED"
    client.call(HELLO)
    assert lives(client)


def test_a_higher_protocol_version_is_refused_with_the_highest_that_is_spoken(connect):
    client = connect(hello=False)
    error = client.refusal(pb.HelloRequest(protocol_version=2))
    assert (error.code, error.limit) == ("UNSUPPORTED_VERSION", 1)
    assert client.refusal(pb.PingRequest()).code == "HELLO_REQUIRED"
    assert client.call(HELLO).protocol_version == 1


def test_a_hello_without_a_version_is_refused(connect):
    client = connect(hello=False)
    assert client.refusal(pb.HelloRequest()).code in ("UNSUPPORTED_VERSION", "INVALID")
    client.call(HELLO)


def test_a_client_name_may_have_64_bytes(connect):
    client = connect(hello=False)
    error = client.refusal(pb.HelloRequest(protocol_version=1, client_name="x" * 65))
    assert (error.code, error.field, error.limit) == ("INVALID", "client_name", 64)
    client.call(pb.HelloRequest(protocol_version=1, client_name="x" * 64))


def test_a_second_hello_is_answered_like_the_first(client):
    assert client.call(HELLO) == client.hello_reply
    assert lives(client)


def test_ping_is_answered(client):
    assert client.ping() == pb.PingReply()


# ------------------------------------------------------------------------------------------- requests and their ids

def test_an_unknown_request_is_refused_by_name_and_the_connection_survives(client):
    client.send_raw(delimited(pb.ClientFrame(request_id=77).SerializeToString() + raw_field(100, b"new")))
    with pytest.raises(FeedError) as refused:
        client.reply_to(77)
    assert refused.value.code == "UNKNOWN_REQUEST"
    assert lives(client)


def test_a_frame_without_a_request_is_refused_and_the_connection_survives(client):
    client.send_raw(delimited(pb.ClientFrame(request_id=77).SerializeToString()))
    with pytest.raises(FeedError) as refused:
        client.reply_to(77)
    assert refused.value.code == "UNKNOWN_REQUEST"
    assert lives(client)


def test_unknown_fields_are_ignored_in_frame_and_request(client, name):
    share = pb.ShareRequest(author=name("author"), url="http://a.example/").SerializeToString() + raw_field(99, b"new")
    frame = pb.ClientFrame(request_id=78).SerializeToString() + raw_field(4, share) + raw_field(2000, b"newer")
    client.send_raw(delimited(frame))
    share_id = client.reply_to(78).id
    assert client.get(share_id).author == name("author")


def test_request_id_zero_is_refused(client):
    client.send_raw(client_frame(0, pb.PingRequest()))
    with pytest.raises(FeedError) as refused:
        client.reply_to(0)
    assert (refused.value.code, refused.value.field) == ("INVALID", "request_id")
    assert lives(client)


def test_the_id_of_an_unanswered_request_is_refused_and_usable_again_once_answered(client, name):
    share = pb.ShareRequest(author=name("author"), url="http://a.example/")
    client.send_all([share, share], ids=[500, 500])
    outcomes = []
    for _ in range(2):
        try:
            outcomes.append(client.reply_to(500).id)
        except FeedError as error:
            outcomes.append((error.code, error.field))
    assert ("INVALID", "request_id") in outcomes
    assert client.profile_ids(name("author")) == [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert client.reply_to(client.send(share, 500)).id


def test_the_id_of_an_open_subscription_is_refused(client, name):
    subscription = client.follow_stream(home=name("reader"))
    client.send(pb.PingRequest(), subscription.id)
    with pytest.raises(FeedError) as refused:
        client.reply_to(subscription.id)
    assert (refused.value.code, refused.value.field) == ("INVALID", "request_id")
    share_id = client.share(name("reader")).id
    subscription.wait_for_share(share_id)


def test_five_thousand_requests_in_flight_on_one_connection_are_all_answered(client, name):
    author, reader = name("author"), name("reader")
    kinds = [pb.PingRequest(), pb.ShareRequest(author=author, url="http://a.example/"),
             pb.FollowRequest(reader=reader, subject=author), pb.GetTimelineRequest(reader=reader, limit=1),
             pb.GetProfileRequest(subject=author, limit=1)]
    outcomes = client.call_all([kinds[number % 5] for number in range(2500)] + [kinds[1]] * 2500)
    assert not [outcome for outcome in outcomes if isinstance(outcome, FeedError)]
    shared = [outcome.id for outcome in outcomes if isinstance(outcome, pb.ShareReply)]
    assert len(shared) == 3000
    assert client.profile_ids(author) == sorted(shared, reverse=True)


# ----------------------------------------------------------------------------------------------------------- garbage

@pytest.mark.parametrize("body", [
    b"\xff" * 10, b"\x08", b"\x12\x7fabc", b"\x08\x05\x22\xff\x01x", b"\x07", b"GET / HTTP/1.1\r\n\r\n",
], ids=["ones", "cut-varint", "cut-field", "cut-request", "wire-type-7", "http"])
def test_garbage_in_correct_framing_is_refused_and_the_connection_survives(client, body):
    client.send_raw(delimited(body))
    with pytest.raises(FeedError) as refused:
        client.any_reply()
    assert (refused.value.code, refused.value.field) == ("INVALID", "frame")
    assert lives(client)


def test_random_garbage_in_correct_framing_never_ends_a_connection(client):
    randomness = random.Random(1)
    for _ in range(300):
        client.send_raw(delimited(randomness.randbytes(randomness.randrange(1, 60))))
    assert lives(client)


def test_an_empty_frame_is_refused_and_the_connection_survives(client):
    client.send_raw(b"\x00")
    with pytest.raises(FeedError):
        client.reply_to(0)
    assert lives(client)


def test_a_frame_cut_off_at_any_byte_shares_nothing_and_harms_nobody(connect, client, name):
    frame = client_frame(7, pb.ShareRequest(author=name("author"), url="http://a.example/", title="half a word"))
    for size in range(len(frame)):
        with connect() as cut:
            cut.send_raw(frame[:size])
    hello = client_frame(1, HELLO)
    for size in range(len(hello)):
        with connect(hello=False) as cut:
            cut.send_raw(hello[:size])
    assert client.profile_ids(name("author")) == []


def test_a_frame_may_come_byte_by_byte(connect, name):
    client = connect(hello=False)
    share = pb.ShareRequest(author=name("author"), url="http://a.example/")
    for byte in client_frame(1, HELLO) + client_frame(2, share):
        client.send_raw(bytes([byte]))
    assert client.reply_to(1).protocol_version == 1
    assert client.get(client.reply_to(2).id).author == name("author")


@pytest.mark.parametrize("length", [FRAME_LIMIT + 1, 2**31, 2**32 - 1])
def test_a_frame_that_is_too_long_is_a_protocol_error(client, length):
    client.send_raw(encode_varint(length) + b"x")
    closing = client.wait_closed()
    assert (closing.reason, closing.retry) == (pb.PROTOCOL_ERROR, False)
    assert closing.message


def test_a_frame_of_exactly_the_limit_is_read(client):
    frame = pb.ClientFrame(request_id=9, share=pb.ShareRequest(author="a", url="http://a.example/", title="t" * 20000))
    frame.share.title += "t" * (FRAME_LIMIT - frame.ByteSize())
    assert frame.ByteSize() == FRAME_LIMIT
    client.send_raw(delimited(frame.SerializeToString()))
    with pytest.raises(FeedError) as refused:
        client.reply_to(9)
    assert (refused.value.code, refused.value.field) == ("INVALID", "title")
    assert lives(client)


def test_before_hello_a_frame_may_have_1024_bytes(connect):
    hello = pb.ClientFrame(request_id=1, hello=HELLO).SerializeToString()
    padding = FRAME_LIMIT_BEFORE_HELLO - len(hello) - len(raw_field(2000, b"x" * 900)) + 900
    fits = connect(hello=False)
    fits.send_raw(delimited(hello + raw_field(2000, b"x" * padding)))
    assert fits.reply_to(1).protocol_version == 1
    too_long = connect(hello=False)
    too_long.send_raw(delimited(hello + raw_field(2000, b"x" * (padding + 1))))
    assert too_long.wait_closed().reason == pb.PROTOCOL_ERROR


@pytest.mark.parametrize("length", [b"\xff" * 10, b"\x80\x80\x80\x80\x80\x01", b"\xff\xff\xff\xff\x7f"],
                         ids=["never-ending", "six-bytes", "35-bits"])
def test_a_length_that_is_no_length_is_a_protocol_error(client, length):
    client.send_raw(length)
    assert client.wait_closed().reason == pb.PROTOCOL_ERROR


def test_what_came_before_broken_framing_is_answered(client, name):
    client.send_raw(client_frame(3, pb.ShareRequest(author=name("author"), url="http://a.example/")) + b"\xff" * 10)
    assert client.wait_closed().reason == pb.PROTOCOL_ERROR


# ------------------------------------------------------------------------------------------------------------- bombs

@pytest.mark.parametrize("body", [
    b"\x0b" * 100_000,
    b"\xa3\x06" * 100_000,
    b"\xa0\x06\x00" * 150_000,
    raw_field(100, b"") * 120_000,
], ids=["groups", "unknown-groups", "unknown-numbers", "unknown-empties"])
def test_a_frame_full_of_unknown_fields_is_refused_or_ignored_and_the_daemon_lives(client, body):
    client.send_raw(delimited(pb.ClientFrame(request_id=5, ping=pb.PingRequest()).SerializeToString() + body))
    try:
        client.any_reply()
    except FeedError as error:
        assert (error.code, error.field) == ("INVALID", "frame")
    assert lives(client)


def test_deeply_nested_lengths_are_refused_or_ignored_and_the_daemon_lives(client):
    body = b""
    for _ in range(3000):
        body = b"\x12" + delimited(body)
    client.send_raw(delimited(b"\x08\x05" + body))
    with contextlib.suppress(FeedError):
        client.any_reply()
    assert lives(client)


def test_a_follow_many_of_countless_empty_pairs_is_refused(client):
    bomb = b"\x0a\x00" * 200_000
    client.send_raw(delimited(pb.ClientFrame(request_id=5).SerializeToString() + raw_field(9, bomb)))
    with pytest.raises(FeedError) as refused:
        client.any_reply()
    assert refused.value.code == "INVALID" and refused.value.field in ("pairs", "frame")
    assert lives(client)


# -------------------------------------------------------------------------------------------- clients that misbehave

def test_clients_that_disappear_in_the_middle_of_requests_harm_nobody(connect, client, name):
    for number in range(20):
        gone = connect()
        gone.send_all([pb.ShareRequest(author=name("gone"), url="http://a.example/"),
                       pb.GetTimelineRequest(reader=name("gone")), pb.SubscribeRequest(home=name("gone")),
                       pb.FollowRequest(reader=name("gone"), subject=name(f"s{number}"))] * 5)
        gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() resets
        gone.close()
    assert lives(client)
    share_id = client.share(name("gone")).id
    assert share_id in client.profile_ids(name("gone"))


def test_a_client_that_reads_nothing_harms_nobody(connect, client, name):
    author, deaf_reader, reader = name("author"), name("deaf"), name("reader")
    client.follow_many([(deaf_reader, author), (reader, author)])
    deaf = connect(receive_buffer_bytes=4096)
    deaf.follow_stream(home=deaf_reader)
    live = client.follow_stream(home=reader)
    publisher = connect()
    ids = []
    for _ in range(5):
        ids += publisher.share_many(author, 100, comment="c" * 2000)
        read = pb.GetProfileRequest(subject=author, limit=100)
        deaf.send_raw(b"".join(client_frame(deaf.new_id(), read) for _ in range(10)))
        live.wait_for_count(len(ids))
    assert live.ids == ids
    assert publisher.timeline_ids(deaf_reader) == ids[::-1]


# ------------------------------------------------------------------------------------------------- limits of patience

@pytest.fixture
def strict_feedd(start_feedd):
    return start_feedd("--timing-silence-limit-ms", "700", "--timing-heartbeat-interval-ms", "100",
                       "--timing-hello-timeout-ms", "300", "--limits-max-connections", "3")


def test_a_silent_client_is_closed_and_one_that_pings_is_not(strict_feedd):
    with strict_feedd.connect() as silent, strict_feedd.connect() as pinging:
        assert pinging.hello_reply.silence_limit_ms == 700
        while silent.closing is None:
            pinging.ping()
            silent.read_for(0.05)
        assert (silent.closing.reason, silent.closing.retry) == (pb.SILENT, True)
        assert silent.heartbeats, "a connection without subscriptions gets heartbeats too"
        assert not silent.heartbeats[0].resume_token
        assert lives(pinging)


def test_a_client_that_does_not_say_hello_is_closed(strict_feedd):
    with strict_feedd.connect(hello=False) as mute, strict_feedd.connect(hello=False) as talker:
        talker.send_raw(client_frame(1, pb.PingRequest()))
        assert mute.wait_closed().reason == pb.NO_HELLO
        assert talker.wait_closed().reason == pb.NO_HELLO


def test_a_connection_too_many_is_told_so_and_fits_when_another_has_left(strict_feedd):
    first, second, third = (strict_feedd.connect() for _ in range(3))
    with strict_feedd.connect(hello=False) as fourth:
        closing = fourth.wait_closed()
        assert (closing.reason, closing.retry) == (pb.SERVER_FULL, True)
    assert lives(first) and lives(second)
    third.close()
    late = None
    while late is None:
        try:
            late = strict_feedd.connect()
        except (Disconnected, ConnectionError):
            assert lives(first) and lives(second)
    for client in (first, second, late):
        assert lives(client)
        client.close()
