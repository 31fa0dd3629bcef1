"""Deleting a subject with all that it left behind: at once from reads and streams, resumably from the store."""
import contextlib
import itertools

import pytest

import feed_pb2 as pb
from feed_client import Disconnected
from harness import jobs_done
from redis_proxy import RedisProxy
from test_block import block, hidden, mute
from test_subjects import describe, described, find
from wait import wait_until

SMALL_RING = ("--cache-ring-bytes", "1048576")
BIG = "🙂" * 1990  # 200 of them leave a ring of a megabyte
PREFIXES = ("profile", "followers", "following", "timeline", "muted", "blocked", "subject", "commented", "inbox", "markers",
            "around", "reshared", "kept")


def erase(client, subject):
    return client.call(pb.DeleteSubjectRequest(subject=subject))


def progress(client, subject):
    return client.call(pb.GetSubjectDeletionRequest(subject=subject)).deletion


def wait_done(client, subject):
    return wait_until(lambda: (state := progress(client, subject)).done and state, what="the end of the deletion")


def keys_of(store, subject):
    """What is left under keys of the subject, less what is remembered for a while."""
    return [key for prefix in PREFIXES for key in store.keys(f"{prefix}:*:{subject}")]


def live_with(client, subject, friends):
    """A life: shares, follows both ways, a block, a mute, a description, a timeline. Returns the shares."""
    describe(client, subject, display_name=f"The {subject}", kind=pb.PERSON)
    client.follow_many([(subject, friend) for friend in friends] + [(friend, subject) for friend in friends])
    mute(client, subject, friends[0]), block(client, subject, f"{subject}.enemy")
    shares = client.share_many(subject, 3)
    client.timeline(subject)
    return shares


@pytest.mark.ways("read", "live", "resumed")
def test_a_deleted_subjects_shares_are_gone_at_once_and_streams_are_told_once(connect, client, name):
    alice, bob = name("alice"), name("bob")
    client.follow(bob, alice)
    before = connect().follow_stream(home=bob)
    shares = live_with(client, alice, [name("carl")])
    home, profile = connect().follow_stream(home=bob), connect().follow_stream(profile=alice)
    token = home.token
    before.wait_for_share(shares[-1])
    assert client.timeline_ids(bob) == shares[::-1]
    reply = erase(client, alice)
    assert not reply.repeated and reply.deletion.total == 3 + 3 + 2
    assert client.timeline_ids(bob) == client.profile_ids(alice) == []
    assert client.refusal(pb.GetShareRequest(id=shares[0])).code == "NOT_FOUND"
    for stream in (home, profile, before, connect().subscribe(home=bob, token=token)):
        stream.client.wait(lambda: stream.of_kind("subject_deleted"), "the deletion")  # pylint: disable=cell-var-from-loop
        told = stream.of_kind("subject_deleted")
        assert [(event.subject, event.id) for event in told] == [(alice, reply.deletion.position)]
    wait_done(client, alice)
    resumed = connect().follow_stream(home=bob, token=before.token or token)
    assert [share for share in resumed.ids if share in shares] == []
    assert home.deleted == [], "one event tells of all"


def test_nothing_of_a_deleted_subject_is_left(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--store-partitions", "4")
    store = redis.client()
    with daemon.connect() as client:
        live_with(client, "alice", ["bob", "carl"])
        bobs = client.share("bob").id
        first = client.comment("alice", bobs)
        client.comment("carl", bobs, parent_id=first)
        client.comment("alice", client.share("alice").id)
        client.call(pb.ReshareRequest(author="alice", share_id=bobs))
        client.call(pb.ReshareRequest(author="carl", share_id=client.share("alice").id))
        client.mark_read("alice", bobs)
        wait_until(lambda: store.keys("inbox:*:alice") and store.keys("inbox:*:bob"), what="notices")
        assert keys_of(store, "alice") != []
        erase(client, "alice")
        state = wait_done(client, "alice")
        assert (state.left, state.total) == (0, 6 + 4 + 2 + 2)
        wait_until(lambda: jobs_done(store))
        assert keys_of(store, "alice") == []
        assert described(client, "alice") == [pb.Subject(id="alice")]
        assert find(client, "alice") == []
        for friend in ("bob", "carl"):
            assert client.following(friend) == client.followers(friend) == []
        assert client.timeline_ids("bob") == [bobs]
        assert store.keys("share:*") == store.keys(f"share:*:{bobs}")
        assert [comment.commenter for comment in client.dialogue(bobs)] == ["", "carl"]
        inbox = client.call(pb.GetInboxRequest(subject="bob")).notices
        assert [notice.actor for notice in inbox] == ["carl"]
    daemon.stop()


def test_deleting_again_says_so_and_what_was_never_deleted_is_not_found(client, name):
    assert client.refusal(pb.GetSubjectDeletionRequest(subject=name("alice"))).code == "NOT_FOUND"
    client.share(name("alice"))
    first = erase(client, name("alice"))
    wait_done(client, name("alice"))
    again = erase(client, name("alice"))
    assert again.repeated and again.deletion.done
    assert again.deletion.position == first.deletion.position
    client.share(name("alice"))
    third = erase(client, name("alice"))
    assert not third.repeated and third.deletion.position > first.deletion.position
    assert client.profile_ids(name("alice")) == []
    assert erase(client, name("nobody")).deletion.total == 0
    assert wait_done(client, name("nobody")).total == 0


@pytest.mark.ways("read", "live", "resumed")
def test_a_deleted_subjects_comments_go_from_under_everybodys_shares(connect, client, name):
    alice, bob, carl = name("alice"), name("bob"), name("carl")
    share, dropped = client.share(bob).id, client.share(bob).id
    stream = connect().follow_stream(dialogue=share)
    token = stream.token
    first = client.comment(alice, share)
    reply = client.comment(carl, share, parent_id=first)
    second = client.comment(alice, share)
    client.comment(alice, dropped)
    client.delete(bob, dropped)
    client.delete_comment(bob, share, client.comment(alice, share))
    erase(client, alice)
    again = client.comment(alice, share)
    wait_done(client, alice)
    assert [(one.id, one.deleted) for one in client.dialogue(share)] == [(first, True), (reply, False), (again, False)]
    assert client.get(share).comment_count == 2
    stream.client.wait(lambda: {first, second} <= set(stream.comments_deleted), "the deletions")
    resumed = connect().follow_stream(dialogue=share, token=token)
    resumed.client.wait(lambda: len(resumed.comments) == 2, "what is left")
    assert resumed.comments == [reply, again]


@pytest.mark.parametrize("kind", [pb.DeleteSubjectRequest, pb.GetSubjectDeletionRequest])
@pytest.mark.parametrize("bad", ["", "x" * 129, "a\nb"], ids=["missing", "too-long", "newline"])
def test_a_bad_name_is_refused(client, kind, bad):
    error = client.refusal(kind(subject=bad))
    assert (error.code, error.field) == ("INVALID", "subject")


@pytest.mark.ways("read", "live", "resumed")
def test_what_comes_after_the_deletion_belongs_to_whoever_uses_the_id_then(connect, client, name):
    alice, bob = name("alice"), name("bob")
    live_with(client, alice, [name(f"f{number}") for number in range(50)])
    client.share(alice, idempotency_key="1")
    stream = connect().follow_stream(home=bob)
    token = stream.token
    requests = [pb.DeleteSubjectRequest(subject=alice), pb.ShareRequest(author=alice, url="http://e.org/", idempotency_key="1"),
                pb.FollowRequest(reader=bob, subject=alice), pb.FollowRequest(reader=alice, subject=bob),
                pb.SetSubjectRequest(subject=pb.Subject(id=alice, display_name="Another Alice"))]
    replies = client.call_all(requests)
    assert not any(reply.repeated for reply in replies)
    wait_done(client, alice)
    share = client.share(alice).id
    stream.wait_for_share(share)
    assert client.profile_ids(alice) == [share, replies[1].id]
    assert client.timeline_ids(bob) == [share, replies[1].id]
    assert share in connect().resume(token, 1, home=bob).ids
    assert client.following(alice) == [bob] and client.followers(alice) == [bob]
    assert client.get(share).author_name == "Another Alice"
    assert described(client, alice)[0].display_name == "Another Alice"
    assert client.profile(alice).end == pb.END


@pytest.mark.ways("read")
def test_whom_others_block_or_mute_stays_so(client, name):
    alice, bob = name("alice"), name("bob")
    client.follow(bob, alice)
    mute(client, bob, alice), block(client, name("carl"), alice)
    erase(client, alice)
    wait_done(client, alice)
    client.follow(bob, alice)
    client.share(alice)
    assert client.timeline_ids(bob) == []
    assert hidden(client, bob, muted=True) == hidden(client, name("carl")) == [alice]
    assert client.refusal(pb.FollowRequest(reader=alice, subject=name("carl"))).code == "FORBIDDEN"


def test_a_big_subject_goes_slice_by_slice_while_everything_else_goes_on(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--store-partitions", "2")
    readers = [f"r{number}" for number in range(3000)]
    with daemon.connect() as client:
        for some in range(0, 3000, 1000):
            client.follow_many([(reader, "star") for reader in readers[some:some + 1000]])
        shares = client.share_many("star", 300)
        client.timeline(readers[0])
        reply = erase(client, "star")
        assert reply.deletion.total == 3300
        seen = []
        while not (state := progress(client, "star")).done:
            seen.append(state.left)
            assert client.timeline_ids(readers[0]) == []
            client.share("other")
        assert seen == sorted(seen, reverse=True) and len(set(seen)) > 3, "it tells how far it has come"
        assert client.followers("star") == []
        assert client.following(readers[-1]) == []
        assert client.refusal(pb.GetShareRequest(id=shares[0])).code == "NOT_FOUND"


@pytest.mark.ways("resumed")
def test_who_comes_back_later_hears_of_it_out_of_the_store_on_any_daemon(start_feedd, redis):
    flags = ("--redis-url", redis.url, "--store-partitions", "4", *SMALL_RING)
    daemons = [start_feedd(*flags, state=f"state{number}") for number in range(2)]
    with daemons[0].connect() as client:
        client.follow_many([("bob", "alice"), ("bob", "carl")])
        token = client.follow_stream(home="bob").token
        client.share_many("alice", 5)
        position = erase(client, "alice").deletion.position
        wait_done(client, "alice")
        shares = client.share_patiently("carl", 300, comment=BIG)
    for daemon in daemons:
        with daemon.connect() as client:
            resumed = client.resume(token, 300, home="bob")
            assert resumed.ids == shares
            assert [(event.subject, event.id) for event in resumed.of_kind("subject_deleted")] == [("alice", position)]


@pytest.mark.parametrize("jobs", [True, False], ids=["with-jobs", "before-any-job"])
def test_a_daemon_killed_anywhere_in_a_deletion_shows_nothing_and_ends_it_later(start_feedd, redis, workdir, jobs):
    store = redis.client()
    with RedisProxy(workdir / "proxy.sock", redis.socket_path) as proxy:
        daemon = start_feedd("--redis-url", proxy.url, "--store-partitions", "2")
        for commands in itertools.count(0 if jobs else 2, 5):  # a sample: each point is one restart
            alice, friends = f"alice{commands}", [f"bob{commands}", f"carl{commands}"]
            daemon.stop()
            proxy.withhold(*([] if jobs else [b"XREADGROUP"]))
            daemon = daemon.restart()
            with daemon.connect() as client:
                live_with(client, alice, friends)
                post = client.share(f"dora{commands}").id
                client.comment(alice, post, parent_id=client.comment(alice, post))
                wait_until(lambda: not jobs or jobs_done(store), what="the end of earlier jobs")
                proxy.kill_after(commands, daemon)
                first = None
                with contextlib.suppress(Disconnected):
                    first = erase(client, alice)
                    wait_until(lambda: not jobs or proxy.stopped or jobs_done(store))
            killed = proxy.release_all()
            if killed:
                daemon.kill()
                daemon = daemon.restart()
            with daemon.connect() as client:
                if first:
                    assert client.timeline_ids(friends[1]) == client.profile_ids(alice) == []
                assert erase(client, alice).repeated == (first is not None) or first is None
                wait_done(client, alice)
                wait_until(lambda: jobs_done(store), what="the end of all jobs")
                assert keys_of(store, alice) == []
                assert client.following(friends[0]) == client.followers(friends[0]) == []
                assert client.timeline_ids(friends[1]) == []
                assert not [comment.id for comment in client.dialogue(post) if not comment.deleted]
            if not killed:
                break
        assert commands >= 1, "the daemon was never killed in the middle"
