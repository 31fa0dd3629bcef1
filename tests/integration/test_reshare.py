"""Re-shares: one entry for an origin and all that is re-shared of it, on reads, on live streams and on those that resume.
docs/semantics.md names these tests."""
import pytest

import feed_pb2 as pb
from harness import jobs_done
from wait import wait_until

SMALL_RING = ("--cache-ring-bytes", "1048576")
BIG = "🙂" * 1990  # 200 of them leave a ring of a megabyte


def reshare(client, author, share_id, comment=""):
    return client.call(pb.ReshareRequest(author=author, share_id=share_id, comment=comment))


class Eyes:
    """The entries of one reader's home timeline, each as what it is of and who re-shared it, in the order of their names: as they are
    read now, as a stream that was opened at the beginning was told, and as one that resumes from there is told now."""

    def __init__(self, connect, client, reader):
        self.connect, self.client, self.reader = connect, client, reader
        self.marks = []
        self.stream = connect().follow_stream(home=reader)
        self.token = self.stream.token

    def settle(self, stream):
        """Two shares of the reader itself tell that nothing else is to come."""
        for _ in range(2):
            self.marks.append(self.client.share(self.reader).id)
            stream.wait_for_share(self.marks[-1])

    @property
    def read(self):
        return {(share.origin.id or share.id): sorted(share.reshared_by)
                for share in self.client.whole_timeline(self.reader)[0] if share.author != self.reader or share.origin.id}

    def told(self, stream):
        """What a client makes of the events: Shared is an entry, Reshared adds to one, Deleted takes away."""
        self.settle(stream)
        assert not stream.gaps
        roots, entries, authors = set(), set(), {}
        for kind, event in stream.events:
            if kind == "deleted":
                roots.discard(event.share_id)
                authors.pop(event.share_id, None)
                entries &= roots | {root for root, _ in authors.values()}
            if kind not in ("shared", "reshared") or event.share.id in self.marks:
                continue
            share, root = event.share, event.share.origin.id or event.share.id
            assert kind == "reshared" or root not in entries, "an entry comes once"
            if kind == "shared":
                entries.add(root)
            if share.origin.id:
                authors[share.id] = (root, share.author)
            else:
                roots.add(root)
        found = roots | {root for root, _ in authors.values()}
        assert found <= entries, "what comes is an entry"
        return {root: sorted(author for its, author in authors.values() if its == root) for root in found}

    @property
    def live(self):
        return self.told(self.stream)

    @property
    def resumed(self):
        return self.told(self.connect().follow_stream(home=self.reader, token=self.token))


@pytest.fixture
def eyes(connect, client):
    return lambda reader: Eyes(connect, client, reader)


@pytest.mark.ways("read", "live", "resumed")
def test_what_several_re_share_is_one_entry_with_their_names(client, name, eyes):
    reader, author, others = name("reader"), name("author"), [name(word) for word in ("bob", "carol", "dave")]
    client.follow_many([(reader, other) for other in others])
    origin = client.share(author, url="http://example.org/tea", title="Tea", comment="Good.").id
    readers = eyes(reader)
    ids = [reshare(client, other, origin, comment=f"{other} says").id for other in others]
    reshare(client, name("stranger"), origin)
    entry, = client.timeline(reader).shares
    first = others[ids.index(min(ids))]
    assert (entry.id, entry.author, entry.comment, entry.url) == (min(ids), first, f"{first} says", "http://example.org/tea")
    assert (entry.origin.id, entry.origin.author, entry.origin.title, entry.origin.comment) == (origin, author, "Tea", "Good.")
    assert (list(entry.reshared_by), entry.reshared_by_count) == ([other for _, other in sorted(zip(ids, others))], 3)
    assert readers.read == readers.live == readers.resumed == {origin: others}
    first, = [share for share in readers.stream.shares if share.origin.id]
    assert first.origin.title == "Tea"
    assert sorted((event.share.id, event.share.author, event.share.origin.id) for event in readers.stream.of_kind("reshared")) == (
        sorted((one, other, origin) for one, other in zip(ids, others) if one != first.id))


@pytest.mark.ways("read", "live", "resumed")
def test_who_sees_the_origin_has_it_where_it_is_with_the_names_of_who_re_shared_it(client, name, eyes):
    reader, author, bob = name("reader"), name("author"), name("bob")
    client.follow_many([(reader, author), (reader, bob)])
    readers = eyes(reader)
    origin, later = client.share(author, title="Tea").id, client.share(author).id
    its = reshare(client, bob, origin).id
    assert sorted(client.timeline_ids(reader)) == sorted([later, origin])
    assert readers.read == {later: [], origin: [bob]}
    assert readers.live == readers.resumed == {later: [], origin: [bob]}
    assert [event.share.id for event in readers.stream.of_kind("reshared")] == [its]


@pytest.mark.ways("read", "live", "resumed")
def test_a_re_share_goes_with_its_origin_and_comes_not_back(client, name, eyes):
    reader, author, bob, carol = (name(word) for word in ("reader", "author", "bob", "carol"))
    client.follow_many([(reader, bob), (reader, carol)])
    origin, other = client.share(author).id, client.share(author).id
    readers = eyes(reader)
    reshares = [reshare(client, one, origin, comment="Mine.").id for one in (bob, carol)]
    reshare(client, bob, other)
    assert readers.read == readers.live == {origin: [bob, carol], other: [bob]}
    client.delete(author, origin)
    assert readers.read == {other: [bob]}, "at once"
    assert client.call_all([pb.GetShareRequest(id=one) for one in reshares])[0].code == "NOT_FOUND"
    assert [share.origin.id for share in client.profile(bob).shares] == [other]
    for one in reshares:
        readers.stream.wait_for_deletion(one)
    assert readers.live == readers.resumed == {other: [bob]}
    assert client.refusal(pb.ReshareRequest(author=carol, share_id=origin)).code == "NOT_FOUND"


@pytest.mark.ways("read")
def test_re_shares_go_with_the_author_of_their_origin(client, name):
    reader, author, bob = name("reader"), name("author"), name("bob")
    client.follow(reader, bob)
    origin = client.share(author).id
    its = reshare(client, bob, origin).id
    assert client.timeline_ids(reader) == [its]
    client.call(pb.DeleteSubjectRequest(subject=author))
    assert client.timeline_ids(reader) == client.profile_ids(bob) == [], "at once"
    wait_until(lambda: client.call(pb.GetSubjectDeletionRequest(subject=author)).deletion.done, what="the end of the deletion")
    assert client.delete(bob, its).repeated
    assert client.refusal(pb.ReshareRequest(author=bob, share_id=origin)).code == "NOT_FOUND"


@pytest.mark.ways("read", "live", "resumed")
def test_a_block_that_comes_later_leaves_what_was_re_shared(client, name, eyes):
    reader, author, bob = name("reader"), name("author"), name("bob")
    client.follow(reader, bob)
    readers = eyes(reader)
    origin = client.share(author).id
    reshare(client, bob, origin)
    client.call(pb.BlockRequest(reader=author, subject=bob))
    assert readers.read == readers.live == readers.resumed == {origin: [bob]}


@pytest.mark.ways("read", "live", "resumed")
def test_when_the_first_re_share_is_deleted_the_entry_is_the_next_ones(client, name, eyes):
    reader, author, bob, carol = (name(word) for word in ("reader", "author", "bob", "carol"))
    client.follow_many([(reader, bob), (reader, carol)])
    origin = client.share(author).id
    readers = eyes(reader)
    first, second = reshare(client, bob, origin).id, reshare(client, carol, origin).id
    client.delete(bob, first)
    assert client.timeline_ids(reader) == [second]
    assert readers.read == readers.live == readers.resumed == {origin: [carol]}
    again = reshare(client, bob, origin)
    assert not again.repeated and again.id > first
    assert client.timeline_ids(reader)[-1] == min(second, again.id)
    assert readers.read == readers.live == readers.resumed == {origin: [bob, carol]}


@pytest.mark.ways("read", "live", "resumed")
def test_whoever_is_muted_is_not_named_and_what_they_shared_is_not_re_shared_to_the_reader(client, name, eyes):
    reader, author, bob, carol = (name(word) for word in ("reader", "author", "bob", "carol"))
    client.follow_many([(reader, one) for one in (author, bob, carol)])
    readers = eyes(reader)
    followed, strangers = client.share(author).id, client.share(name("stranger")).id
    for muted in (bob, name("stranger")):
        client.call(pb.MuteRequest(reader=reader, subject=muted))
    for origin in (followed, strangers):
        reshare(client, bob, origin)
        reshare(client, carol, origin)
    own = client.share(carol).id
    assert readers.read == readers.live == readers.resumed == {followed: [carol], own: []}
    client.call(pb.UnmuteRequest(reader=reader, subject=name("stranger")))
    assert readers.read == {followed: [carol], strangers: [carol], own: []}
    client.call(pb.BlockRequest(reader=name("stranger"), subject=reader))
    assert readers.read == {followed: [carol], own: []}


@pytest.mark.ways("read", "live", "resumed")
def test_who_blocks_or_is_blocked_by_the_author_of_the_origin_cannot_re_share_it(client, name, eyes):
    reader, author, bob, carol = (name(word) for word in ("reader", "author", "bob", "carol"))
    client.follow_many([(reader, bob), (reader, carol)])
    readers = eyes(reader)
    origin = client.share(author).id
    through = reshare(client, name("dave"), origin).id
    client.call(pb.BlockRequest(reader=author, subject=bob))
    client.call(pb.BlockRequest(reader=carol, subject=author))
    for one in (bob, carol):
        for share in (origin, through):
            error = client.refusal(pb.ReshareRequest(author=one, share_id=share))
            assert (error.code, error.field, error.message) == ("FORBIDDEN", "share_id", "the author may not re-share this")
    assert readers.read == readers.live == readers.resumed == {}
    client.call(pb.UnblockRequest(reader=author, subject=bob))
    reshare(client, bob, origin)
    assert readers.read == readers.live == readers.resumed == {origin: [bob]}


@pytest.mark.ways("read", "live", "resumed")
def test_an_unfollowed_re_sharer_is_not_named_unless_the_history_is_kept(client, name, eyes):
    reader, author, bob, carol, dave = (name(word) for word in ("reader", "author", "bob", "carol", "dave"))
    client.follow_many([(reader, one) for one in (bob, carol, dave)])
    readers = eyes(reader)
    origin = client.share(author).id
    ids = [reshare(client, one, origin).id for one in (bob, carol, dave)]
    assert readers.live == {origin: [bob, carol, dave]}
    client.unfollow(reader, bob)
    client.unfollow(reader, carol, keep_history=True)
    assert client.timeline_ids(reader)[-1] == min(ids[1:])
    assert readers.read == readers.resumed == {origin: [carol, dave]}
    client.unfollow(reader, carol)
    assert readers.read == readers.resumed == {origin: [dave]}


def test_a_re_share_of_a_re_share_is_one_of_its_origin(client, name):
    origin = client.share(name("author"), url="HTTP://Example.org:80/a#b").id
    first = reshare(client, name("bob"), origin, comment="One.")
    second = reshare(client, name("carol"), first.id)
    assert (first.origin_id, second.origin_id, first.position, first.repeated) == (origin, origin, first.id, False)
    share = client.get(second.id)
    assert (share.origin.id, share.origin.canonical_url, share.canonical_url) == (
        origin, "http://example.org/a", "http://example.org/a")
    wait_until(lambda: client.get(origin).reshare_count == 2, what="the count")
    assert client.get(second.id).origin.reshare_count == 2


def test_who_re_shares_the_same_again_gets_the_first_one(client, name):
    origin = client.share(name("author")).id
    first = reshare(client, name("bob"), origin, comment="One.")
    again = reshare(client, name("bob"), origin, comment="Two.")
    through = reshare(client, name("bob"), reshare(client, name("carol"), origin).id)
    assert [(one.repeated, one.id) for one in (first, again, through)] == [(False, first.id), (True, first.id), (True, first.id)]
    assert client.get(first.id).comment == "One."
    assert client.profile_ids(name("bob")) == [first.id]
    wait_until(lambda: client.get(origin).reshare_count == 2, what="the count")
    client.delete(name("bob"), first.id)
    wait_until(lambda: client.get(origin).reshare_count == 1, what="the count")


def test_what_cannot_be_re_shared_is_refused_by_name(client, name):
    origin = client.share(name("author")).id

    def refusal(**fields):
        error = client.refusal(pb.ReshareRequest(**{"author": name("bob"), "share_id": origin, **fields}))
        return error.code, error.field
    assert refusal(author="") == ("INVALID", "author")
    assert refusal(share_id=0) == ("INVALID", "share_id")
    assert refusal(comment="x" * 2001) == ("INVALID", "comment")
    assert refusal(author=name("author")) == ("INVALID", "author")
    assert refusal(share_id=6400) == ("NOT_FOUND", "")
    its = reshare(client, name("bob"), origin, comment="C").id
    error = client.refusal(pb.EditShareRequest(author=name("bob"), id=its, title="T"))
    assert (error.code, error.field) == ("INVALID", "title")


@pytest.mark.ways("read", "live", "resumed")
def test_a_re_share_says_what_its_origin_says_now_and_its_own_words(client, connect, name):
    reader, author, bob = name("reader"), name("author"), name("bob")
    client.follow(reader, bob)
    origin = client.share(author, title="T", comment="C").id
    home = connect().follow_stream(home=reader)
    its = reshare(client, bob, origin, comment="Mine.").id
    home.wait_for_share(its)
    client.edit(author, origin, title="", comment="C2")
    client.call(pb.SetSubjectRequest(subject=pb.Subject(id=author, display_name="The Author")))
    client.comment(name("carol"), origin)
    client.edit(bob, its, comment="Mine, edited.")
    for share in client.get(its), client.timeline(reader).shares[0], client.profile(bob).shares[0]:
        assert (share.comment, share.origin.title, share.origin.comment, share.origin.author_name) == (
            "Mine, edited.", "", "C2", "The Author")
        assert share.origin.comment_count == 1 and share.edited_at_ms and share.origin.edited_at_ms
    home.client.wait(lambda: home.of_kind("edited"), "the edit")
    edited, = home.of_kind("edited")
    assert (edited.share.id, edited.share.comment, edited.share.origin.id) == (its, "Mine, edited.", origin)
    resumed = connect().resume(home.token, 1, home=reader)
    assert [(share.comment, share.origin.comment) for share in resumed.shares] == [("Mine, edited.", "C2")]


def test_an_entry_is_unread_once_and_its_own_author_is_not_unread(client, name):
    reader, bob, carol = name("reader"), name("bob"), name("carol")
    client.follow_many([(reader, bob), (reader, carol)])
    origin, other = client.share(name("author")).id, client.share(name("author")).id
    for one in (bob, carol):
        reshare(client, one, origin)
    own = reshare(client, reader, other).id
    wait_until(lambda: reshare(client, bob, other).id > own or client.delete(bob, reshare(client, bob, other).id) and False,
               what="a later one")
    assert client.unread(reader) == (0, 1, False)
    assert {share.origin.id for share in client.timeline(reader).shares} == {origin, other}


def test_a_re_share_counts_as_a_share_of_what_its_origin_leads_to(client, name):
    reader, author, bob = name("reader"), name("author"), name("bob")
    url = f"http://{name('host').replace('.', '-')}.example.org/x"
    client.follow_many([(reader, author), (reader, bob)])
    origin = client.share(author, url=url).id
    its = reshare(client, bob, origin).id
    found = wait_until(lambda: (page := client.call(pb.GetDestinationRequest(url=url, reader=reader))).followed == 2 and page,
                       what="both sharers")
    assert {share.id: share.origin.id for share in found.shares} == {origin: 0, its: origin}
    client.delete(author, origin)
    wait_until(lambda: client.call(pb.GetDestinationRequest(url=url)).sharers == 0, what="the end of both")


def test_who_re_shared_an_entry_is_not_said_to_have_also_shared_it(client, name):
    reader, author, carol = name("reader"), name("author"), name("carol")
    resharers = [name(one) for one in ("bob", "ben", "bea", "bill")]
    url = f"http://{name('host').replace('.', '-')}.example.org/x"
    client.follow_many([(reader, one) for one in (author, carol, *resharers)])
    origin = client.share(author, url=url).id
    for one in resharers:
        reshare(client, one, origin)
    again = client.share(resharers[0], url=url).id
    own = client.share(carol, url=url).id

    def entries():
        shares = client.call(pb.GetTimelineRequest(reader=reader, also_shared_by=True)).shares
        return {share.id: share for share in shares if share.url == url}
    found = wait_until(lambda: (found := entries())[own].also_shared_count == found[again].also_shared_count == 5 and found,
                       what="all sharers")
    assert found.keys() == {origin, again, own}
    client.unfollow(reader, author)
    first, = entries().keys() - {again, own}  # a re-share that stands for all of them
    for entry in (found[origin], entries()[first]):
        assert set(entry.reshared_by) < set(resharers) and entry.reshared_by_count == 4
        assert (list(entry.also_shared_by), entry.also_shared_count) == ([carol], 1)


# ------------------------------------------------------------------------------------------- several daemons, and the store

@pytest.mark.ways("read", "resumed")
@pytest.mark.parametrize(("partitions", "push_limit"), [("1", "1000"), ("4", "1")])
def test_entries_are_the_same_out_of_the_store_beyond_the_cap_and_on_other_daemons(start_feedd, redis, partitions, push_limit):
    flags = ("--redis-url", redis.url, "--store-partitions", partitions, "--timeline-cap", "40", "--timeline-slack", "5",
             "--fanout-push-limit", push_limit, *SMALL_RING)
    here, there = (start_feedd(*flags, state=state) for state in ("here", "there"))
    with here.connect() as client, there.connect() as other:
        client.follow_many([(reader, one) for one in ("author", "bob", "carol", "dave") for reader in ("reader", "else")])
        before = client.share("stranger").id
        reshare(client, "bob", before)
        readers = Eyes(here.connect, client, "reader")
        seen, strangers, gone = (client.share(author).id for author in ("author", "stranger", "stranger"))
        for one in ("bob", "carol", "dave"):
            for origin in (before, seen, strangers, gone):
                reshare(client, one, origin)
        client.delete("stranger", gone)
        entries = {seen: ["bob", "carol", "dave"], strangers: ["bob", "carol", "dave"]}
        assert readers.read == {before: ["bob", "carol", "dave"], **entries}
        client.share_patiently("zoe", 150, comment=BIG)
        wait_until(lambda: jobs_done(redis.client()), what="the end of all jobs")
        for daemon in here, there:
            stream = daemon.connect().follow_stream(home="reader", token=readers.token)
            stream.client.wait(lambda: {event.share.author for event in stream.of_kind("reshared")
                                        if event.share.origin.id == seen} == {"bob", "carol", "dave"}, "what was re-shared")
            assert {share.origin.id or share.id for share in stream.shares} == {seen, strangers}, "one entry each"
            assert sorted((event.share.author, event.share.origin.id) for event in stream.of_kind("reshared")) == sorted(
                [("carol", before), ("dave", before), ("bob", seen), ("carol", seen), ("dave", seen)]
                + [(event.share.author, strangers) for event in stream.of_kind("reshared") if event.share.origin.id == strangers])
            stream.client.close()
        origins = client.share_patiently("stranger", 30)
        for one in ("bob", "carol"):
            for origin in origins:
                client.call_patiently(pb.ReshareRequest(author=one, share_id=origin))
        wait_until(lambda: jobs_done(redis.client()), what="the end of all jobs")
        for limit in (3, 200):
            for one in client, other:
                shares, end = one.whole_timeline("reader", limit)
                roots = [share.origin.id or share.id for share in shares if share.id not in readers.marks]
                assert (sorted(roots), end) == (sorted([before, seen, strangers, *origins]), pb.END)


def test_what_a_killed_daemon_left_undone_is_done_by_the_next(start_feedd, redis):
    """Re-shares are counted, and deleted with their origin, each once, whenever the daemon is killed."""
    daemon = start_feedd("--redis-url", redis.url, "--store-partitions", "4")
    people = [f"r{number}" for number in range(60)]
    with daemon.connect() as client:
        client.follow_many([("reader", one) for one in people])
        kept, gone = (client.share("author").id for _ in range(2))
        for begin in (0, 20, 40):
            client.send_all([pb.ReshareRequest(author=one, share_id=origin) for one in people[begin:begin + 20]
                             for origin in (kept, gone)])
            reshare(client, people[begin], kept)
            daemon.kill()
            daemon = daemon.restart()
            client = daemon.connect()
            for outcome in client.call_all([pb.ReshareRequest(author=one, share_id=origin) for one in people[begin:begin + 20]
                                            for origin in (kept, gone)]):
                assert isinstance(outcome, pb.ReshareReply)
        wait_until(lambda: jobs_done(redis.client()), what="the end of all jobs")
        assert [client.get(origin).reshare_count for origin in (kept, gone)] == [60, 60]
        token = client.follow_stream(home="reader").token
        client.delete("author", gone)
        daemon.kill()
        daemon = daemon.restart()
        client = daemon.connect()
        assert [(share.origin.id, share.reshared_by_count) for share in client.timeline("reader").shares] == [(kept, 60)]
        wait_until(lambda: jobs_done(redis.client()), what="the end of all jobs")
        assert not [key for key in redis.client().keys("reshares:*") if str(gone) in key]
        stream = client.resume(token, 0, 60, home="reader")
        assert len(set(stream.deleted)) == 60 and not stream.gaps
        for one in people[::20]:
            assert [share.origin.id for share in client.profile(one).shares] == [kept]
        assert client.get(kept).reshare_count == 60
