"""Inboxes: who followed a subject, commented on its shares, replied to its comments; read, live and resumed."""
import pytest

import feed_pb2 as pb
from harness import jobs_done, wait_until

BIG = "🙂" * 1990  # 7,960 bytes: 150 of them leave a ring of a megabyte
SMALL_RING = ("--cache-ring-bytes", "1048576")


def deed_of(notice):
    return pb.NoticeKind.Name(notice.kind).removeprefix("NOTICE_").lower(), notice.actor, notice.share_id, notice.cause_id


def inbox(client, subject, limit=0):
    """All pages of notices, and how the last one ended."""
    notices, request = [], pb.GetInboxRequest(subject=subject, limit=limit)
    while True:
        page = client.call(request)
        notices.extend(page.notices)
        request.before = page.next_cursor
        if page.end != pb.MORE:
            return notices, page.end


def deeds(client, subject, limit=0):
    return [deed_of(notice) for notice in inbox(client, subject, limit)[0]]


def told(stream):
    return [deed_of(event.notice) for event in stream.of_kind("noticed")]


def wait_deeds(stream, expected):
    stream.client.wait(lambda: len(told(stream)) >= len(expected), f"{len(expected)} notices")
    assert told(stream) == expected


class Scene:
    """Sam shares; Bob comments on that, Cleo replies to Bob and follows Sam. Deeds are listed as they happened."""

    def __init__(self, client, name):
        self.client = client
        self.sam, self.bob, self.cleo = name("sam"), name("bob"), name("cleo")
        self.share = client.share(self.sam).id

    def act(self):
        client = self.client
        self.comment = client.comment(self.bob, self.share)
        self.reply = client.comment(self.cleo, self.share, parent_id=self.comment)
        client.follow(self.cleo, self.sam)
        client.comment(self.sam, self.share)      # its own deeds are no notices
        client.comment(self.bob, self.share, parent_id=self.comment)
        self.of_sam = [("commented", self.bob, self.share, self.comment), ("commented", self.cleo, self.share, self.reply),
                       ("followed", self.cleo, 0, 0)]
        self.of_bob = [("replied", self.cleo, self.share, self.reply)]


def without_selfies(happened, scene):
    """Bob's reply to himself is also one more comment under Sam's share."""
    return [deed for deed in happened if not (deed[1] == scene.bob and deed[3] != scene.comment)]


# --------------------------------------------------------------------------------------------------------------- reads

@pytest.mark.ways("read")
def test_an_inbox_tells_who_followed_commented_and_replied_newest_first_and_nothing_of_oneself(client, name):
    scene = Scene(client, name)
    scene.act()
    assert without_selfies(deeds(client, scene.sam), scene) == scene.of_sam[::-1]
    wait_until(lambda: deeds(client, scene.bob) == scene.of_bob, what="the notice of a reply")
    assert deeds(client, scene.cleo) == []
    assert [notice.created_at_ms > 0 for notice in inbox(client, scene.sam)[0]]


@pytest.mark.ways("read", "live", "resumed")
def test_who_re_shared_is_told_read_live_and_resumed_and_gone_with_the_re_share_or_the_share(client, connect, name):
    sam, bob, cleo = name("sam"), name("bob"), name("cleo")
    share, other = client.share(sam).id, client.share(sam).id
    stream = connect().follow_stream(inbox=sam)
    causes = {}
    for actor, of in ((bob, share), (cleo, share), (bob, other)):
        causes[actor, of] = client.call(pb.ReshareRequest(author=actor, share_id=of)).id
        stream.client.wait(lambda: len(told(stream)) == len(causes), "the notice")
    expected = [("reshared", actor, of, cause) for (actor, of), cause in causes.items()]
    assert told(stream) == deeds(client, sam)[::-1] == expected
    wait_deeds(connect().follow_stream(inbox=sam, token=stream.token), expected)
    client.delete(cleo, causes[cleo, share])
    assert deeds(client, sam)[::-1] == [expected[0], expected[2]]
    client.delete(sam, share)
    assert deeds(client, sam) == [expected[2]]
    wait_deeds(connect().follow_stream(inbox=sam, token=stream.token), [expected[2]])


def test_what_was_undone_is_gone(client, name):
    scene = Scene(client, name)
    scene.act()
    wait_until(lambda: deeds(client, scene.bob) == scene.of_bob, what="the notice of a reply")
    client.unfollow(scene.cleo, scene.sam)
    client.delete_comment(scene.cleo, scene.share, scene.reply)
    assert without_selfies(deeds(client, scene.sam), scene) == [scene.of_sam[0]]
    assert deeds(client, scene.bob) == []
    client.delete(scene.sam, scene.share)
    assert deeds(client, scene.sam) == []


def test_pages_lead_through_everything_once_and_the_last_one_says_so(client, name):
    sam = name("sam")
    share = client.share(sam).id
    expected = []
    for number in range(12):
        reader = name(f"reader{number}")
        if number % 3:
            client.follow(reader, sam)
            expected.append(("followed", reader, 0, 0))
        else:
            expected.append(("commented", reader, share, client.comment(reader, share)))
    for limit in (1, 5, 12, 100):
        notices, end = inbox(client, sam, limit)
        assert end == pb.END
        assert deeds(client, sam, limit) == expected[::-1]
        assert [notice.id for notice in notices] == sorted((notice.id for notice in notices), reverse=True)
    assert inbox(client, name("nobody")) == ([], pb.END)


def test_older_notices_than_are_held_are_said_to_be_gone(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--inbox-cap", "10")
    with daemon.connect() as client:
        share = client.share("sam").id
        comment = client.comment("bob", share)
        replies = [client.comment("cleo", share, parent_id=comment) for _ in range(15)]
        wait_until(lambda: jobs_done(redis.client()), what="the end of all jobs")
        notices, end = inbox(client, "bob")
        assert end == pb.CAPPED
        assert sorted(notice.cause_id for notice in notices) == replies[-9:]


@pytest.mark.parametrize("bad, field", [({"subject": ""}, "subject"), ({"subject": "sam", "before": "x"}, "before")])
def test_a_bad_request_is_refused_by_its_field(client, bad, field):
    error = client.refusal(pb.GetInboxRequest(**bad))
    assert (error.code, error.field) == ("INVALID", field)


# -------------------------------------------------------------------------------------------------- who is not to be seen

@pytest.mark.ways("read", "live", "resumed")
def test_who_is_muted_or_blocked_is_no_notice_and_not_counted(client, connect, name):
    sam, bob, cleo, dora = name("sam"), name("bob"), name("cleo"), name("dora")
    share = client.share(sam).id
    first = client.comment(sam, share)
    stream = connect().follow_stream(inbox=sam)
    for request in (pb.MuteRequest(reader=sam, subject=bob), pb.BlockRequest(reader=sam, subject=cleo)):
        client.call(request)
    client.follow(bob, sam)
    client.comment(bob, share)
    client.comment(bob, share, parent_id=first)
    client.follow(dora, sam)
    expected = [("followed", dora, 0, 0)]
    wait_deeds(stream, expected)
    assert deeds(client, sam) == expected
    assert client.call(pb.GetUnreadRequest(reader=sam)).inbox_unread == 1
    wait_deeds(connect().follow_stream(inbox=sam, token=stream.token), expected)
    client.call(pb.UnmuteRequest(reader=sam, subject=bob))
    assert [deed[:2] for deed in deeds(client, sam)] == [("followed", dora), ("commented", bob), ("commented", bob),
                                                         ("followed", bob)]
    again = connect().follow_stream(inbox=sam, token=stream.token)
    again.client.wait(lambda: len(told(again)) == 4, "what was hidden")


# -------------------------------------------------------------------------------------------------------- what is unread

def test_an_inbox_has_a_marker_and_an_unread_count_of_its_own(client, connect, name):
    sam = name("sam")
    readers = [name(f"reader{number}") for number in range(4)]
    streams = [connect().follow_stream(inbox=sam) for _ in range(2)]
    home = connect().follow_stream(home=sam)
    client.follow_many([(reader, sam) for reader in readers])
    ids = [notice.id for notice in inbox(client, sam)[0]][::-1]

    def unread():
        reply = client.call(pb.GetUnreadRequest(reader=sam))
        return reply.inbox_marker, reply.inbox_unread, reply.inbox_more

    assert unread() == (0, 4, False)
    reply = client.call(pb.MarkInboxReadRequest(subject=sam, id=ids[1]))
    assert (reply.repeated, reply.marker) == (False, ids[1])
    assert unread() == (ids[1], 2, False)
    assert client.call(pb.MarkInboxReadRequest(subject=sam, id=ids[0])).repeated
    for stream in streams:
        stream.client.wait(lambda: stream.markers, "the marker")
        assert stream.markers == [(ids[1], 2, False)]
    assert home.markers == []
    assert client.call(pb.GetInboxRequest(subject=sam)).marker == ids[1]
    assert client.refusal(pb.MarkInboxReadRequest(subject=sam, id=(1 << 53) - 64)).field == "id"


# ------------------------------------------------------------------------------------------------------ live and resumed

@pytest.mark.ways("live")
def test_a_stream_of_an_inbox_tells_what_happens_as_it_happens(client, connect, name):
    scene = Scene(client, name)
    of_sam, of_bob = (connect().follow_stream(inbox=subject) for subject in (scene.sam, scene.bob))
    around = connect().follow_stream(dialogue_around=scene.sam)
    scene.act()
    wait_deeds(of_bob, scene.of_bob)
    of_sam.client.wait(lambda: len(told(of_sam)) >= 4, "what concerns sam")
    assert without_selfies(told(of_sam), scene) == scene.of_sam
    around.client.wait(lambda: len(around.comments) == 4, "the comments")
    assert told(around) == [] and of_sam.comments == []


@pytest.mark.ways("resumed")
@pytest.mark.parametrize("flags, between", [((), 0), (SMALL_RING, 200), ((*SMALL_RING, "--store-partitions", "4"), 400)],
                         ids=["out-of-the-ring", "out-of-the-store", "out-of-a-store-of-four-partitions"])
def test_a_stream_of_an_inbox_resumes_without_a_gap_or_a_repetition(start_feedd, flags, between):
    daemon = start_feedd(*flags)
    with daemon.connect() as client:
        scene = Scene(client, str)
        tokens = [client.follow_stream(inbox=subject).token for subject in (scene.sam, scene.bob)]
        scene.act()
        client.follow("dora", "sam")
        client.call(pb.MarkInboxReadRequest(subject="sam", id=inbox(client, "sam")[0][0].id))
        wait_until(lambda: deeds(client, "bob") == scene.of_bob, what="the notice of a reply")
        for author in ("uma", "vic", "wes", "xav"):
            client.share_patiently(author, between // 2, comment=BIG)
    with daemon.connect() as client:
        of_bob = client.follow_stream(inbox="bob", token=tokens[1])
        wait_deeds(of_bob, scene.of_bob)
        of_sam = client.follow_stream(inbox="sam", token=tokens[0])
        of_sam.client.wait(lambda: len(told(of_sam)) >= 5 and of_sam.markers, "what was missed")
        assert without_selfies(told(of_sam), scene) == scene.of_sam + [("followed", "dora", 0, 0)]
        assert of_sam.markers[-1][1:] == (0, False)
        again = client.follow_stream(inbox="sam", token=of_sam.token)
        client.call_patiently(pb.FollowRequest(reader="ezra", subject="sam"))
        wait_deeds(again, [("followed", "ezra", 0, 0)])
        assert not of_sam.gaps and not again.gaps and not of_bob.gaps


def test_a_reply_is_noticed_once_whenever_the_daemon_is_killed(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--store-partitions", "4")
    with daemon.connect() as client:
        share = client.share("sam").id
        comment = client.comment("bob", share)
        token = client.follow_stream(inbox="bob").token
    replies = []
    for _ in range(3):
        with daemon.connect() as client:
            sent = client.send_all([pb.CommentRequest(commenter="cleo", share_id=share, text="Yes.", parent_id=comment)] * 20)
            replies += [client.reply_to(one).id for one in sent[:10]]
            daemon.kill()
        daemon = daemon.restart()
    with daemon.connect() as client:
        wait_until(lambda: jobs_done(redis.client()), what="the end of all jobs")
        causes = [notice.cause_id for notice in inbox(client, "bob")[0]]
        assert len(causes) == len(set(causes)) and set(replies) <= set(causes)
        assert sorted(causes) == [one.id for one in client.dialogue(share) if one.parent_id == comment]
        stream = client.follow_stream(inbox="bob", token=token)
        client.wait(lambda: len(told(stream)) == len(causes), "every notice")
