"""Mutes and blocks in dialogues: who does not see what is said, and who may not say it. docs/semantics.md names these tests."""
import pytest

import feed_pb2 as pb
from wait import wait_until

SMALL_RING = ("--cache-ring-bytes", "1048576")
BIG = "🙂" * 1990  # 200 of them leave a ring of a megabyte


def mute(client, reader, subject):
    return client.call(pb.MuteRequest(reader=reader, subject=subject))


def block(client, reader, subject):
    return client.call(pb.BlockRequest(reader=reader, subject=subject))


def dialogue(client, share, reader="", limit=0, oldest_first=True):
    """Ids of the comments of all pages, as the reader sees them."""
    ids, request = [], pb.GetDialogueRequest(share_id=share, reader=reader, limit=limit, oldest_first=oldest_first)
    while True:
        page = client.call(request)
        ids.extend(comment.id for comment in page.comments)
        request.cursor = page.next_cursor
        if not request.cursor:
            return ids
        assert page.comments


def wait_comments(stream, expected):
    stream.client.wait(lambda: len(stream.comments) >= len(expected), f"{len(expected)} comments")
    assert stream.comments == expected


class Scene:
    """Alice shares, and Rita follows her. Rita has muted Bob; Cleo blocks Rita. All comment, and Dora, whom Rita sees."""

    def __init__(self, client, name):
        self.client = client
        self.alice, self.rita, self.bob, self.cleo, self.dora = map(name, ("alice", "rita", "bob", "cleo", "dora"))
        client.follow(self.rita, self.alice)
        self.share = client.share(self.alice).id

    def hide(self):
        mute(self.client, self.rita, self.bob)
        block(self.client, self.cleo, self.rita)

    def talk(self):
        """All comments, and those that Rita is to see."""
        client, share = self.client, self.share
        first = client.comment(self.bob, share)
        said = [first, client.comment(self.cleo, share), client.comment(self.dora, share, parent_id=first),
                client.comment(self.rita, share), client.comment(self.bob, share)]
        return said, said[2:4]


@pytest.mark.ways("read", "live", "resumed")
def test_who_is_muted_or_blocked_is_not_heard_in_any_dialogue(client, connect, name):
    scene = Scene(client, name)
    scene.hide()
    places = ({"dialogue": scene.share}, {"dialogue_around": scene.alice})
    ritas = [connect().follow_stream(**place, reader=scene.rita) for place in places]
    anybodys = [connect().follow_stream(**place) for place in places]
    said, heard = scene.talk()
    for stream in anybodys:
        wait_comments(stream, said)
    client.call(pb.UnmuteRequest(reader=scene.rita, subject=scene.bob))
    last = client.comment(scene.bob, scene.share)
    mute(client, scene.rita, scene.bob)
    for stream in ritas:
        wait_comments(stream, [*heard, last])
    assert dialogue(client, scene.share) == [*said, last]
    for limit in (1, 2, 50):
        assert dialogue(client, scene.share, scene.rita, limit) == heard
        assert dialogue(client, scene.share, scene.rita, limit, oldest_first=False) == heard[::-1]
    assert client.call(pb.GetDialogueRequest(share_id=scene.share, reader=scene.rita)).comment_count == 6
    for place, stream in zip(places, ritas):
        wait_comments(connect().follow_stream(**place, reader=scene.rita, token=stream.token), heard)


@pytest.mark.ways("resumed")
def test_a_dialogue_out_of_the_store_leaves_out_who_is_not_heard(start_feedd):
    daemon = start_feedd(*SMALL_RING, "--store-partitions", "4")
    with daemon.connect() as client:
        scene = Scene(client, str)
        places = ({"dialogue": scene.share}, {"dialogue_around": scene.alice})
        tokens = [client.follow_stream(**place, reader=scene.rita).token for place in places]
        said, heard = scene.talk()
        scene.hide()
        for author in ("uma", "vic", "wes", "xav"):
            client.share_patiently(author, 200, comment=BIG)
    with daemon.connect() as client:
        for place, token in zip(places, tokens):
            wait_comments(client.follow_stream(**place, reader=scene.rita, token=token), heard)
            wait_comments(client.follow_stream(**place, token=token), said)


@pytest.mark.ways("read", "live", "resumed")
def test_who_is_blocked_by_the_author_or_blocks_it_may_not_comment_and_is_not_told_which(client, connect, name):
    scene = Scene(client, name)
    stream = connect().follow_stream(dialogue=scene.share)
    before = client.comment(scene.bob, scene.share, idempotency_key="one")
    block(client, scene.alice, scene.bob)
    block(client, scene.cleo, scene.alice)
    errors = [client.refusal(pb.CommentRequest(commenter=commenter, share_id=scene.share, text="!"))
              for commenter in (scene.bob, scene.cleo)]
    assert [(error.code, error.field) for error in errors] == [("FORBIDDEN", "commenter")] * 2
    assert errors[0].message == errors[1].message
    again = pb.CommentRequest(commenter=scene.bob, share_id=scene.share, text="Well said.", idempotency_key="one")
    assert client.call(again).repeated
    after = client.comment(scene.dora, scene.share)
    assert dialogue(client, scene.share) == [before, after]
    assert dialogue(client, scene.share, scene.alice) == [after]
    wait_comments(stream, [before, after])
    wait_comments(connect().follow_stream(dialogue=scene.share, token=stream.token), [before, after])
    client.call(pb.UnblockRequest(reader=scene.alice, subject=scene.bob))
    assert client.comment(scene.bob, scene.share)


@pytest.mark.ways("read", "live", "resumed")
def test_nobody_replies_to_whom_a_block_stands_between(client, connect, name):
    scene = Scene(client, name)
    stream = connect().follow_stream(dialogue=scene.share)
    parent = client.comment(scene.bob, scene.share)
    block(client, scene.bob, scene.cleo)
    block(client, scene.dora, scene.bob)
    errors = [client.refusal(pb.CommentRequest(commenter=commenter, share_id=scene.share, text="!", parent_id=parent))
              for commenter in (scene.cleo, scene.dora)]
    assert {(error.code, error.field, error.message) for error in errors} == {("FORBIDDEN", "commenter", errors[0].message)}
    said = [parent, client.comment(scene.cleo, scene.share), client.comment(scene.rita, scene.share, parent_id=parent),
            client.comment(scene.bob, scene.share, parent_id=parent)]
    assert dialogue(client, scene.share) == said
    assert dialogue(client, scene.share, scene.cleo) == said[1:3]
    wait_comments(stream, said)
    wait_comments(connect().follow_stream(dialogue=scene.share, reader=scene.cleo, token=stream.token), said[1:3])


def test_another_daemon_hides_what_is_said_as_soon_as_it_has_read_of_it(start_feedd, redis):
    with start_feedd("--redis-url", redis.url, state="one").connect() as one, \
         start_feedd("--redis-url", redis.url, state="two").connect() as two:
        scene = Scene(one, str)
        stream = two.follow_stream(dialogue=scene.share, reader=scene.rita)
        said, _ = scene.talk()
        wait_comments(stream, said)
        scene.hide()
        _, heard = scene.talk()
        wait_until(lambda: dialogue(two, scene.share, scene.rita)[-2:] == heard, what="what Rita hears")
        wait_comments(stream, [*said, *heard])


def test_whoever_looks_is_named_only_where_that_makes_a_difference(client, name):
    for bad in (pb.SubscribeRequest(home=name("rita"), reader=name("bob")),
                pb.SubscribeRequest(dialogue_around=name("rita"), reader="x" * 129),
                pb.GetDialogueRequest(share_id=1, reader="\n"),
                pb.GetPopularRequest(kind=pb.POPULAR_SHARES, reader="\n")):
        error = client.refusal(bad)
        assert (error.code, error.field) == ("INVALID", "reader")
