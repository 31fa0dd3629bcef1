"""Reading timelines and profiles: pages, cursors, caps, and what a read sees of the writes around it."""
import pytest

import feed_pb2 as pb
from feed_client import FeedError
from harness import jobs_done, wait_until


def ids(page):
    return [share.id for share in page.shares]


# -------------------------------------------------------------------------------------------------------------- pages

def test_the_timeline_of_somebody_unknown_is_empty_and_at_its_end(client, name):
    assert client.timeline(name("nobody")) == pb.GetTimelineReply(end=pb.END)
    assert client.profile(name("nobody")) == pb.GetProfileReply(end=pb.END)


@pytest.mark.parametrize("limit", [1, 2, 10, 29, 30, 31, 200])
def test_pages_of_any_size_show_everything_newest_first(client, name, limit):
    client.follow(name("reader"), name("a"))
    shares = client.share_many(name("a"), 30)
    for read in (lambda: client.whole_timeline(name("reader"), limit), lambda: client.whole_profile(name("a"), limit)):
        found, end = read()
        assert [share.id for share in found] == shares[::-1]
        assert end == pb.END


def test_a_page_has_50_shares_unless_told_and_200_at_most(client, name):
    client.share_many(name("a"), 230)
    for page in (client.timeline, client.profile):
        assert len(page(name("a")).shares) == 50
        assert len(page(name("a"), limit=100_000).shares) == 200
        assert page(name("a")).end == pb.MORE


def test_a_page_shows_whole_shares(client, name):
    reply = client.share(name("a"), "http://example.org/x", title="T", extract="E", comment="C",
                         image_url="http://example.org/i")
    share = client.get(reply.id)
    assert share.title == "T" and share.comment == "C"
    assert list(client.timeline(name("a")).shares) == [share]
    assert list(client.profile(name("a")).shares) == [share]


def test_the_largest_shares_fit_into_pages(client, name):
    """200 shares of 30 kB are more than a frame may have: pages get shorter, and nothing is left out."""
    shares = client.share_many(name("a"), 60, comment="😀" * 2000, title="😀" * 300,
                               image_url="http://example.org/" + "i" * 2000, extract="ü" * 280)
    assert client.timeline_ids(name("a"), limit=200) == shares[::-1]
    assert client.profile_ids(name("a"), limit=200) == shares[::-1]


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", " 1", "1 ", "0x10", "9" * 30, "1\n", "é", "1e5"])
def test_a_malformed_cursor_is_refused(client, name, cursor):
    for request in (pb.GetTimelineRequest(reader=name("a"), before=cursor),
                    pb.GetProfileRequest(subject=name("a"), before=cursor)):
        error = client.refusal(request)
        assert (error.code, error.field) == ("INVALID", "before")


def test_reads_refuse_bad_names(client):
    for request, field in ((pb.GetTimelineRequest(), "reader"), (pb.GetProfileRequest(), "subject"),
                           (pb.GetTimelineRequest(reader="a\n"), "reader"),
                           (pb.GetProfileRequest(subject="x" * 129), "subject")):
        error = client.refusal(request)
        assert (error.code, error.field) == ("INVALID", field)


def test_pages_stay_stable_while_new_shares_arrive(client, name):
    client.follow(name("reader"), name("a"))
    shares = client.share_many(name("a"), 40)
    for read, owner in ((client.timeline, name("reader")), (client.profile, name("a"))):
        found, cursor = [], ""
        while True:
            page = read(owner, 7, cursor)
            found += ids(page)
            client.share(name("a"))
            if page.end != pb.MORE:
                break
            cursor = page.next_cursor
        assert [share_id for share_id in found if share_id in shares] == shares[::-1]
        assert len(found) == len(set(found))
        shares = client.profile_ids(name("a"))[::-1]


@pytest.mark.ways("read")
def test_a_deleted_share_disappears_and_pages_are_filled_up(client, name):
    client.follow(name("reader"), name("a"))
    shares = client.share_many(name("a"), 60)
    assert client.timeline_ids(name("reader")) == shares[::-1]
    gone = shares[10:50]
    client.call_all([pb.DeleteShareRequest(author=name("a"), id=share_id) for share_id in gone])
    left = [share_id for share_id in shares if share_id not in gone][::-1]
    assert ids(client.timeline(name("reader"), limit=15)) == left[:15]
    assert ids(client.profile(name("a"), limit=15)) == left[:15]
    for limit in (1, 7, 20, 200):
        assert client.timeline_ids(name("reader"), limit) == left
        assert client.profile_ids(name("a"), limit) == left


def test_the_cursor_of_a_share_deleted_meanwhile_still_leads_on(client, name):
    shares = client.share_many(name("a"), 10)[::-1]
    page = client.timeline(name("a"), limit=3)
    client.delete(name("a"), shares[2])
    client.delete(name("a"), shares[3])
    assert ids(client.timeline(name("a"), before=page.next_cursor)) == shares[4:]


@pytest.mark.ways("read")
def test_many_subjects_are_merged_newest_first(client, name):
    subjects = [name(f"s{number}") for number in range(20)]
    before = [client.share(subject).id for subject in subjects]
    client.follow_many([(name("reader"), subject) for subject in subjects])
    assert client.timeline_ids(name("reader")) == sorted(before, reverse=True)
    after = [reply.id for reply in client.call_all([pb.ShareRequest(author=subject, url="http://example.org/")
                                                    for subject in subjects * 5])]
    assert client.timeline_ids(name("reader")) == sorted(before + after, reverse=True)


# --------------------------------------------------------------------------------------------------------------- caps

@pytest.fixture
def capped_client(start_feedd):
    with start_feedd("--timeline-cap", "20", "--timeline-slack", "5", "--profile-cap", "30").connect() as client:
        yield client


def whole(result):
    shares, end = result
    return [share.id for share in shares], end


@pytest.mark.ways("read")
@pytest.mark.parametrize("limit", [1, 6, 7, 19, 20, 21, 200])
def test_pages_go_on_beyond_what_a_timeline_holds_without_a_seam(capped_client, limit):
    client = capped_client
    assert client.hello_reply.limits.timeline_cap == 20
    authors = ["a", "b", "c"]
    client.follow_many([(reader, author) for reader in ("early", "late") for author in authors])
    assert client.timeline_ids("early") == []
    shares = [client.share(author).id for _ in range(25) for author in authors]
    for reader in ("early", "late"):
        assert whole(client.whole_timeline(reader, limit)) == (shares[::-1], pb.END)
    for share_id in shares[10:60]:
        client.delete(authors[shares.index(share_id) % 3], share_id)
    left = shares[60:] + [client.share("b").id]
    for reader in ("early", "late"):
        assert whole(client.whole_timeline(reader, limit)) == ((shares[:10] + left)[::-1], pb.END)


def test_a_profile_drops_its_oldest_shares_a_few_at_a_time_with_all_that_is_theirs(start_feedd, redis):
    flags = ("--redis-url", redis.url, "--timeline-cap", "20", "--profile-cap", "128")
    with start_feedd(*flags).connect() as client:
        shares = client.share_many("a", 128)
        assert whole(client.whole_profile("a")) == (shares[::-1], pb.END)
        shares += client.share_many("a", 100)
        kept, end = whole(client.whole_profile("a"))
        assert 128 <= len(kept) <= 130 and kept == shares[:-len(kept) - 1:-1] and end == pb.CAPPED
        assert len(redis.client().keys("share:*")) == len(kept)


def test_a_timeline_grows_over_its_cap_and_past_what_profiles_hold_and_says_so(capped_client):
    client = capped_client
    client.follow_many([("early", "author"), ("early", "other")])
    assert client.timeline_ids("early") == []
    shares = client.share_many("author", 30)
    assert whole(client.whole_timeline("early", 6)) == (shares[::-1], pb.END)
    for _ in range(15):
        shares.append(client.share("author").id)
        assert whole(client.whole_timeline("early", 6)) == (shares[::-1][:30], pb.CAPPED)
    client.follow("late", "author")
    assert whole(client.whole_timeline("late", 6)) == (shares[::-1][:30], pb.CAPPED), "built at its first read"
    other = client.share_many("other", 25)
    assert whole(client.whole_timeline("early", 6)) == ((shares[-30:] + other)[::-1], pb.CAPPED)


def test_what_was_shared_before_a_follow_is_on_the_pages_at_its_place(capped_client):
    """Also far below what the timeline holds, and whether or not the timeline was read in between."""
    client = capped_client
    expected = []
    for author in "abcdef":
        expected += [client.share(one).id for one in [author, author, "reader", author] * 5]
        for readers in (["reader"], ["reader", "rarely"]):
            client.follow(readers[-1], author)
            found = whole(client.whole_timeline("reader", 9))
            assert found == (expected[::-1], pb.END)
    client.follow("rarely", "reader")
    assert whole(client.whole_timeline("rarely", 9)) == (expected[::-1], pb.END)
    client.unfollow("reader", "e")
    e = client.profile_ids("e")
    assert whole(client.whole_timeline("reader", 9)) == ([one for one in expected[::-1] if one not in e], pb.END)


def test_shares_made_while_pages_are_read_move_none_across_the_seam(capped_client):
    client = capped_client
    client.follow_many([("reader", "a"), ("reader", "b")])
    shares = [client.share("ab"[number % 2]).id for number in range(50)]
    found, cursor = [], ""
    while True:
        page = client.timeline("reader", 4, cursor)
        found += ids(page)
        client.share_many("a", 5)
        if page.end != pb.MORE:
            break
        cursor = page.next_cursor
    assert [one for one in found if one in shares[1::2]] == shares[1::2][::-1], "those of the one whose profile lost nothing"
    assert found == sorted(set(found), reverse=True)


def test_a_burst_far_beyond_the_cap_leaves_what_the_profile_holds(capped_client):
    client = capped_client
    client.follow_many([("early", "author"), ("late", "author")])
    assert client.timeline_ids("early") == []
    shares = client.share_many("author", 300)
    for reader in ("early", "late", "author"):
        assert whole(client.whole_timeline(reader)) == (shares[::-1][:30], pb.CAPPED)


def test_a_profile_holds_its_cap_and_says_so(capped_client):
    client = capped_client
    shares = client.share_many("author", 30)
    assert whole(client.whole_profile("author", 8)) == (shares[::-1], pb.END)
    shares += client.share_many("author", 5)
    found, end = whole(client.whole_profile("author", 8))
    assert end == pb.CAPPED
    assert found == shares[::-1][:30]


# Of 26 ids, which are one more than a timeline of 20 may hold: what is pushed is the newest of all.
IDS = [64 * number for number in range(1, 26)]
LISTS = {
    "in order, as it says": (IDS[::-1], "0 25"),
    "in order, and says nothing": (IDS[::-1], "0"),
    "in order, and says it of some": (IDS[::-1], "-32 20"),
    "late ones at the head": (IDS[:3] + IDS[:2:-1], "0 22"),
    "late ones far down, before it was last in order": (IDS[5:8] + IDS[:7:-1] + IDS[4::-1], "0 5"),
    "not in order, but above all that go": (IDS[14:] + IDS[13::-1], "0 14"),
    "everything in any order": (IDS[::3] + IDS[1::3] + IDS[2::3], "0"),
    "many pushed twice": (IDS[20:] + IDS[::-1], "0 25"),
    "late ones that it no longer vouches for": (IDS[:4] + IDS[:3:-1], f"-{IDS[6]} 21"),
    "nothing that it vouches for": (IDS[::-1], f"-{64 * 100} 25"),
}


@pytest.mark.parametrize("listed, header", LISTS.values(), ids=LISTS)
def test_a_timeline_is_cut_to_its_newest_whatever_the_order_in_which_they_came(start_feedd, redis, listed, header):
    store = redis.client()
    with start_feedd("--redis-url", redis.url, "--timeline-cap", "20", "--timeline-slack", "5").connect() as client:
        client.follow("reader", "author")
        client.timeline("reader")
        store.delete("timeline:{0}:reader")
        store.rpush("timeline:{0}:reader", *listed, header)
        store.expire("timeline:{0}:reader", 1000)
        share = client.share("author").id
        wait_until(lambda: store.llen("timeline:{0}:reader") < len(listed), what="the cut")
        *ids_left, header_left = store.lrange("timeline:{0}:reader", 0, -1)
        floor = -int(header.split()[0])
        newest = sorted({share, *(one for one in listed if one > floor)}, reverse=True)
        ids_left = [int(one) for one in ids_left]
        assert sorted(ids_left, reverse=True) == newest[:20]
        floor_left, ordered, _mark = header_left.split()
        assert -int(floor_left) == (newest[20] if len(newest) > 20 else floor)
        in_order = ids_left[len(ids_left) - int(ordered):]
        assert in_order == sorted(in_order, reverse=True)
        assert store.ttl("timeline:{0}:reader") > 900


@pytest.mark.parametrize("foreign", [0, 1, 2, 7])
def test_a_timeline_is_cut_exactly_whoever_else_pushes_to_it(start_feedd, redis, foreign):
    """Again and again; now and then somebody else pushes something that belongs further down."""
    store, key = redis.client(), "timeline:{0}:reader"
    with start_feedd("--redis-url", redis.url, "--timeline-cap", "20", "--timeline-slack", "5").connect() as client:
        client.follow("reader", "author")
        client.timeline("reader")
        pushed = []
        for _ in range(12):
            pushed += client.share_many("author", 9)
            wait_until(lambda: jobs_done(store), what="the pushes")
            *listed, header = store.lrange(key, 0, -1)
            floor, ordered, _mark = (header.split() + ["0", "0"])[:3]
            kept = sorted((int(one) for one in listed), reverse=True)
            assert kept == sorted(pushed, reverse=True)[:len(kept)]
            assert len(kept) <= 26 and (len(kept) >= 20 or len(kept) == len(pushed))
            assert -int(floor) <= kept[-1] and (len(kept) == len(pushed) or -int(floor) == sorted(pushed)[-len(kept) - 1])
            in_order = [int(one) for one in listed[len(listed) - int(ordered):]]
            assert in_order == sorted(in_order, reverse=True)
            late = [kept[len(kept) // 2] + 1 + number for number in range(foreign)]
            for one in late:
                store.lpushx(key, one)
            pushed += late


@pytest.mark.ways("read")
def test_a_timeline_that_nobody_read_for_long_is_dropped_and_built_again(start_feedd, redis):
    with start_feedd("--redis-url", redis.url, "--timeline-idle-ttl-s", "1").connect() as client:
        client.follow("reader", "author")
        shares = client.share_many("author", 5)
        assert client.timeline_ids("reader") == shares[::-1]
        wait_until(lambda: not redis.client().exists("timeline:{0}:reader"), what="the end of the timeline's time")
        shares += client.share_many("author", 5)
        assert not redis.client().exists("timeline:{0}:reader"), "a push must not make a timeline"
        assert client.timeline_ids("reader") == shares[::-1]


# -------------------------------------------------------------------------------------------------------- consistency

def test_requests_that_depend_on_each_other_may_be_sent_without_waiting(client, name):
    for round_number in range(60):
        reader, subject = name(f"reader{round_number % 20}"), name(f"subject{round_number}")
        follow, share, read, unfollow, read_after = client.send_all([
            pb.FollowRequest(reader=reader, subject=subject),
            pb.ShareRequest(author=subject, url="http://example.org/"),
            pb.GetTimelineRequest(reader=reader),
            pb.UnfollowRequest(reader=reader, subject=subject),
            pb.GetTimelineRequest(reader=reader)])
        assert not client.reply_to(follow).repeated
        share_id = client.reply_to(share).id
        assert ids(client.reply_to(read)) == [share_id]
        assert not client.reply_to(unfollow).repeated
        assert ids(client.reply_to(read_after)) == []


def test_a_pipeline_of_shares_is_seen_whole_by_the_read_behind_it(client, name):
    client.follow_many([(name(f"reader{number}"), name("author")) for number in range(30)])
    expected = []
    for round_number in range(10):
        shares = client.send_all([pb.ShareRequest(author=name("author"), url="http://example.org/")] * 20)
        reads = client.send_all([pb.GetTimelineRequest(reader=name(f"reader{number}"), limit=200)
                                 for number in range(round_number + 1)])
        expected += [client.reply_to(share).id for share in shares]
        for read in reads:
            assert ids(client.reply_to(read)) == expected[::-1][:200]


def test_a_share_deleted_in_the_pipeline_is_not_seen_by_the_read_behind_it(client, name):
    client.follow(name("reader"), name("author"))
    for _ in range(30):
        share_id = client.share(name("author")).id
        deletion, read = client.send_all([pb.DeleteShareRequest(author=name("author"), id=share_id),
                                          pb.GetTimelineRequest(reader=name("reader"))])
        client.reply_to(deletion)
        assert ids(client.reply_to(read)) == []


def test_a_second_connection_sees_what_the_first_was_told(client, connect, name):
    other = connect()
    client.follow(name("reader"), name("author"))
    assert other.timeline_ids(name("reader")) == []
    expected = []
    for _ in range(30):
        expected.insert(0, client.share(name("author")).id)
        wait_until(lambda: other.timeline_ids(name("reader")) == expected, what="the share on another connection")


def test_reads_of_one_timeline_in_flight_together_all_get_all_of_it(client, name):
    shares = client.share_many(name("author"), 100)
    client.follow(name("reader"), name("author"))
    pages = client.call_all([pb.GetTimelineRequest(reader=name("reader"), limit=200)] * 50)
    assert not [page for page in pages if isinstance(page, FeedError)]
    for page in pages:
        assert page.end == pb.REBUILDING or ids(page) == shares[::-1]
    assert client.timeline_ids(name("reader")) == shares[::-1]
