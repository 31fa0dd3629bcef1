"""feedd is killed between any two Redis commands of a write. Whatever was acknowledged is there, whole and once."""
import contextlib
import itertools

import pytest

import feed_pb2 as pb
from feed_client import Disconnected
from harness import check_stored, jobs_done, wait_until
from redis_proxy import RedisProxy

READERS = 3  # of each author; the last one has never read its timeline
OLD_SHARES = 3


class Round:
    """The people of one round: an author with some shares, and readers, most of whom have read their timelines."""

    def __init__(self, client, number, follow):
        self.author = f"author{number}"
        self.readers = [f"reader{number}.{index}" for index in range(READERS)]
        self.old = client.share_many(self.author, OLD_SHARES)
        if follow:
            client.follow_many([(reader, self.author) for reader in self.readers])
        for reader in self.readers[:-1]:
            client.timeline(reader)


class ShareRound(Round):
    def __init__(self, client, number):
        super().__init__(client, number, follow=True)
        self.request = pb.ShareRequest(author=self.author, url="http://example.org/", idempotency_key="key")

    def check_whole(self, client):
        """Without a repetition: it happened for all, or for nobody."""
        profile = client.profile_ids(self.author)
        assert len(profile) in (OLD_SHARES, OLD_SHARES + 1)
        for reader in self.readers[:-1]:
            assert client.timeline_ids(reader) == profile

    def check_done(self, client, first, repeated):
        assert first is None or (repeated.id, repeated.repeated) == (first.id, True)
        for reader in self.readers:
            assert client.timeline_ids(reader) == [repeated.id] + self.old[::-1]


class DeleteRound(Round):
    def __init__(self, client, number):
        super().__init__(client, number, follow=True)
        self.request = pb.DeleteShareRequest(author=self.author, id=self.old[1])

    def check_whole(self, client):
        profile = client.profile_ids(self.author)
        for reader in self.readers[:-1]:
            assert client.timeline_ids(reader) == profile

    def check_done(self, client, first, repeated):
        assert first is None or repeated.repeated
        for reader in self.readers:
            assert client.timeline_ids(reader) == [self.old[2], self.old[0]]


class FollowRound(Round):
    wanted = True

    def __init__(self, client, number):
        super().__init__(client, number, follow=not self.wanted)
        kind = pb.FollowRequest if self.wanted else pb.UnfollowRequest
        self.request = kind(reader=self.readers[0], subject=self.author)

    def check_whole(self, client):
        followed = client.following(self.readers[0]) == [self.author]
        assert (self.readers[0] in client.followers(self.author)) == followed
        assert client.timeline_ids(self.readers[0]) == (self.old[::-1] if followed else [])

    def check_done(self, client, first, repeated):
        assert first is None or repeated.repeated
        assert client.following(self.readers[0]) == ([self.author] if self.wanted else [])
        self.old.append(client.share(self.author).id)
        self.check_whole(client)


class UnfollowRound(FollowRound):
    wanted = False


class MuteRound(Round):
    def __init__(self, client, number):
        super().__init__(client, number, follow=True)
        self.request = pb.MuteRequest(reader=self.readers[0], subject=self.author)

    def muted(self, client):
        return client.call(pb.GetBlockedRequest(reader=self.readers[0], muted=True)).subjects == [self.author]

    def check_whole(self, client):
        assert client.timeline_ids(self.readers[0]) == ([] if self.muted(client) else self.old[::-1])
        assert client.timeline_ids(self.readers[1]) == self.old[::-1]

    def check_done(self, client, first, repeated):
        assert first is None or repeated.repeated
        assert self.muted(client)
        assert client.following(self.readers[0]) == [self.author]


class BlockRound(Round):
    """The author blocks a reader, each of whom follows the other."""

    def __init__(self, client, number):
        super().__init__(client, number, follow=True)
        self.own = client.share(self.readers[0]).id
        client.follow(self.author, self.readers[0])
        client.timeline(self.author)
        self.request = pb.BlockRequest(reader=self.author, subject=self.readers[0])

    def check_whole(self, client):
        blocked = client.call(pb.GetBlockedRequest(reader=self.author)).subjects == [self.readers[0]]
        for one, other, shares in ((self.author, self.readers[0], [self.own]), (self.readers[0], self.author, self.old)):
            follows = client.following(one) == [other]
            assert (one in client.followers(other)) == follows == (not blocked)
            assert (set(shares) <= set(client.timeline_ids(one))) == follows

    def check_done(self, client, first, repeated):
        assert first is None or repeated.repeated
        assert client.refusal(pb.FollowRequest(reader=self.readers[0], subject=self.author)).code == "FORBIDDEN"
        self.check_whole(client)


@pytest.mark.parametrize("jobs", [True, False], ids=["with-jobs", "before-any-job"])
@pytest.mark.parametrize("round_kind, partitions", [
    (ShareRound, 1), (DeleteRound, 1), (FollowRound, 4), (UnfollowRound, 4), (MuteRound, 1), (BlockRound, 4),
], ids=["share", "delete", "follow", "unfollow", "mute", "block"])
def test_a_daemon_killed_between_any_two_commands_keeps_what_it_acknowledged(start_feedd, redis, workdir, round_kind,
                                                                             partitions, jobs):
    store = redis.client()
    with RedisProxy(workdir / "proxy.sock", redis.socket_path) as proxy:
        daemon = start_feedd("--redis-url", proxy.url, "--store-partitions", str(partitions))
        for commands in itertools.count():
            daemon.stop()
            proxy.withhold(*([] if jobs else [b"XREADGROUP"]))
            daemon = daemon.restart()
            with daemon.connect() as client:
                people = round_kind(client, commands)
                wait_until(lambda: not jobs or jobs_done(store), what="the end of earlier jobs")
                proxy.kill_after(commands, daemon)
                first = None
                with contextlib.suppress(Disconnected):
                    first = client.call(people.request)
                    wait_until(lambda: not jobs or proxy.stopped or jobs_done(store))
            killed = proxy.release_all()
            if killed:
                daemon.kill()
                daemon = daemon.restart()
            with daemon.connect() as client:
                wait_until(lambda: jobs_done(store), what=f"the end of jobs after {proxy.passed}")
                people.check_whole(client)
                people.check_done(client, first, client.call(people.request))
                wait_until(lambda: jobs_done(store), what="the end of all jobs")
                people.check_whole(client)
                for reader in people.readers:
                    check_stored(store, reader, client.timeline_ids(reader))
            if not killed:
                break
        assert commands >= 1, "the daemon was never killed in the middle"
