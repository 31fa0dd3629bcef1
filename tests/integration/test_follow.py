"""Following and unfollowing: what it changes in reads, in lists and on live streams."""
import pytest

import feed_pb2 as pb
from feed_client import FeedError


def invalid(error, field):
    return (error.code, error.field) == ("INVALID", field)


def newest_first(*shares):
    """Shares of one author are newer if shared later; those of several are ordered by id alone."""
    return sorted(shares, reverse=True)


# ------------------------------------------------------------------------------------------------------------- basics

def test_following_twice_is_a_success_that_says_so(client, name):
    first = client.follow(name("reader"), name("subject"))
    second = client.follow(name("reader"), name("subject"))
    assert first.position and not first.repeated
    assert second.repeated
    assert client.following(name("reader")) == [name("subject")]
    assert client.followers(name("subject")) == [name("reader")]


def test_unfollowing_what_is_not_followed_is_a_success_that_says_so(client, name):
    assert client.unfollow(name("reader"), name("subject")).repeated
    client.follow(name("reader"), name("subject"))
    assert not client.unfollow(name("reader"), name("subject")).repeated
    assert client.unfollow(name("reader"), name("subject")).repeated
    assert client.following(name("reader")) == []
    assert client.followers(name("subject")) == []


def test_following_oneself_is_refused(client, name):
    assert invalid(client.refusal(pb.FollowRequest(reader=name("me"), subject=name("me"))), "subject")


@pytest.mark.parametrize("bad", ["", "x" * 129, "a\nb", "a\x7f", "a\x00b"],
                         ids=["missing", "too-long", "newline", "delete", "zero"])
@pytest.mark.parametrize("kind", [pb.FollowRequest, pb.UnfollowRequest])
def test_a_bad_name_is_refused_by_the_field_it_stands_in(client, kind, bad):
    assert invalid(client.refusal(kind(reader=bad, subject="subject")), "reader")
    error = client.refusal(kind(reader="reader", subject=bad))
    assert invalid(error, "subject") and error.limit == (128 if len(bad) > 128 else 0)


def test_bad_utf8_in_a_name_is_refused(client):
    frame = pb.ClientFrame(request_id=9, follow=pb.FollowRequest(reader="reader", subject="abcd"))
    data = frame.SerializeToString().replace(b"abcd", b"ab\xff\xfe")
    client.send_raw(bytes([len(data)]) + data)
    with pytest.raises(FeedError) as refused:
        client.reply_to(9)
    assert invalid(refused.value, "subject")


def test_names_of_128_bytes_and_any_script_can_be_followed(client, name):
    reader, subject = name("читатель"), name("brand:acme").ljust(128, "z")
    client.follow(reader, subject)
    assert client.following(reader) == [subject]
    assert client.followers(subject) == [reader]


# -------------------------------------------------------------------------------------------------------- follow many

def test_follow_many_takes_each_pair_for_itself(client, name):
    reader, a, b, c = (name(word) for word in ("reader", "a", "b", "c"))
    client.follow(reader, a)
    reply = client.follow_many([(reader, a), (reader, b), (reader, reader), (reader, "x" * 129), ("bad\nname", a),
                                (reader, b), (c, a)])
    assert (reply.followed, reply.repeated) == (2, 2)
    assert [(refusal.index, refusal.error.code, refusal.error.field, refusal.error.limit) for refusal in reply.refused] == [
        (2, pb.INVALID, "subject", 0), (3, pb.INVALID, "subject", 128), (4, pb.INVALID, "reader", 0)]
    assert reply.position
    assert sorted(client.following(reader)) == sorted([a, b])
    assert sorted(client.followers(a)) == sorted([reader, c])


def test_follow_many_of_nothing_new_has_no_position(client, name):
    client.follow(name("reader"), name("a"))
    reply = client.follow_many([(name("reader"), name("a"))])
    assert (reply.followed, reply.repeated, reply.position) == (0, 1, 0)


def test_follow_many_takes_1000_pairs_and_not_one_more(client, name):
    pairs = [(name("reader"), name(f"subject{number}")) for number in range(1001)]
    error = client.refusal(pb.FollowManyRequest(pairs=[pb.FollowPair(reader=r, subject=s) for r, s in pairs]))
    assert (error.code, error.field, error.limit) == ("INVALID", "pairs", 1000)
    assert client.following(name("reader")) == []
    assert client.follow_many(pairs[:1000]).followed == 1000
    assert sorted(client.following(name("reader"))) == sorted(subject for _, subject in pairs[:1000])


def test_follow_many_backfills_like_follow(client, name):
    shares = {subject: client.share(name(subject)).id for subject in ("a", "b")}
    assert client.timeline_ids(name("reader")) == []
    client.follow_many([(name("reader"), name("a")), (name("reader"), name("b"))])
    assert client.timeline_ids(name("reader")) == sorted(shares.values(), reverse=True)


# ------------------------------------------------------------------------------------------------------ max_following

@pytest.fixture
def narrow_client(start_feedd):
    with start_feedd("--limits-max-following", "5").connect() as client:
        yield client


def limit_reached(error):
    return (error.code, error.field, error.limit) == ("LIMIT_EXCEEDED", "max_following", 5)


def test_following_more_than_max_following_is_refused(narrow_client):
    client = narrow_client
    assert client.hello_reply.limits.max_following == 5
    for number in range(5):
        client.follow("reader", f"s{number}")
    assert limit_reached(client.refusal(pb.FollowRequest(reader="reader", subject="s5")))
    assert client.follow("reader", "s4").repeated, "what is followed already does not count again"
    client.unfollow("reader", "s0")
    client.follow("reader", "s5")
    assert sorted(client.following("reader")) == ["s1", "s2", "s3", "s4", "s5"]


def test_follows_in_flight_together_do_not_exceed_max_following(narrow_client):
    client = narrow_client
    outcomes = client.call_all([pb.FollowRequest(reader="reader", subject=f"s{number}") for number in range(20)])
    assert sum(isinstance(outcome, pb.FollowReply) for outcome in outcomes) == 5
    assert all(limit_reached(outcome) for outcome in outcomes if isinstance(outcome, FeedError))
    assert len(client.following("reader")) == 5


def test_follow_many_refuses_the_pairs_beyond_max_following(narrow_client):
    client = narrow_client
    reply = client.follow_many([("reader", f"s{number}") for number in range(8)] + [("other", "s0")])
    assert reply.followed == 6
    assert [limit_reached(FeedError(refusal.error)) for refusal in reply.refused] == [True] * 3
    assert len(client.following("reader")) == 5


# -------------------------------------------------------------------------------------------------------------- lists

@pytest.mark.parametrize("limit", [1, 7, 25, 0, 500])
def test_following_and_followers_are_paged_to_the_end_latest_first(client, name, limit):
    subjects = [name(f"s{number}") for number in range(25)]
    for subject in subjects:
        client.follow(name("reader"), subject)
        client.follow(subject, name("star"))
    assert client.following(name("reader"), limit) == subjects[::-1]
    assert client.followers(name("star"), limit) == subjects[::-1]
    assert client.call(pb.GetFollowingRequest(reader=name("reader"), limit=limit)).total == 25
    assert client.call(pb.GetFollowersRequest(subject=name("star"), limit=limit)).total == 25


def test_a_page_of_names_has_50_entries_unless_told_and_200_at_most(client, name):
    client.follow_many([(name("reader"), name(f"s{number}")) for number in range(230)])
    assert len(client.call(pb.GetFollowingRequest(reader=name("reader"))).subjects) == 50
    assert len(client.call(pb.GetFollowingRequest(reader=name("reader"), limit=100_000)).subjects) == 200


def test_lists_of_the_unknown_are_empty(client, name):
    assert client.call(pb.GetFollowingRequest(reader=name("nobody"))) == pb.GetFollowingReply()
    assert client.call(pb.GetFollowersRequest(subject=name("nobody"))) == pb.GetFollowersReply()


def test_paging_names_stays_whole_while_others_come_and_go(client, name):
    stay = [name(f"stay{number}") for number in range(30)]
    leave = [name(f"leave{number}") for number in range(10)]
    client.follow_many([(name("reader"), subject) for pair in zip(stay[::3], leave) for subject in pair])
    client.follow_many([(name("reader"), subject) for subject in stay])
    seen, cursor = [], ""
    for step in range(100):
        page = client.call(pb.GetFollowingRequest(reader=name("reader"), limit=4, cursor=cursor))
        seen.extend(page.subjects)
        cursor = page.next_cursor
        if not cursor:
            break
        client.follow(name("reader"), name(f"new{step}"))
        if leave:
            client.unfollow(name("reader"), leave.pop())
    assert [subject for subject in seen if subject in stay] != []
    assert sorted(subject for subject in seen if subject in stay) == sorted(stay)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", " 1", "1 ", "0x10", "9" * 30, "1\n", "é"])
def test_a_malformed_cursor_of_names_is_refused(client, name, cursor):
    assert invalid(client.refusal(pb.GetFollowingRequest(reader=name("reader"), cursor=cursor)), "cursor")
    assert invalid(client.refusal(pb.GetFollowersRequest(subject=name("reader"), cursor=cursor)), "cursor")


def test_lists_refuse_bad_names(client):
    assert invalid(client.refusal(pb.GetFollowingRequest(reader="")), "reader")
    assert invalid(client.refusal(pb.GetFollowersRequest(subject="x" * 129)), "subject")


# ------------------------------------------------------------------------------------------------- timelines, streams

@pytest.mark.ways("read")
@pytest.mark.parametrize("count", [50, 100, 101, 400])
def test_following_brings_a_subjects_shares_into_an_existing_timeline_in_order(client, name, count):
    reader = name("reader")
    expected = [client.share(reader).id, *client.share_many(name("subject"), count // 2), client.share(reader).id,
                *client.share_many(name("subject"), count - count // 2), client.share(reader).id]
    assert client.timeline_ids(reader) == [expected[-1], expected[count // 2 + 1], expected[0]]
    client.follow(reader, name("subject"))
    assert client.timeline_ids(reader, 200) == newest_first(*expected)


def test_a_timeline_that_was_never_read_is_built_from_whole_profiles(client, name):
    shares = client.share_many(name("subject"), 130)
    client.follow(name("reader"), name("subject"))
    assert client.timeline_ids(name("reader")) == shares[::-1]


@pytest.mark.ways("read")
def test_unfollowing_hides_a_subjects_shares_and_following_again_shows_them(client, name):
    reader = name("reader")
    client.follow_many([(reader, name("a")), (reader, name("b"))])
    a1, b1, a2 = (client.share(name(author)).id for author in "aba")
    assert client.timeline_ids(reader) == newest_first(a1, b1, a2)
    client.unfollow(reader, name("a"))
    assert client.timeline_ids(reader) == [b1]
    a3 = client.share(name("a")).id
    assert client.timeline_ids(reader) == [b1]
    client.follow(reader, name("a"))
    assert client.timeline_ids(reader) == newest_first(a1, b1, a2, a3)


@pytest.mark.ways("live")
def test_following_and_unfollowing_take_effect_at_once_on_live_streams(connect, client, name):
    reader, subject = name("reader"), name("subject")
    home = connect().follow_stream(home=reader)
    seen = []
    for _ in range(10):
        client.share(subject)
        client.follow(reader, subject)
        seen += [client.share(subject).id, client.share(subject).id]
        client.unfollow(reader, subject)
        client.share(subject)
    client.follow(reader, subject)
    last = client.share(subject).id
    home.wait_for_share(last)
    assert home.ids == seen + [last]


@pytest.mark.ways("read", "resumed")
def test_who_is_unfollowed_while_the_reader_is_away_is_not_brought(connect, client, name):
    reader, gone, kept = name("reader"), name("gone"), name("kept")
    client.follow_many([(reader, gone), (reader, kept)])
    with connect() as first:
        token = first.follow_stream(home=reader).token
    client.share(gone)
    missed = [client.share(kept).id]
    client.unfollow(reader, gone)
    client.share(gone)
    missed.append(client.share(kept).id)
    home = connect().resume(token, len(missed), home=reader)
    assert home.ids == missed and not home.gaps
    assert client.timeline_ids(reader) == missed[::-1]


@pytest.mark.ways("live")
def test_backfilled_shares_are_no_events(connect, client, name):
    home = connect().follow_stream(home=name("reader"))
    old = client.share_many(name("subject"), 5)
    client.follow(name("reader"), name("subject"))
    new = client.share(name("subject")).id
    home.wait_for_share(new)
    assert home.ids == [new]
    assert client.timeline_ids(name("reader")) == [new] + old[::-1]


def test_everybody_sees_the_share_of_a_subject_with_many_followers(client, name):
    readers = [name(f"r{number}") for number in range(600)]
    for reader in readers[:300]:
        assert client.timeline_ids(reader) == []
    client.follow_many([(reader, name("star")) for reader in readers])
    shares = client.share_many(name("star"), 3)
    pages = client.call_all([pb.GetTimelineRequest(reader=reader) for reader in readers])
    for page in pages:
        assert [share.id for share in page.shares] == shares[::-1]
        assert page.end == pb.END
