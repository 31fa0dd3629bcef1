"""Random operations on the real daemon and on the model beside it, as a rule-based state machine of hypothesis: whatever the daemon
answers, shows, streams or refuses must be what the model says.

A sequence has subjects, urls and streams of its own, so that many run on one daemon one after another, and one that fails can be
made smaller. Everything of a sequence is done on one connection, so that each read sees what was done before; another daemon on the
same store must come to show the same.
"""
import contextlib
import functools
import itertools

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

import feed_pb2 as pb
from feed_client import FeedError
from feed_model import Comment, Feed, Share
from harness import jobs_done, log_keys
from wait import wait_until

TIMELINE_CAP, PROFILE_CAP, PUSH_LIMIT = 8, 20, 2
FLAGS = ("--timeline-cap", str(TIMELINE_CAP), "--timeline-slack", "3", "--profile-cap", str(PROFILE_CAP),
         "--fanout-push-limit", str(PUSH_LIMIT), "--follow-backfill", "4", "--timing-silence-limit-ms", "3600000")
STREAMS = 4              # open at a time
MILLISECOND = 2 << 13    # in ids, and one more for what is rounded

subjects = st.sampled_from("abcde")
busy, quiet = st.sampled_from("ab"), st.sampled_from("cde")  # who shares more than a profile holds, and who re-shares
urls = st.integers(0, 2)
words = st.sampled_from(["", "one", "two"])
picks = st.integers(0, 30)
limits = st.sampled_from([3, 7, 200])


def step(**arguments):
    """A rule. What fails is not looked at again at the end of its sequence."""
    def decorate(function):
        @functools.wraps(function)
        def noted(self, **drawn):
            self.steps.append((function.__name__, drawn))
            with self.telling():
                function(self, **drawn)
        return rule(**arguments)(noted)
    return decorate


class Watched:
    """A home stream that is open, what must have come on it, and what had come by then in its order."""

    def __init__(self, reader, subscription, expected=()):
        self.reader, self.subscription = reader, subscription
        self.expected = set(expected)

    def came(self, *kinds):
        return [event.share.id for kind, event in self.subscription.events if kind in kinds]

    def wait(self, condition, what):
        self.subscription.client.wait(condition, f"{what} on the stream of {self.reader}")

    def must_come(self, share):
        self.expected.add(share.id)
        self.wait(lambda: share.id in self.came("shared", "reshared"), f"share {share.id}")

    def must_go(self, share):
        self.wait(lambda: share.id in self.subscription.deleted, f"the deletion of share {share.id}")


class FeedMachine(RuleBasedStateMachine):
    numbers = itertools.count(1)
    told = False

    def __init__(self, client, other, store):
        super().__init__()
        self.client, self.other, self.store = client, other, store
        self.number = next(self.numbers)
        self.feed = Feed(PROFILE_CAP)
        self.streams = []
        self.bookmarks = []                # (reader, token, how many shares there were, what of them could be seen)
        self.made = []                     # ids of shares in the order in which they were made
        self.followed_since = {}           # (reader, subject) -> how many shares there were
        self.erased = set()                # ids of shares that went with their author
        self.edits = {}                    # share id -> how many shares there were when it was edited last
        self.steps = []                    # what was done
        self.sound = True

    def teardown(self):
        if self.sound:
            with self.telling():
                self.look_at_everything()
        for watched in self.streams:
            watched.subscription.unsubscribe()

    @contextlib.contextmanager
    def telling(self):
        """Shows the first failure of all as it came: it may not come again when its sequence is made shorter."""
        self.sound = False
        try:
            yield
            self.sound = True
        except AssertionError as failure:
            if not FeedMachine.told:
                FeedMachine.told = True
                print("The first failure:", failure, *(f"  {name} {drawn}" for name, drawn in self.steps), sep="\n", flush=True)
            raise

    # -- helpers

    def name(self, letter):
        return f"{letter}.{self.number}"

    def url(self, number):
        return f"http://s{self.number}.example/{number}"

    def pick(self, number):
        """One of the shares, the latest one by 0, or None."""
        return self.feed.shares[self.made[-1 - number]] if number < len(self.made) else None

    def call(self, expected, request):
        """The reply, which must be what is expected: whether it is a repetition, or the code of an error, of which None is returned."""
        try:
            reply = self.client.call(request)
        except FeedError as error:
            assert error.code == expected, f"{error}, where {expected} was expected: {request}"
            return None
        outcome = getattr(reply, "repeated", expected)
        assert outcome == expected, f"{type(reply).__name__} says repeated={outcome}, where {expected} was expected: {request}"
        return reply

    def settle(self):
        """Waits until what was done has had all of its effects."""
        wait_until(lambda: jobs_done(self.store), what="the end of all jobs")

    def add(self, share):
        self.feed.add(share)
        self.made.append(share.id)
        for watched in self.streams:
            if self.feed.sees(watched.reader, share):
                watched.must_come(share)

    def those_who_see(self, share):
        return [watched for watched in self.streams if share.id in watched.expected and self.feed.sees(watched.reader, share)]

    # -- shares

    @step(author=subjects, url=urls, comment=words)
    def share(self, author, url, comment):
        author = self.name(author)
        reply = self.call(False, pb.ShareRequest(author=author, url=self.url(url), comment=comment))
        self.add(Share(reply.id, author, self.url(url), comment))

    @step(author=busy, count=st.integers(2, 12))
    def share_many(self, author, count):
        for url in range(count):
            reply = self.client.share(self.name(author), self.url(url % 2))
            self.add(Share(reply.id, self.name(author), self.url(url % 2), ""))
        self.settle()  # what a profile drops before it is recorded as leading somewhere never is

    @step(author=quiet, pick=picks, comment=words)
    def reshare(self, author, pick, comment):
        share = self.pick(pick)
        if share:
            author = self.name(author)
            earlier = self.feed.may_reshare(author, share)
            request = pb.ReshareRequest(author=author, share_id=share.id, comment=comment)
            reply = self.call(True if isinstance(earlier, Share) else earlier or False, request)
            if isinstance(earlier, Share):
                assert reply.id == earlier.id
            elif not earlier:
                self.add(Share(reply.id, author, share.url, comment, origin=share.root))
                self.settle()

    @step(subject=subjects, own=st.booleans(), pick=picks)
    def delete_share(self, subject, own, pick):
        if share := self.pick(pick):
            subject = share.author if own else self.name(subject)
            its = [one for one in self.feed.shares.values() if one is share or one.origin is share]
            told = [(watched, one) for one in its for watched in self.those_who_see(one)]
            expected = self.feed.delete(subject, share)
            self.call(expected, pb.DeleteShareRequest(author=subject, id=share.id))
            for watched, one in told if expected is False else ():
                watched.must_go(one)
            self.settle()

    @step(subject=subjects, own=st.booleans(), pick=picks, title=words, comment=words)
    def edit(self, subject, own, pick, title, comment):
        if share := self.pick(pick):
            subject, title = share.author if own else self.name(subject), "" if share.origin else title
            told = self.those_who_see(share)
            before = [watched.came("edited").count(share.id) for watched in told]
            expected = self.feed.edit(subject, share, title, comment)
            self.call(expected, pb.EditShareRequest(author=subject, id=share.id, title=title, comment=comment))
            if expected is False:
                self.edits[share.id] = len(self.made)
                for watched, count in zip(told, before):
                    watched.wait(lambda: watched.came("edited").count(share.id) > count, f"the edit of {share.id}")

    # -- dialogue

    @step(commenter=subjects, pick=picks, parent=st.integers(-4, 4))
    def comment(self, commenter, pick, parent):
        if share := self.pick(pick):
            commenter = self.name(commenter)
            parent_id = list(share.comments)[parent] if 0 <= parent < len(share.comments) else 0
            reply = self.call(self.feed.may_comment(commenter, share, parent_id), pb.CommentRequest(
                commenter=commenter, share_id=share.id, parent_id=parent_id, text="Well said."))
            if reply:
                share.comments[reply.id] = Comment(reply.id, commenter, parent_id, "Well said.")

    @step(subject=subjects, pick=picks, comment=st.integers(0, 6))
    def delete_comment(self, subject, pick, comment):
        share = self.pick(pick)
        known = share and list(share.gone_comments | set(share.comments))
        if known and comment < len(known):
            expected = self.feed.delete_comment(self.name(subject), share, sorted(known)[comment])
            self.call(expected, pb.DeleteCommentRequest(subject=self.name(subject), share_id=share.id, id=sorted(known)[comment]))

    @step(pick=picks, reader=st.sampled_from(" abcde"), oldest_first=st.booleans())
    def read_dialogue(self, pick, reader, oldest_first):
        share, reader = self.pick(pick), self.name(reader) if reader != " " else ""
        if share and share.alive:
            reply = self.client.call(pb.GetDialogueRequest(share_id=share.id, reader=reader, oldest_first=oldest_first))
            found = [(one.id, one.commenter, one.parent_id, one.text) for one in reply.comments]
            expected = [(one.id, "" if one.deleted else one.commenter, one.parent, "" if one.deleted else one.text)
                        for one in self.feed.dialogue(share, reader)]
            assert (found, reply.comment_count) == (expected if oldest_first else expected[::-1], share.comment_count)
        elif share:
            self.call("NOT_FOUND", pb.GetDialogueRequest(share_id=share.id))

    # -- who sees whom

    @step(reader=subjects, subject=subjects)
    def follow(self, reader, subject):
        reader, subject = self.name(reader), self.name(subject)
        expected = "INVALID" if reader == subject else self.feed.follow(reader, subject)
        self.call(expected, pb.FollowRequest(reader=reader, subject=subject))
        if expected is False:
            self.followed_since[reader, subject] = len(self.made)

    @step(reader=subjects, subject=subjects, keep_history=st.booleans())
    def unfollow(self, reader, subject, keep_history):
        reader, subject = self.name(reader), self.name(subject)
        reply = self.call(self.feed.unfollow(reader, subject, keep_history), pb.UnfollowRequest(
            reader=reader, subject=subject, keep_history=keep_history))
        while keep_history and self.client.share(self.name("clock")).id < reply.position + MILLISECOND:
            pass  # what is kept is known by ids, which order by time and not by cause

    def relate(self, request, relation, change, reader, subject):
        reader, subject = self.name(reader), self.name(subject)
        refused = reader == subject and change != self.feed.take
        self.call("INVALID" if refused else change(relation, reader, subject), request(reader=reader, subject=subject))

    @step(reader=subjects, subject=subjects)
    def mute(self, reader, subject):
        self.relate(pb.MuteRequest, self.feed.muted, self.feed.put, reader, subject)

    @step(reader=subjects, subject=subjects)
    def unmute(self, reader, subject):
        self.relate(pb.UnmuteRequest, self.feed.muted, self.feed.take, reader, subject)

    @step(reader=subjects, subject=subjects)
    def block(self, reader, subject):
        self.relate(pb.BlockRequest, None, lambda _, one, other: self.feed.block(one, other), reader, subject)

    @step(reader=subjects, subject=subjects)
    def unblock(self, reader, subject):
        self.relate(pb.UnblockRequest, self.feed.blocked, self.feed.take, reader, subject)

    @step(subject=subjects, limit=st.sampled_from([1, 3, 50]))
    def read_relations(self, subject, limit):
        subject = self.name(subject)
        assert self.client.following(subject, limit) == list(self.feed.following[subject])[::-1]
        assert self.client.followers(subject, limit) == list(self.feed.followers[subject])[::-1]
        for muted, relation in ((False, self.feed.blocked), (True, self.feed.muted)):
            found = self.client.call(pb.GetBlockedRequest(reader=subject, muted=muted)).subjects
            assert list(found) == list(relation[subject])[::-1]

    # -- subjects

    @step(subject=subjects, display_name=words)
    def describe(self, subject, display_name):
        subject = self.name(subject)
        repeated = self.feed.names[subject] == display_name
        self.call(repeated, pb.SetSubjectRequest(subject=pb.Subject(id=subject, display_name=display_name)))
        self.feed.names[subject] = display_name
        found, = self.client.call(pb.GetSubjectsRequest(ids=[subject])).subjects
        assert found.display_name == display_name

    @step(subject=subjects)
    def delete_subject(self, subject):
        subject = self.name(subject)
        if subject in self.feed.cut:
            return  # what its profile has dropped goes on counting as a share of where it leads
        self.erased |= {share.id for share in self.feed.shares.values()
                        if share.there and subject in (share.author, share.root.author)}
        self.feed.erase(subject)
        self.client.call(pb.DeleteSubjectRequest(subject=subject))
        for reader in map(self.name, "abcde"):
            assert all(subject not in (share.author, share.origin.author) for share in self.client.whole_timeline(reader)[0])
        wait_until(lambda: self.client.call(pb.GetSubjectDeletionRequest(subject=subject)).deletion.done, what="the end of a deletion")
        self.settle()

    # -- reads

    @step(reader=subjects, limit=limits)
    def read_timeline(self, reader, limit):
        self.look_at_timeline(self.name(reader), limit)

    @step(reader=subjects)
    def stay_away(self, reader):
        """A timeline that nobody has read for long is gone."""
        self.store.delete(*[f"timeline{log[3:]}:{self.name(reader)}" for log in log_keys(self.store)])

    @step(author=subjects, limit=limits)
    def read_profile(self, author, limit):
        author = self.name(author)
        shares, end = self.client.whole_profile(author, limit)
        assert [self.says(share) for share in shares] == [self.expected(share) for share in self.feed.profile(author)]
        assert end == (pb.CAPPED if author in self.feed.cut else pb.END)

    @step(pick=picks)
    def read_share(self, pick):
        share = self.pick(pick)
        if share and share.alive:
            assert self.says(self.client.get(share.id)) == self.expected(share)
        elif share:
            self.call("NOT_FOUND", pb.GetShareRequest(id=share.id))

    def says(self, share):
        origin = self.says(share.origin) if share.HasField("origin") else None
        return (share.id, share.author, share.author_name, share.url, share.title, share.comment, share.edited_at_ms != 0,
                share.comment_count, origin)

    def expected(self, share):
        return (share.id, share.author, self.feed.names[share.author], share.url, share.title, share.comment, share.edited,
                share.comment_count, self.expected(share.origin) if share.origin else None)

    def timeline_of(self, client, reader, limit):
        shares, end = client.whole_timeline(reader, limit)
        return [(*self.says(share), list(share.reshared_by), share.reshared_by_count) for share in shares], end

    def expected_timeline(self, reader):
        return [(*self.expected(share), by[:3], len(by)) for share, by in self.feed.timeline(reader)]

    def look_at_timeline(self, reader, limit=200):
        found, end = self.timeline_of(self.client, reader, limit)
        assert found == self.expected_timeline(reader), f"the timeline of {reader}"
        assert end == (pb.CAPPED if self.feed.shown(reader) & self.feed.cut else pb.END), f"{reader}: {pb.PageEnd.Name(end)}"

    @step(reader=subjects)
    def read_elsewhere(self, reader):
        reader = self.name(reader)
        expected = self.expected_timeline(reader)
        wait_until(lambda: self.timeline_of(self.other, reader, 200)[0] == expected, what=f"{expected} on another daemon")

    @step(reader=subjects, place=st.integers(0, 10))
    def mark_read(self, reader, place):
        reader = self.name(reader)
        entries = self.feed.timeline(reader)
        if place < len(entries):
            share, _ = entries[place]
            self.call(share.id <= self.feed.markers[reader], pb.MarkReadRequest(reader=reader, id=share.id))
            self.feed.markers[reader] = max(self.feed.markers[reader], share.id)
        self.look_at_unread(reader)

    def look_at_unread(self, reader):
        marker, unread, more = self.client.unread(reader)
        expected = self.feed.unread(reader)
        assert marker == self.feed.markers[reader]
        assert unread <= expected if more else unread == expected, f"{reader} has {expected} unread, not {unread}"

    @step(reader=subjects)
    def read_unread(self, reader):
        self.look_at_unread(self.name(reader))

    @step(reader=subjects, url=urls)
    def read_destination(self, reader, url):
        self.settle()
        reader, url = self.name(reader), self.url(url)
        reply = self.client.call(pb.GetDestinationRequest(url=url))
        assert reply.sharers == len(self.feed.sharers(url))
        reply = self.client.call(pb.GetDestinationRequest(url=url, reader=reader))
        seen = {author for author in self.feed.sharers(url) if author != reader and author in self.feed.following[reader]
                and not self.feed.hidden(reader, author)}
        assert reply.followed == len(seen)
        assert [share.author for share in reply.shares] == [
            share.author for share in sorted(self.feed.sharers(url).values(), key=lambda share: -share.id)
            if share.author in seen and self.feed.sees(reader, share)]

    @step(reader=subjects)
    def read_also_shared_by(self, reader):
        self.settle()
        reader = self.name(reader)
        reply = self.client.call(pb.GetTimelineRequest(reader=reader, also_shared_by=True))
        for share in reply.shares:
            expected = self.feed.also_shared_by(reader, self.feed.shares[share.id])
            assert (list(share.also_shared_by), share.also_shared_count) == (expected[:3], len(expected))

    @step(reader=subjects)
    def read_suggestions(self, reader):
        reader = self.name(reader)
        expected = self.feed.suggestions(reader)
        found = self.client.call(pb.GetSuggestionsRequest(reader=reader, limit=50)).suggestions
        assert {one.subject: one.followed_by_count for one in found} == {one: len(by) for one, by in expected.items()}
        assert all(set(one.followed_by) <= expected[one.subject] for one in found)
        assert sorted((one.followed_by_count for one in found), reverse=True) == [one.followed_by_count for one in found]

    @step(window=st.sampled_from([pb.ALL_TIME, pb.LAST_DAY, pb.LAST_HOUR]))
    def read_popular(self, window):
        self.settle()
        for kind, numbers in ((pb.POPULAR_SUBJECTS, {self.name(one): len(self.feed.followers[self.name(one)]) for one in "abcde"}),
                              (pb.POPULAR_DESTINATIONS, {self.url(one): len(self.feed.sharers(self.url(one))) for one in range(3)})):
            reply = self.client.call(pb.GetPopularRequest(kind=kind, window=window, limit=200))
            found = {item.subject or item.url: item.count for item in reply.items}
            bound = max(reply.items[-1].count if reply.items else 0, reply.error)
            for what, number in numbers.items():
                hidden = any(share.dropped for share in self.feed.sharers(what).values())  # it is shown by its latest share
                assert found[what] == number if what in found else hidden or number <= bound, f"{what} has {number}"

    @step(subject=subjects)
    def read_inbox(self, subject):
        self.settle()
        subject = self.name(subject)
        reply = self.client.call(pb.GetInboxRequest(subject=subject, limit=200))
        found = [(pb.NoticeKind.Name(one.kind), one.actor, one.share_id, one.cause_id) for one in reply.notices]
        assert sorted(found) == sorted(self.feed.notices(subject)), f"the inbox of {subject}"
        ids = [notice.id for notice in reply.notices]
        assert ids == sorted(ids, reverse=True) and reply.end == pb.END

    # -- streams

    def open_stream(self, reader, token=b""):
        if len(self.streams) == STREAMS:
            self.look_at_stream(self.streams[0])
            self.streams.pop(0).subscription.unsubscribe()
        self.streams.append(Watched(reader, self.client.follow_stream(home=reader, token=token)))
        return self.streams[-1]

    @step(reader=subjects)
    def watch(self, reader):
        self.open_stream(self.name(reader))

    @step(reader=subjects)
    def leave(self, reader):
        """Keeps a token of a stream, and closes it."""
        reader = self.name(reader)
        subscription = self.client.follow_stream(home=reader)
        seen = {share.id for share in self.feed.shares.values() if self.feed.sees(reader, share)}
        self.bookmarks.append((reader, subscription.token, len(self.made), seen))
        subscription.unsubscribe()

    @step(pick=st.integers(0, 3))
    def come_back(self, pick):
        if pick >= len(self.bookmarks):
            return
        reader, token, count, seen = self.bookmarks[-1 - pick]
        watched = self.open_stream(reader, token)
        shows = {share.id for share in self.feed.shares.values() if self.feed.sees(reader, share)}
        for share_id in self.made[count:]:
            share = self.feed.shares[share_id]
            since = self.followed_since.get((reader, share.author), 0)
            if share_id in shows and self.made.index(share_id) >= since:
                watched.must_come(share)
        for share_id in seen:
            share = self.feed.shares[share_id]
            if share_id in shows and self.edits.get(share_id, 0) > count:
                watched.wait(lambda: share_id in watched.came("edited"), f"the edit of {share_id}")
            if not share.recorded and share_id not in self.erased and share.author in self.feed.following[reader] \
                    and not self.feed.hidden(reader, share.author):
                watched.must_go(share)
        shows |= {share.id for share in self.feed.shares.values() if share.dropped}
        assert set(watched.came("shared", "reshared")) <= shows, "nothing comes that the reader may not see now"
        watched.expected |= set(watched.came("shared", "reshared"))

    def look_at_stream(self, watched):
        """Two shares of the reader itself tell that nothing else is to come."""
        for _ in range(2):
            self.add(Share(self.client.share(watched.reader).id, watched.reader, "http://example.org/", ""))
        came = watched.came("shared", "reshared")
        assert sorted(came) == sorted(watched.expected), f"the stream of {watched.reader}"
        assert not watched.subscription.gaps
        order = {author: [one for one in came if self.feed.shares[one].author == author] for author in map(self.name, "abcde")}
        assert all(ids == sorted(ids) for ids in order.values()), "shares of one author come in their order"

    def look_at_everything(self):
        for watched in self.streams:
            self.look_at_stream(watched)
        for letter in "abcde":
            self.look_at_timeline(self.name(letter))
            self.look_at_unread(self.name(letter))
