"""Dialogue: what people say under shares, as it is read, as it streams, and as it is caught up with."""
import pytest

import feed_pb2 as pb
from feed_client import share_when_possible
from harness import wait_until

BIG = "🙂" * 1990  # 7,960 bytes: 150 of them leave a ring of a megabyte
SMALL_RING = ("--cache-ring-bytes", "1048576")


def count(client, share_id):
    return client.get(share_id).comment_count


# -------------------------------------------------------------------------------------------------------------- reads

@pytest.mark.ways("read")
def test_comments_are_read_in_either_order_with_whom_they_answer(client, name):
    share = client.share(name("alice")).id
    first = client.comment(name("bob"), share, "First!")
    reply = client.comment(name("carol"), share, "No, third.", parent_id=first)
    last = client.comment(name("bob"), share, "Hm.")
    comments = client.dialogue(share, limit=2)
    assert [(one.id, one.commenter, one.text, one.parent_id) for one in comments] == [
        (first, name("bob"), "First!", 0), (reply, name("carol"), "No, third.", first), (last, name("bob"), "Hm.", 0)]
    assert all(one.share_id == share and one.created_at_ms and not one.deleted for one in comments)
    assert [one.id for one in client.dialogue(share, oldest_first=False, limit=2)] == [last, reply, first]
    page = client.call(pb.GetDialogueRequest(share_id=share, limit=1))
    assert page.comment_count == 3 and page.next_cursor


def test_every_share_says_how_many_comments_it_has(client, name):
    client.follow(name("rita"), name("alice"))
    share = client.share(name("alice")).id
    assert client.timeline(name("rita")).shares[0].comment_count == 0
    first = client.comment(name("bob"), share)
    client.comment(name("bob"), share)
    assert count(client, share) == 2
    assert client.timeline(name("rita")).shares[0].comment_count == 2
    assert client.profile(name("alice")).shares[0].comment_count == 2
    client.delete_comment(name("bob"), share, first)
    assert count(client, share) == 1
    assert client.timeline(name("rita")).shares[0].comment_count == 1


def test_a_page_ends_where_the_frame_would_grow_too_long(client, name):
    share = client.share(name("alice")).id
    made = [client.comment(name("bob"), share, BIG) for _ in range(70)]
    page = client.call(pb.GetDialogueRequest(share_id=share, limit=200, oldest_first=True))
    assert 50 < len(page.comments) < 70 and page.next_cursor
    assert [one.id for one in client.dialogue(share, limit=200)] == made


def test_a_daemon_that_did_not_take_the_comment_counts_it_too(start_feedd, redis):
    one = start_feedd("--redis-url", redis.url, state="one")
    other = start_feedd("--redis-url", redis.url, state="other")
    with one.connect() as client, other.connect() as elsewhere:
        share = client.share("alice").id
        wait_until(lambda: elsewhere.call(pb.GetProfileRequest(subject="alice")).shares, what="the share")
        comments = [client.comment("bob", share) for _ in range(3)]
        wait_until(lambda: count(elsewhere, share) == 3, what="three comments")
        client.delete_comment("bob", share, comments[0])
        wait_until(lambda: count(elsewhere, share) == 2, what="two comments")
    other.stop()
    other = other.restart()
    with other.connect() as elsewhere:
        assert count(elsewhere, share) == 2
        assert [comment.id for comment in elsewhere.dialogue(share)] == comments[1:]


# ------------------------------------------------------------------------------------------------------------ deletion

@pytest.mark.ways("read")
def test_a_deleted_comment_is_gone_and_keeps_its_place_if_it_was_answered(client, name):
    share = client.share(name("alice")).id
    top = client.comment(name("bob"), share, "Top")
    middle = client.comment(name("carol"), share, "Middle", parent_id=top)
    reply = client.comment(name("bob"), share, "Reply", parent_id=middle)
    alone = client.comment(name("carol"), share, "Alone")
    assert not client.delete_comment(name("carol"), share, middle).repeated
    assert client.delete_comment(name("carol"), share, middle).repeated
    client.delete_comment(name("carol"), share, alone)
    comments = client.dialogue(share)
    assert [(one.id, one.parent_id, one.deleted) for one in comments] == [(top, 0, False), (middle, top, True),
                                                                          (reply, middle, False)]
    assert not comments[1].text and not comments[1].commenter and not comments[1].created_at_ms
    assert count(client, share) == 2


def test_a_comment_is_deleted_by_who_made_it_or_by_whose_share_it_stands_under(client, name):
    share = client.share(name("alice")).id
    comments = [client.comment(name("bob"), share) for _ in range(2)]
    request = pb.DeleteCommentRequest(subject=name("carol"), share_id=share, id=comments[0])
    assert client.refusal(request).code == "FORBIDDEN"
    client.delete_comment(name("bob"), share, comments[0])
    client.delete_comment(name("alice"), share, comments[1])
    assert client.dialogue(share) == []


@pytest.mark.ways("read")
def test_the_dialogue_goes_with_its_share(client, name):
    share = client.share(name("alice")).id
    top = client.comment(name("bob"), share)
    client.comment(name("carol"), share, parent_id=top)
    client.delete(name("alice"), share)
    for request in (pb.GetDialogueRequest(share_id=share), pb.CommentRequest(commenter="x", share_id=share, text="y"),
                    pb.DeleteCommentRequest(subject=name("bob"), share_id=share, id=top), pb.SubscribeRequest(dialogue=share)):
        assert client.refusal(request).code == "NOT_FOUND"


def test_nothing_of_a_large_dialogue_is_left_in_redis(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client, redis.client() as store:
        kept, gone = client.share("alice").id, client.share("alice").id
        client.comment("bob", kept)
        client.call_all([pb.CommentRequest(commenter="bob", share_id=gone, text="!") for _ in range(3000)])
        client.delete("alice", gone)
        assert not [key for key in store.keys() if str(gone) in key]
        assert [key for key in store.keys() if key.startswith("comments:") and str(kept) in key]


def test_a_share_that_falls_out_of_the_profile_takes_its_dialogue_along(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--timeline-cap", "2", "--profile-cap", "2")
    with daemon.connect() as client, redis.client() as store:
        old = client.share("alice").id
        client.comment("bob", old)
        client.share_many("alice", 2)
        assert not [key for key in store.keys() if str(old) in key]


# ------------------------------------------------------------------------------------------------------------ refusals

def test_what_cannot_be_said_is_refused_by_name(client, name):
    share = client.share(name("alice")).id
    elsewhere = client.comment(name("bob"), client.share(name("alice")).id)

    def refusal(**fields):
        error = client.refusal(pb.CommentRequest(**{"commenter": name("bob"), "share_id": share, "text": "x", **fields}))
        return error.code, error.field
    assert refusal(commenter="") == ("INVALID", "commenter")
    assert refusal(share_id=0) == ("INVALID", "share_id")
    assert refusal(text="") == ("INVALID", "text")
    assert refusal(text="x" * 2001) == ("INVALID", "text")
    assert refusal(idempotency_key="x" * 129) == ("INVALID", "idempotency_key")
    assert refusal(share_id=6400) == ("NOT_FOUND", "")
    assert refusal(share_id=share | 63) == ("NOT_FOUND", "")
    assert refusal(parent_id=elsewhere) == ("NOT_FOUND", "parent_id")
    assert client.refusal(pb.GetDialogueRequest()).field == "share_id"
    assert client.refusal(pb.GetDialogueRequest(share_id=share, cursor="x")).field == "cursor"
    assert client.refusal(pb.DeleteCommentRequest(subject="x", share_id=share, id=elsewhere)).code == "NOT_FOUND"
    assert client.refusal(pb.SubscribeRequest(dialogue=0)).field == "dialogue"
    assert client.dialogue(share) == []


def test_nobody_answers_a_deleted_comment(client, name):
    share = client.share(name("alice")).id
    top = client.comment(name("bob"), share)
    client.comment(name("bob"), share, parent_id=top)
    client.delete_comment(name("bob"), share, top)
    request = pb.CommentRequest(commenter=name("bob"), share_id=share, text="x", parent_id=top)
    assert client.refusal(request).field == "parent_id"


def test_a_share_has_so_many_comments_at_most(start_feedd):
    with start_feedd("--limits-max-comments", "3").connect() as client:
        share = client.share("alice").id
        comments = [client.comment("bob", share) for _ in range(3)]
        error = client.refusal(pb.CommentRequest(commenter="bob", share_id=share, text="x"))
        assert (error.code, error.field, error.limit) == ("LIMIT_EXCEEDED", "max_comments", 3)
        client.delete_comment("bob", share, comments[0])
        client.comment("bob", share)


def test_the_same_key_is_the_same_comment(client, name):
    share, other = client.share(name("alice")).id, client.share(name("alice")).id
    request = pb.CommentRequest(commenter=name("bob"), share_id=share, text="x", idempotency_key="k")
    first, again = client.call(request), client.call(request)
    assert (again.id, again.repeated, first.repeated) == (first.id, True, False)
    request.commenter = name("carol")
    assert client.call(request).id != first.id
    request.share_id = other
    assert not client.call(request).repeated
    assert count(client, share) == 2 and count(client, other) == 1


def test_a_comment_whose_answer_was_lost_is_found_by_its_key(start_feedd, redis):
    """Redis ends the connection after it has carried the commit out."""
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client, redis.client() as store:
        share = client.share("alice").id
        store.client_pause(300)
        pending = client.send(pb.CommentRequest(commenter="bob", share_id=share, text="x", idempotency_key="k"))
        client.read_for(0.1)
        store.client_kill_filter(_type="normal", skipme=True)
        reply = client.reply_to(pending)
        assert [one.id for one in client.dialogue(share)] == [reply.id]


# ------------------------------------------------------------------------------------------------------------- streams

@pytest.mark.ways("live")
def test_both_streams_tell_of_comments_and_deletions_as_they_happen(client, connect, name):
    share, other = client.share(name("alice")).id, client.share(name("alice")).id
    strange = client.share(name("mallory")).id
    watcher = connect()
    one = watcher.follow_stream(dialogue=share)
    around = watcher.follow_stream(dialogue_around=name("alice"))
    profile = watcher.follow_stream(profile=name("alice"))
    client.comment(name("bob"), strange)
    first = client.comment(name("bob"), share, "Hear, hear")
    second = client.comment(name("bob"), other)
    client.delete_comment(name("bob"), share, first)
    third = client.comment(name("bob"), share)
    client.delete(name("alice"), share)
    end = client.comment(name("bob"), other)
    watcher.wait(lambda: around.comments and around.comments[-1] == end, "the last comment")
    assert around.comments == [first, second, third, end]
    assert around.comments_deleted == [first] and around.deleted == [share]
    assert one.comments == [first, third] and one.comments_deleted == [first] and one.deleted == [share]
    event = one.of_kind("commented")[0]
    assert (event.author, event.comment.text, event.comment.share_id) == (name("alice"), "Hear, hear", share)
    watcher.wait(lambda: profile.deleted, "the deletion of the share")
    assert not profile.comments


def test_what_was_shared_and_said_at_once_reaches_each_stream_in_order(client, connect, name):
    """Events of one author that come together travel together, to those whom they concern."""
    share = client.share(name("alice")).id
    watcher = connect()
    streams = [watcher.follow_stream(**stream) for stream in
               ({"dialogue": share}, {"dialogue_around": name("alice")}, {"profile": name("alice")}, {"home": name("alice")})]
    requests = []
    for number in range(60):
        requests.append(pb.ShareRequest(author=name("alice"), url="https://example.org/"))
        requests.append(pb.CommentRequest(commenter=name("bob"), share_id=share, text=str(number)))
    replies = client.call_all(requests)
    shares, comments = [one.id for one in replies[::2]], [one.id for one in replies[1::2]]
    watcher.wait(lambda: all(len(one.ids) + len(one.comments) == 60 for one in streams), "everything")
    assert streams[0].comments == streams[1].comments == sorted(comments)
    assert streams[2].ids == streams[3].ids == shares
    assert not (streams[0].ids or streams[1].ids or streams[2].comments or streams[3].comments)


@pytest.mark.ways("resumed")
@pytest.mark.parametrize("flags", [(), SMALL_RING, (*SMALL_RING, "--store-partitions", "4")],
                         ids=["out-of-the-ring", "out-of-the-store", "out-of-a-store-of-four-partitions"])
def test_who_comes_back_hears_of_what_was_said_meanwhile(start_feedd, flags):
    daemon = start_feedd(*flags)
    with daemon.connect() as client:
        share, other, gone = (client.share("alice").id for _ in range(3))
        old = client.comment("bob", share)
        tokens = {}
        for stream in ({"dialogue": share}, {"dialogue": gone}, {"dialogue_around": "alice"}):
            tokens[tuple(stream.items())] = client.follow_stream(**stream).token
        first = client.comment("bob", share)
        brief = client.comment("bob", share)
        elsewhere = client.comment("bob", other)
        client.comment("bob", gone)
        client.delete_comment("bob", share, old)
        client.delete_comment("bob", share, brief)
        client.delete("alice", gone)
        last = client.comment("bob", share, parent_id=first)
        if flags:
            client.share_patiently("zoe", 150, comment=BIG)
    with daemon.connect() as client:
        one, lost, around = (client.follow_stream(token=token, **dict(stream)) for stream, token in tokens.items())
        client.wait(lambda: last in one.comments and lost.deleted and last in around.comments, "what was said meanwhile")
        assert one.comments == [first, last] and not one.deleted
        assert old in one.comments_deleted
        assert not lost.comments and lost.deleted == [gone]
        assert around.comments == [first, elsewhere, last] and around.deleted == [gone]
        assert old in around.comments_deleted
        assert not (one.gaps or lost.gaps or around.gaps)
        assert one.of_kind("commented")[1].author == "alice"
        live = client.call_patiently(pb.CommentRequest(commenter="bob", share_id=share, text="late")).id
        client.wait(lambda: live in one.comments and live in around.comments, "a comment that is live")


def test_more_comments_than_are_remembered_around_a_subject_are_a_gap(start_feedd):
    daemon = start_feedd(*SMALL_RING)
    with daemon.connect() as client:
        share = client.share("alice").id
        token = client.follow_stream(dialogue_around="alice").token
        replies = client.call_all([pb.CommentRequest(commenter="bob", share_id=share, text="x" * 900) for _ in range(1200)])
        client.share_patiently("zoe", 150, comment=BIG)
    with daemon.connect() as client:
        around = client.follow_stream(dialogue_around="alice", token=token)
        gap, = around.gaps
        assert gap.reason == pb.GAP_CAPPED
        client.wait(lambda: replies[-1].id in around.comments, "the last comment")
        assert around.comments == [reply.id for reply in replies if reply.id > gap.ranges[0].until]
        assert len(around.comments) >= 999


def test_a_share_that_comes_late_says_how_many_comments_it_has_by_then(start_feedd):
    for flags in (), SMALL_RING:
        daemon = start_feedd(*flags, state=f"state{len(flags)}")
        with daemon.connect() as client:
            client.follow("rita", "alice")
            token = client.follow_stream(home="rita").token
            share = client.share("alice").id
            client.comment("bob", share)
            if flags:
                client.share_patiently("zoe", 150, comment=BIG)
            home = client.resume(token, 1, home="rita")
            assert [(one.id, one.comment_count) for one in home.shares] == [(share, 1)]


def test_a_reader_of_a_dialogue_who_stops_reading_misses_nothing(start_feedd):
    daemon = start_feedd("--limits-queue-soft-limit-bytes", "65536")
    with daemon.connect() as client, daemon.connect(receive_buffer_bytes=2304) as slow:
        share = client.share("alice").id
        stream = slow.follow_stream(dialogue=share)
        made = [reply.id for reply in client.call_all(
            [pb.CommentRequest(commenter="bob", share_id=share, text=BIG) for _ in range(100)])]
        slow.wait(lambda: len(stream.comments) == 100, "all comments")
        assert stream.comments == sorted(made)
        assert len(stream.of_kind("caught_up")) > 1


# ------------------------------------------------------------------------------------------------------------ failures

def test_a_daemon_killed_while_dialogues_go_leaves_each_whole_or_gone(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client:
        shares = [client.share("alice").id for _ in range(40)]
        client.call_all([pb.CommentRequest(commenter="bob", share_id=share, text="!") for share in shares for _ in range(50)])
        deletions = [client.send(pb.DeleteShareRequest(author="alice", id=share)) for share in shares]
        client.reply_to(deletions[5])
        daemon.kill()
    daemon = daemon.restart()
    with daemon.connect() as client, redis.client() as store:
        left = client.profile_ids("alice")
        keys = store.keys()
        for share in shares:
            assert bool([key for key in keys if key.endswith(f":{share}")]) == (share in left)
            if share in left:
                assert len(client.dialogue(share)) == count(client, share) == 50


def test_counts_stay_true_while_redis_comes_and_goes(start_feedd, start_redis):
    redis = start_redis("--appendfsync", "always")
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client:
        share = share_when_possible(client, "alice")
        client.comment("bob", share.id)
        redis.kill()
        daemon.wait_for_line("event=redis-lost|event=link-down|event=redis")
        redis = redis.restart()
        wait_until(lambda: _try_comment(client, share.id), what="a comment that is taken")
        assert count(client, share.id) == len(client.dialogue(share.id)) == 2


def _try_comment(client, share_id):
    reply = client.call_all([pb.CommentRequest(commenter="bob", share_id=share_id, text="x", idempotency_key="k")])[0]
    return isinstance(reply, pb.CommentReply)
