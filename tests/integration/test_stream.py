"""Live streams: what is delivered, when, how often; resuming, slow readers, shutdown."""
import random
import shutil

import pytest

import feed_pb2 as pb
from feed_client import Disconnected, FeedError
from wait import wait_until

BIG = "😀" * 2000  # the largest comment: 8,000 bytes


def kinds(subscription):
    return [kind for kind, _ in subscription.events]


# ----------------------------------------------------------------------------------------------------------- delivery

@pytest.mark.ways("live")
def test_a_follower_sees_shares_and_deletions_live(connect, client, name):
    client.follow(name("reader"), name("author"))
    home = connect().follow_stream(home=name("reader"))
    share_id = client.share(name("author"), "http://example.org/x", title="T", comment="C").id
    home.wait_for_share(share_id)
    assert home.shares == [client.get(share_id)]
    deletion = client.delete(name("author"), share_id)
    home.wait_for_deletion(share_id)
    assert home.of_kind("deleted") == [pb.Deleted(id=deletion.position, share_id=share_id, author=name("author"))]


def test_a_subscription_starts_caught_up_with_a_token_and_without_a_past(connect, client, name):
    client.share(name("me"))
    home = connect().follow_stream(home=name("me"))
    assert kinds(home) == ["caught_up"]
    assert home.token


@pytest.mark.ways("live")
def test_a_home_stream_includes_the_readers_own_shares(connect, client, name):
    home = connect().follow_stream(home=name("me"))
    share_id = client.share(name("me")).id
    home.wait_for_share(share_id)


def test_a_profile_can_be_watched_without_following_it(connect, client, name):
    profile = connect().follow_stream(profile=name("author"))
    client.share(name("other"))
    share_id = client.share(name("author")).id
    client.delete(name("author"), share_id)
    profile.wait_for_deletion(share_id)
    assert profile.ids == [share_id]
    assert client.following(name("me")) == []


def test_shares_of_others_are_not_delivered(connect, client, name):
    client.follow(name("reader"), name("followed"))
    home = connect().follow_stream(home=name("reader"))
    for _ in range(5):
        client.share(name("stranger"))
        last = client.share(name("followed")).id
    home.wait_for_share(last)
    assert {share.author for share in home.shares} == {name("followed")}
    assert len(home.ids) == 5


def test_each_subscription_of_a_connection_sees_a_share_once(client, name):
    client.follow_many([(name("r1"), name("author")), (name("r2"), name("author"))])
    subscriptions = [client.follow_stream(home=name("r1")), client.follow_stream(home=name("r2")),
                     client.follow_stream(home=name("r1")), client.follow_stream(profile=name("author")),
                     client.follow_stream(home=name("author"))]
    shares = client.share_many(name("author"), 50)
    for subscription in subscriptions:
        subscription.wait_for_share(shares[-1])
        assert subscription.ids == shares


def test_nothing_comes_after_unsubscribing(client, name):
    first = client.follow_stream(profile=name("author"))
    second = client.follow_stream(profile=name("author"))
    seen = client.share(name("author")).id
    second.wait_for_share(seen)
    first.wait_for_share(seen)
    first.unsubscribe()
    later = client.share(name("author")).id
    second.wait_for_share(later)
    assert first.ids == [seen]
    error = client.refusal(pb.UnsubscribeRequest(subscription=first.id))
    assert error.code == "NOT_FOUND"


def test_following_subscribing_and_sharing_may_be_sent_without_waiting(client, name):
    for number in range(30):
        reader, author = name(f"reader{number}"), name(f"author{number}")
        follow = client.send(pb.FollowRequest(reader=reader, subject=author))
        home = client.begin_subscribe(home=reader)
        share = client.send(pb.ShareRequest(author=author, url="http://example.org/"))
        unsubscribe = client.send(pb.UnsubscribeRequest(subscription=home.id))
        client.reply_to(follow)
        client.reply_to(home.id)
        share_id = client.reply_to(share).id
        client.reply_to(unsubscribe)
        assert home.ids in ([share_id], []), "unsubscribed at once: it may have been too early"
        home = client.begin_subscribe(home=reader)
        share = client.send(pb.ShareRequest(author=author, url="http://example.org/"))
        home.wait_for_share(client.reply_to(share).id)
        home.unsubscribe()


def test_the_id_of_a_closed_subscription_can_be_used_again(client, name):
    subscription = client.follow_stream(profile=name("author"))
    subscription.unsubscribe()
    assert client.reply_to(client.send(pb.PingRequest(), subscription.id)) == pb.PingReply()


def test_a_subscription_of_nothing_is_refused(client):
    error = client.refusal(pb.SubscribeRequest())
    assert error.code == "INVALID"
    for field, value in (("home", ""), ("home", "a\n"), ("profile", "x" * 129)):
        error = client.refusal(pb.SubscribeRequest(**{field: value}))
        assert (error.code, error.field) == ("INVALID", field)


def test_more_subscriptions_than_max_subscriptions_are_refused(start_feedd):
    with start_feedd("--limits-max-subscriptions", "3").connect() as client:
        subscriptions = [client.follow_stream(home=f"r{number}") for number in range(3)]
        with pytest.raises(FeedError) as refused:
            client.subscribe(home="r3")
        error = refused.value
        assert (error.code, error.field, error.limit) == ("LIMIT_EXCEEDED", "max_subscriptions", 3)
        subscriptions[0].unsubscribe()
        client.follow_stream(home="r3")


@pytest.mark.ways("live")
def test_events_of_one_author_come_in_log_order_to_every_subscriber(connect, client, name):
    readers = [name(f"r{number}") for number in range(20)]
    client.follow_many([(reader, name(author)) for reader in readers for author in "abc"])
    subscriber = connect()
    homes = [subscriber.follow_stream(home=reader) for reader in readers]
    outcomes = client.call_all([pb.ShareRequest(author=name(author), url="http://example.org/")
                                for author in "abc" * 100])
    shares = {author: [reply.id for reply in outcomes[index::3]] for index, author in enumerate("abc")}
    for home in homes:
        home.wait_for_count(300)
        for author in "abc":
            assert [share.id for share in home.shares if share.author == name(author)] == shares[author]


# ------------------------------------------------------------------------------------------------------------- tokens

@pytest.mark.ways("resumed")
def test_resuming_brings_exactly_what_was_missed(connect, client, name):
    client.follow_many([(name("reader"), name("a")), (name("reader"), name("b"))])
    kept = client.share(name("a")).id
    with connect() as first:
        token = first.follow_stream(home=name("reader")).token
    missed = [client.share(name(author)).id for author in "abba"]
    client.delete(name("a"), kept)
    client.share(name("stranger"))
    home = connect().resume(token, 4, 1, home=name("reader"))
    assert home.gaps == []
    assert sorted(home.ids) == sorted(missed)
    assert home.deleted == [kept]
    live = client.share(name("b")).id
    home.wait_for_share(live)
    assert sorted(home.ids) == sorted(missed + [live])


def test_resuming_a_profile_brings_exactly_what_was_missed(connect, client, name):
    with connect() as first:
        token = first.follow_stream(profile=name("a")).token
    missed = client.share_many(name("a"), 30)
    profile = connect().resume(token, 30, profile=name("a"))
    assert profile.ids == missed and profile.gaps == []


def test_resuming_when_nothing_was_missed_brings_nothing(connect, client, name):
    client.share(name("me"))
    with connect() as first:
        token = first.follow_stream(home=name("me")).token
    for _ in range(3):
        home = connect().follow_stream(home=name("me"), token=token)
        assert kinds(home) == ["caught_up"]
        token = home.token


@pytest.mark.ways("resumed")
def test_a_share_missed_and_deleted_meanwhile_is_not_left_standing(connect, client, name):
    with connect() as first:
        token = first.follow_stream(profile=name("a")).token
    gone, stays = client.share(name("a")).id, client.share(name("a")).id
    client.delete(name("a"), gone)
    profile = connect().follow_stream(profile=name("a"), token=token)
    profile.client.wait(lambda: stays in profile.ids and (gone not in profile.ids or gone in profile.deleted))
    standing = [share_id for share_id in profile.ids if share_id not in profile.deleted]
    assert standing == [stays]


@pytest.mark.ways("resumed")
def test_following_during_an_absence_does_not_bring_what_was_not_followed_yet(connect, client, name):
    reader, author = name("reader"), name("author")
    with connect() as first:
        token = first.follow_stream(home=reader).token
    client.share(author)
    client.follow(reader, author)
    after = client.share(author).id
    home = connect().resume(token, 1, home=reader)
    assert home.ids == [after] and home.gaps == []


def test_a_token_at_least_every_250_events_resumes_behind_them(connect, client, name):
    client.follow(name("reader"), name("author"))
    home = connect().follow_stream(home=name("reader"))
    shares = client.share_many(name("author"), 900)
    home.wait_for_count(900)
    seen, tokens = 0, []
    for kind, message in home.events[1:]:
        if kind == "heartbeat":
            tokens.append((message.resume_token, seen))
        else:
            seen += 1
    assert len(tokens) >= 3
    positions = [0] + [seen for _, seen in tokens] + [900]
    assert all(after - before <= 250 for before, after in zip(positions, positions[1:]))
    for token, seen in tokens:
        resumed = connect().resume(token, 900 - seen, home=name("reader"))
        assert resumed.ids == shares[seen:]


def test_a_damaged_token_is_refused_as_such(client, name):
    token = client.follow_stream(home=name("me")).token
    randomness = random.Random(1)
    damaged = [b"x", token[:-1], token + b"x", bytes(len(token)), b"\xff" * 3000, randomness.randbytes(len(token))]
    for position in range(len(token)):
        damaged.append(token[:position] + bytes([token[position] ^ 0x55]) + token[position + 1:])
    for bad in damaged:
        with pytest.raises(FeedError) as refused:
            client.subscribe(home=name("me"), token=bad)
        assert refused.value.code == "TOKEN_DAMAGED"
    client.follow_stream(home=name("me"), token=token)


def test_the_token_of_another_store_is_refused_as_such(client, start_feedd, name):
    with start_feedd().connect() as other:
        token = other.follow_stream(home=name("me")).token
    with pytest.raises(FeedError) as refused:
        client.subscribe(home=name("me"), token=token)
    assert refused.value.code == "TOKEN_FOREIGN"


def test_a_token_from_a_store_that_lost_its_latest_data_is_refused_or_answered_with_a_gap(start_feedd, workdir):
    daemon = start_feedd()
    with daemon.connect() as client:
        client.share("me")
    daemon.stop()
    shutil.copytree(workdir / "state", workdir / "copy", ignore=shutil.ignore_patterns("*.sock"))
    daemon = daemon.restart()
    with daemon.connect() as client:
        home = client.follow_stream(home="me")
        home.wait_for_share(client.share_many("me", 120)[-1])
        token = home.token
    daemon.stop()
    with start_feedd(state="copy").connect() as client:
        try:
            home = client.follow_stream(home="me", token=token)
        except FeedError as error:
            assert error.code == "TOKEN_FUTURE"
        else:
            assert [gap.reason for gap in home.gaps] == [pb.GAP_LOST]


def test_a_token_outlives_the_daemon(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as client:
        client.follow("reader", "author")
        kept = client.share("author").id
        token = client.follow_stream(home="reader").token
        missed = client.share_many("author", 20)
        client.delete("author", kept)
    daemon.stop()
    daemon = daemon.restart()
    with daemon.connect() as client:
        home = client.resume(token, len(missed), 1, home="reader")
        assert (home.ids, home.deleted, home.gaps) == (missed, [kept], [])
        token = home.token
        missed = client.share_many("author", 20)
    daemon.kill()
    with daemon.restart().connect() as client:
        home = client.resume(token, len(missed), home="reader")
        assert (home.ids, home.deleted, home.gaps) == (missed, [], [])


def test_a_long_absence_is_caught_up_from_the_store(start_feedd):
    with start_feedd("--cache-ring-bytes", "1048576").connect() as client:
        client.follow("reader", "author")
        kept = client.share("author").id
        absent = client.follow_stream(home="reader")
        absent.unsubscribe()
        missed = client.share_patiently("author", 200, comment=BIG)
        client.call_patiently(pb.DeleteShareRequest(author="author", id=kept))
        missed += client.share_patiently("author", 500, comment=BIG)
        home = client.resume(absent.token, len(missed), 1, home="reader")
        assert (home.ids, home.deleted, home.gaps) == (missed, [kept], [])


@pytest.mark.ways("resumed")
def test_an_absence_beyond_the_timelines_cap_misses_nothing_in_silence(start_feedd):
    daemon = start_feedd("--cache-ring-bytes", "1048576", "--timeline-cap", "50", "--timeline-slack", "10")
    with daemon.connect() as client:
        client.follow("reader", "author")
        absent = client.follow_stream(home="reader")
        absent.unsubscribe()
        missed = client.share_patiently("author", 1000, comment=BIG)
        home = client.follow_stream(home="reader", token=absent.token)
        home.wait_for_share(missed[-1])
        if home.gaps:
            assert home.gaps[0].reason == pb.GAP_CAPPED
            assert home.ids == missed[-len(home.ids):]
        else:
            assert home.ids == missed


# --------------------------------------------------------------------------------------------------------- heartbeats

def test_heartbeats_carry_tokens_that_resume_behind_everything_before_them(start_feedd):
    with start_feedd("--timing-heartbeat-interval-ms", "60").connect() as client:
        home = client.follow_stream(home="me")
        first = client.share("me").id
        home.wait_for_share(first)
        heartbeat = home.wait_for_heartbeats(2)
        assert heartbeat.resume_token and not heartbeat.degraded
        missed = client.share("me").id
        resumed = client.resume(heartbeat.resume_token, 1, home="me")
        assert resumed.ids == [missed]


# ------------------------------------------------------------------------------------------------------- slow readers

@pytest.mark.ways("live")
def test_a_slow_reader_gets_everything_in_the_end(start_feedd):
    daemon = start_feedd("--limits-queue-soft-limit-bytes", "4096")
    with daemon.connect() as client, daemon.connect(receive_buffer_bytes=4096) as slow, daemon.connect() as fast:
        client.follow_many([("reader", "author"), ("other", "author")])
        home = slow.follow_stream(home="reader")
        quick = fast.follow_stream(home="other")
        shares = []
        for _ in range(20):
            shares += client.share_many("author", 100, comment=BIG)
            quick.wait_for_count(len(shares))
        deletion = client.delete("author", shares[0])
        home.wait_for_count(len(shares))
        assert home.ids == shares
        home.wait_for_deletion(shares[0])
        assert home.of_kind("deleted")[-1].id == deletion.position
        live = client.share("author").id
        home.wait_for_share(live)
        quick.wait_for_share(live)
        assert home.ids == quick.ids == shares + [live]
        assert home.gaps == quick.gaps == []
    counters = daemon.stop()
    assert counters["demotions"] > 0
    assert counters["shares"] == len(shares) + 1


def test_a_client_that_takes_nothing_at_all_is_closed_for_stalling(start_feedd):
    daemon = start_feedd("--timing-stall-limit-ms", "300", "--limits-queue-soft-limit-bytes", "65536",
                         "--log-level", "debug")
    with daemon.connect() as client, daemon.connect(receive_buffer_bytes=4096) as stalled:
        home = stalled.follow_stream(profile="author")
        client.share_many("author", 200, comment=BIG)  # more than its queue and the kernel take
        wait_until(lambda: any("reason=stalled" in line for line in daemon.lines),
                   what="the connection to be closed")
        stalled.wait_closed()
        assert home.ids == sorted(set(home.ids))
        every = client.profile_ids("author", 200)
        resumed = client.follow_stream(profile="author", token=home.token)
        resumed.wait_for_share(every[0])
        assert sorted(set(home.ids) | set(resumed.ids)) == every[::-1]


# ----------------------------------------------------------------------------------------------------------- shutdown

def test_sigterm_tells_every_client_when_to_come_back_and_loses_no_accepted_share(start_feedd):
    daemon = start_feedd()
    clients = [daemon.connect() for _ in range(20)]
    home = clients[0].follow_stream(home="me")
    shares = clients[1].share_many("me", 100)
    home.wait_for_count(100)
    in_flight = clients[2].send_all([pb.ShareRequest(author="me", url="http://example.org/")] * 200)
    counters = daemon.stop()
    slots = []
    for client in clients:
        closing = client.wait_closed()
        assert (closing.reason, closing.retry) == (pb.SHUTDOWN, True)
        slots.append(closing.retry_after_ms)
        client.close()
    assert sorted(slots) == [number * 500 for number in range(20)]  # of 10 s
    assert slots != sorted(slots)
    for request_id in in_flight:
        try:
            shares.append(clients[2].reply_to(request_id).id)
        except (FeedError, Disconnected):
            pass
    assert counters["shares"] >= len(shares)
    with daemon.restart().connect() as client:
        assert set(shares) <= set(client.profile_ids("me"))
