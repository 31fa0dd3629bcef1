"""Muting and blocking: who is seen on reads, on live streams and on those that resume. docs/semantics.md names these tests."""
import pytest

import feed_pb2 as pb
from wait import wait_until

SMALL_RING = ("--cache-ring-bytes", "1048576")
BIG = "🙂" * 1990  # 200 of them leave a ring of a megabyte


def mute(client, reader, subject):
    return client.call(pb.MuteRequest(reader=reader, subject=subject))


def unmute(client, reader, subject):
    return client.call(pb.UnmuteRequest(reader=reader, subject=subject))


def block(client, reader, subject):
    return client.call(pb.BlockRequest(reader=reader, subject=subject))


def unblock(client, reader, subject):
    return client.call(pb.UnblockRequest(reader=reader, subject=subject))


def hidden(client, reader, muted=False, limit=0):
    """All pages of whom a reader blocks or has muted."""
    names, cursor = [], ""
    while True:
        page = client.call(pb.GetBlockedRequest(reader=reader, muted=muted, limit=limit, cursor=cursor))
        names.extend(page.subjects)
        cursor = page.next_cursor
        if not cursor:
            return names


class Eyes:
    """How one reader sees what others share: what is read now, what a stream opened at the beginning was sent, what one that
    resumes from there is sent now. Shares of the reader itself tell that nothing else is to come: two, as what was committed
    before the first one is there when the second one comes."""

    def __init__(self, connect, client, marks, reader):
        self.connect, self.client, self.marks, self.reader = connect, client, marks, reader
        self.stream = connect().follow_stream(home=reader)
        self.token = self.stream.token

    def settle(self, stream):
        for _ in range(2):
            self.marks.append(self.client.share(self.reader).id)
            stream.wait_for_share(self.marks[-1])

    def others(self, shares):
        return [share.id for share in shares if share.author != self.reader and share.id not in self.marks]

    @property
    def read(self):
        return sorted(self.others(self.client.whole_timeline(self.reader)[0]))

    @property
    def live(self):
        self.settle(self.stream)
        return self.others(self.stream.shares)

    @property
    def resumed(self):
        stream = self.connect().follow_stream(home=self.reader, token=self.token)
        self.settle(stream)
        assert stream.gaps == []
        return sorted(self.others(stream.shares))


@pytest.fixture
def eyes(connect, client):
    marks = []
    return lambda reader: Eyes(connect, client, marks, reader)


# --------------------------------------------------------------------------------------------------------------- muting

@pytest.mark.ways("read", "live", "resumed")
def test_who_is_muted_is_not_seen_nor_what_was_there_before(client, name, eyes):
    bob, alice, carl = name("bob"), name("alice"), name("carl")
    client.follow_many([(bob, alice), (bob, carl)])
    before = client.share(alice).id
    bobs = eyes(bob)
    assert bobs.read == [before]
    seen, kept = client.share(alice).id, client.share(carl).id
    bobs.settle(bobs.stream)
    reply = mute(client, bob, alice)
    assert reply.position and not reply.repeated
    client.share_many(alice, 3)
    assert bobs.read == [kept]
    assert sorted(bobs.live) == sorted([seen, kept])
    assert bobs.resumed == [kept]
    assert mute(client, bob, alice).repeated


@pytest.mark.ways("read", "live", "resumed")
def test_who_is_unmuted_is_seen_with_everything_that_was_shared_meanwhile(client, name, eyes):
    bob, alice = name("bob"), name("alice")
    client.follow(bob, alice)
    before = client.share(alice).id
    bobs = eyes(bob)
    mute(client, bob, alice)
    meanwhile = client.share_many(alice, 3)
    assert bobs.read == []
    assert not unmute(client, bob, alice).repeated
    after = client.share(alice).id
    assert bobs.read == [before, *meanwhile, after]
    assert bobs.live == [after], "what was shared meanwhile is no event any more"
    assert bobs.resumed == [*meanwhile, after], "but for whoever was away it still is"
    assert unmute(client, bob, alice).repeated


@pytest.mark.ways("read", "live", "resumed")
def test_muting_changes_nothing_for_anybody_else(client, name, eyes):
    bob, alice, carl = name("bob"), name("alice"), name("carl")
    client.follow_many([(bob, alice), (alice, bob), (carl, alice), (carl, bob)])
    mute(client, bob, alice)
    alices, carls = eyes(alice), eyes(carl)
    by_alice, by_bob = client.share(alice).id, client.share(bob).id
    for way in ("read", "live", "resumed"):
        assert getattr(alices, way) == [by_bob], way
        assert sorted(getattr(carls, way)) == sorted([by_alice, by_bob]), way
    assert client.following(bob) == [alice]
    assert sorted(client.followers(alice)) == sorted([bob, carl])
    assert by_alice in client.profile_ids(alice)
    assert hidden(client, alice) == hidden(client, alice, muted=True) == []


@pytest.mark.ways("read", "live", "resumed")
def test_who_was_muted_before_being_followed_is_seen_when_unmuted(client, name, eyes):
    bob, alice = name("bob"), name("alice")
    mute(client, bob, alice)
    bobs = eyes(bob)
    client.follow(bob, alice)
    hidden_share = client.share(alice).id
    assert bobs.read == bobs.live == bobs.resumed == []
    unmute(client, bob, alice)
    shown = client.share(alice).id
    assert bobs.read == bobs.resumed == [hidden_share, shown]
    assert bobs.live == [shown]


# ------------------------------------------------------------------------------------------------------------- blocking

@pytest.mark.ways("read", "live", "resumed")
def test_a_block_hides_each_from_the_other(client, name, eyes):
    bob, alice = name("bob"), name("alice")
    client.follow_many([(bob, alice), (alice, bob)])
    client.share(alice), client.share(bob)
    bobs, alices = eyes(bob), eyes(alice)
    assert bobs.read and alices.read
    reply = block(client, bob, alice)
    assert reply.position and not reply.repeated
    client.share(alice), client.share(bob)
    for one in (bobs, alices):
        other = client.share(alice if one is bobs else bob).id
        assert one.read == []
        assert other not in one.live
        assert other not in one.resumed
    assert block(client, bob, alice).repeated


@pytest.mark.ways("read", "live", "resumed")
def test_a_block_ends_every_follow_between_the_two_and_an_unblock_brings_none_back(client, name, eyes):
    bob, alice = name("bob"), name("alice")
    client.follow_many([(bob, alice), (alice, bob)])
    bobs, alices = eyes(bob), eyes(alice)
    block(client, bob, alice)
    for one in (bob, alice):
        assert client.following(one) == client.followers(one) == []
    assert not unblock(client, bob, alice).repeated
    client.share(alice), client.share(bob)
    for one, own in ((bobs, bob), (alices, alice)):
        assert client.following(own) == client.followers(own) == []
        assert one.read == one.resumed == []
        assert one.live == []
    assert unblock(client, bob, alice).repeated


@pytest.mark.ways("read", "live", "resumed")
def test_following_is_refused_while_a_block_stands_whichever_of_the_two_blocks(client, name, eyes):
    bob, alice = name("bob"), name("alice")
    block(client, bob, alice)
    bobs, alices = eyes(bob), eyes(alice)
    errors = [client.refusal(pb.FollowRequest(reader=one, subject=other)) for one, other in ((bob, alice), (alice, bob))]
    assert {(error.code, error.field, error.message) for error in errors} == {
        ("FORBIDDEN", "subject", "the reader may not follow this subject")}
    refused = client.follow_many([(alice, bob), (alice, name("carl"))]).refused
    assert [(one.index, one.error.code, one.error.field) for one in refused] == [(0, pb.FORBIDDEN, "subject")]
    client.share(alice), client.share(bob)
    for way in ("read", "live", "resumed"):
        assert getattr(bobs, way) == getattr(alices, way) == []
    unblock(client, bob, alice)
    assert not client.follow(alice, bob).repeated


@pytest.mark.ways("read", "live", "resumed")
def test_who_follows_again_after_a_block_sees_everything_again(client, name, eyes):
    bob, alice = name("bob"), name("alice")
    client.follow(bob, alice)
    before = client.share(alice).id
    bobs = eyes(bob)
    assert bobs.read == [before]
    block(client, alice, bob)
    meanwhile = client.share(alice).id
    assert bobs.read == []
    unblock(client, alice, bob)
    client.follow(bob, alice)
    after = client.share(alice).id
    assert bobs.read == [before, meanwhile, after]
    assert bobs.live == [after]
    assert set(bobs.resumed) in ({after}, {meanwhile, after}), "a follow may bring what is newer than the token"


@pytest.mark.ways("read", "live", "resumed")
def test_a_block_outlasts_its_twin_and_a_mute_outlasts_both(client, name, eyes):
    bob, alice = name("bob"), name("alice")
    mute(client, bob, alice)
    block(client, bob, alice), block(client, alice, bob)
    bobs = eyes(bob)
    unblock(client, bob, alice)
    assert client.refusal(pb.FollowRequest(reader=bob, subject=alice)).code == "FORBIDDEN"
    unblock(client, alice, bob)
    client.follow(bob, alice)
    share = client.share(alice).id
    assert bobs.read == bobs.live == bobs.resumed == []
    unmute(client, bob, alice)
    assert bobs.read == [share]
    assert bobs.resumed == [share]
    last = client.share(alice).id
    assert bobs.live == [last]


@pytest.mark.ways("read", "live", "resumed")
def test_what_was_shared_before_a_block_reaches_nobody_after_it(client, name, eyes):
    """The block comes while the share is being pushed, and while a reader is away."""
    alice, readers = name("alice"), [name(f"r{number}") for number in range(300)]
    client.follow_many([(reader, alice) for reader in readers])
    client.call_all([pb.GetTimelineRequest(reader=reader) for reader in readers])
    blocked, bystander = readers[-1], readers[0]
    his, others = eyes(blocked), eyes(bystander)
    his.stream.unsubscribe()
    requests = [pb.ShareRequest(author=alice, url="http://example.org/"), pb.BlockRequest(reader=alice, subject=blocked)]
    share = client.call_all(requests)[0].id
    assert his.read == his.resumed == []
    his.stream = client.follow_stream(home=blocked)
    assert his.live == []
    assert others.read == others.live == others.resumed == [share]


def test_blocks_and_mutes_sent_at_once_hold_in_the_order_sent(client, name):
    bob, alice = name("bob"), name("alice")
    requests = []
    for _ in range(5):
        requests += [pb.FollowRequest(reader=bob, subject=alice), pb.MuteRequest(reader=bob, subject=alice),
                     pb.BlockRequest(reader=bob, subject=alice), pb.UnmuteRequest(reader=bob, subject=alice),
                     pb.UnblockRequest(reader=bob, subject=alice)]
    outcomes = client.call_all(requests)
    assert not any(getattr(outcome, "repeated", True) for outcome in outcomes)
    assert client.following(bob) == hidden(client, bob) == hidden(client, bob, muted=True) == []


# ---------------------------------------------------------------------------------------------------- lists and refusals

@pytest.mark.parametrize("limit", [1, 7, 0])
def test_whom_a_reader_blocks_or_has_muted_is_listed_for_it_latest_first(client, name, limit):
    bob, others = name("bob"), [name(f"s{number}") for number in range(15)]
    for other in others:
        mute(client, bob, other)
        block(client, bob, other)
    unblock(client, bob, others[3])
    assert hidden(client, bob, muted=True, limit=limit) == others[::-1]
    assert hidden(client, bob, limit=limit) == (others[:3] + others[4:])[::-1]
    assert client.call(pb.GetBlockedRequest(reader=bob)).total == 14
    assert hidden(client, others[0]) == []


@pytest.mark.parametrize("kind", [pb.BlockRequest, pb.UnblockRequest, pb.MuteRequest, pb.UnmuteRequest])
@pytest.mark.parametrize("bad", ["", "x" * 129, "a\nb"], ids=["missing", "too-long", "newline"])
def test_a_bad_name_is_refused_by_its_field(client, kind, bad):
    for field in ("reader", "subject"):
        error = client.refusal(kind(**{"reader": "reader", "subject": "subject", field: bad}))
        assert (error.code, error.field) == ("INVALID", field)


@pytest.mark.parametrize("kind", [pb.BlockRequest, pb.MuteRequest])
def test_nobody_is_hidden_from_themselves(client, name, kind):
    error = client.refusal(kind(reader=name("me"), subject=name("me")))
    assert (error.code, error.field) == ("INVALID", "subject")


def test_more_than_may_be_is_refused(start_feedd):
    with start_feedd("--limits-max-blocked", "3").connect() as client:
        for act, undo in ((mute, unmute), (block, unblock)):
            for number in range(3):
                act(client, "bob", f"s{number}")
            kind = pb.MuteRequest if act is mute else pb.BlockRequest
            error = client.refusal(kind(reader="bob", subject="s3"))
            assert (error.code, error.field, error.limit) == ("LIMIT_EXCEEDED", "max_blocked", 3)
            assert act(client, "bob", "s2").repeated
            undo(client, "bob", "s0")
            assert not act(client, "bob", "s3").repeated


# ------------------------------------------------------------------------------------------- several daemons, and the store

@pytest.fixture
def two_daemons(start_feedd, redis):
    flags = ("--redis-url", redis.url, "--store-partitions", "4", *SMALL_RING)
    return [start_feedd(*flags, state=f"state{number}") for number in range(2)]


@pytest.mark.ways("read", "live", "resumed")
def test_another_daemon_hides_and_shows_as_soon_as_it_has_read_of_it(two_daemons):
    with two_daemons[0].connect() as here, two_daemons[1].connect() as there, two_daemons[1].connect() as third:
        here.follow("bob", "alice")
        share = here.share("alice").id
        wait_until(lambda: there.timeline_ids("bob") == [share])
        home = there.follow_stream(home="bob")
        token = home.token
        for act, undo in ((mute, unmute), (block, unblock)):
            act(here, "bob", "alice")
            wait_until(lambda: share not in there.timeline_ids("bob"))
            unseen = here.share("alice").id
            mark = here.share("bob").id
            home.wait_for_share(mark)
            undo(here, "bob", "alice")
            here.follow("bob", "alice")
            wait_until(lambda: unseen in there.timeline_ids("bob"))
            seen = here.share("alice").id
            home.wait_for_share(seen)
            assert unseen not in home.ids
        resumed = third.subscribe(home="bob", token=token)
        resumed.wait_for_share(seen)


@pytest.mark.ways("resumed", "read")
def test_who_resumes_out_of_the_store_does_not_see_whom_it_mutes_or_blocks(two_daemons):
    names = ("alice", "muted", "blocked", "blocker")
    with two_daemons[0].connect() as client:
        client.follow_many([("bob", author) for author in names])
        token = client.follow_stream(home="bob").token
        ids = {author: client.share_patiently(author, 70, comment=BIG) for author in names}
        mute(client, "bob", "muted"), block(client, "bob", "blocked"), block(client, "blocker", "bob")
        assert client.timeline_ids("bob", limit=200) == ids["alice"][::-1]
    for daemon in two_daemons:
        with daemon.connect() as client:
            wait_until(lambda: client.timeline_ids("bob", limit=200) == ids["alice"][::-1])
            assert client.resume(token, 70, home="bob").ids == ids["alice"]


def test_what_is_hidden_survives_kills_of_the_daemon_and_of_redis(start_feedd, start_redis):
    redis = start_redis("--appendfsync", "always")
    daemon = start_feedd("--redis-url", redis.url, "--timing-heartbeat-interval-ms", "100")
    with daemon.connect() as client:
        client.follow_many([("bob", author) for author in ("alice", "carl", "dora")])
        for author in ("alice", "carl", "dora"):
            client.share(author)
        mute(client, "bob", "alice"), block(client, "carl", "bob")
        dora = client.timeline_ids("bob")
        assert len(dora) == 1
        home = client.follow_stream(home="bob")
        redis.kill()
        redis = redis.restart()
        wait_until(lambda: not home.wait_for_heartbeats().degraded)
        wait_until(lambda: client.timeline_ids("bob") == dora)
    daemon.kill()
    with daemon.restart().connect() as client:
        assert client.timeline_ids("bob") == dora
        assert hidden(client, "bob", muted=True) == ["alice"]
        assert block(client, "carl", "bob").repeated


def test_somebody_whom_very_many_block_is_read_for_without_delay(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url)
    crowd = [f"hater{number}" for number in range(20_000)]
    with daemon.connect() as client:
        client.follow("celebrity", "friend")
        redis.client().zadd("blockers:{0}:celebrity", {one: number + 1 for number, one in enumerate(crowd)})
        share = client.share("friend").id
        assert client.timeline_ids("celebrity") == [share]
        assert client.refusal(pb.FollowRequest(reader="celebrity", subject=crowd[7])).code == "FORBIDDEN"
