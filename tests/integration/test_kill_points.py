"""One story, and the daemon or its Redis is killed at every single Redis command of it, before and after.

A reader with an open home stream follows an author who shares; the reader unfollows and follows again; a share is commented on
and edited, another one is deleted; the reader reads; the stream is dropped and resumed with its token. Whoever is killed comes back, and the client goes on: it
repeats what was not answered, under the same key, and resumes its stream with the latest token. In the end everything that was
acknowledged is there, whole and once, and the stream has brought every item that it owes.

`FEEDD_ALL_POINTS=1` tries every point; otherwise it is a sample, another one for each FEEDD_SEED. How many commands a story has
depends on time, since the logs are read again and again: a point that several runs in turn did not come to is passed over,
and is none of the sample.
"""
import collections
import contextlib
import os
import random
import signal
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis as redis_package

import feed_pb2 as pb
from feed_client import Disconnected, FeedError
from harness import Feedd, check_stored, jobs_done, wait_until
from redis_points import AFTER, BEFORE, PointProxy, kill_daemon

ALL = os.environ.get("FEEDD_ALL_POINTS") == "1"
SEED = int(os.environ.get("FEEDD_SEED", "1"))
WORKERS = 2
SAMPLE = 24        # points of each kind of victim
CHUNK = 40         # stories whose people are made at once
LINKS = ("opening", "commands", "applied", "bulk", "tail", "jobs")
PASSING = ("UNAVAILABLE", "OUTCOME_UNKNOWN", "BUSY")
TRIES = 5          # for a point that a run did not come to
ALMOST_ALL = 0.9   # of all points are to be come to
REFUSED = (Disconnected, OSError)


class Story:
    """The people of one run, and what has become of them."""

    def __init__(self, stage, number):
        self.stage = stage
        self.reader, self.author, self.bystander = (f"{who}{number}" for who in ("reader", "author", "bystander"))
        self.acknowledged = {}
        self.streams = []   # every subscription, of whatever connection
        self.token = b""
        self.client = self.listener = None

    # -- steps. Each may be cut off at any place and is then taken again

    def tell(self):
        self.step(self.listen)
        self.write("follow", pb.FollowRequest(reader=self.reader, subject=self.author))
        self.share("first")
        self.step(lambda: self.hear("first"))
        self.write("unfollow", pb.UnfollowRequest(reader=self.reader, subject=self.author))
        self.share("unheard")
        self.write("follow again", pb.FollowRequest(reader=self.reader, subject=self.author))
        self.share("second")
        self.step(lambda: self.hear("second"))
        self.write("comment", pb.CommentRequest(commenter=self.reader, share_id=self.id_of("second"), text="Aha",
                                                idempotency_key="comment"))
        self.write("edit", pb.EditShareRequest(author=self.author, id=self.id_of("second"), title="Edited"))
        self.step(self.hear_edit)
        self.write("delete", pb.DeleteShareRequest(author=self.author, id=self.id_of("first")))
        self.step(self.hear_deletion)
        self.step(self.read)
        self.step(self.stop_listening)
        self.share("while away")
        self.step(lambda: self.hear("while away"))
        self.share("last")
        self.step(lambda: self.hear("last"))
        self.stage.settle()

    def step(self, take):
        """Takes a step until nobody was killed in the middle of it, and nothing was refused that passes."""
        def taken():
            try:
                take()
                return True
            except REFUSED:
                self.stage.revive()
                self.client = self.listener = None
            except FeedError as error:
                assert error.code in PASSING, error
                self.stage.revive()
            return False
        wait_until(taken, 30, what="a step")

    def connected(self):
        if not self.client:
            self.client = self.stage.connect()
        return self.client

    def write(self, what, request):
        """A write with one answer. Later ones of the same name are the first one, repeated."""
        def send():
            self.acknowledged[what] = self.connected().call(request)
        self.step(send)

    def share(self, what):
        self.write(what, pb.ShareRequest(author=self.author, url="http://example.org/", idempotency_key=what))

    def id_of(self, what):
        return self.acknowledged[what].id

    def listen(self):
        if self.listener:
            return
        listener = self.stage.connect()
        stream = listener.begin_subscribe(home=self.reader, token=self.token)
        self.streams.append(stream)
        listener.reply_to(stream.id)
        self.listener = listener
        self.wait_for(lambda: stream.of_kind("caught_up"), "CaughtUp")
        self.keep_token()

    def wait_for(self, condition, what):
        """Listens until the condition holds. Redis may be killed meanwhile without the connection noticing."""
        def came():
            self.stage.revive()
            if self.listener.has_read(condition):
                return True
            if self.listener.closed_by_server():
                raise Disconnected(None)
            return False
        wait_until(came, what=what)

    def keep_token(self):
        self.token = self.streams[-1].token or self.token

    def hear(self, what):
        self.listen()
        self.wait_for(lambda: self.id_of(what) in self.heard(), f"the event of the {what} share")
        self.keep_token()

    def hear_deletion(self):
        self.listen()
        self.wait_for(lambda: self.id_of("first") in self.heard_deletions(), "the event of the deletion")
        self.keep_token()

    def hear_edit(self):
        self.listen()
        self.wait_for(lambda: self.id_of("second") in self.heard_edits(), "the event of the edit")
        self.keep_token()

    def stop_listening(self):
        self.keep_token()
        if self.listener:
            self.listener.close()
            self.listener = None

    def heard(self):
        return [one for stream in self.streams for one in stream.ids]

    def heard_deletions(self):
        return [one for stream in self.streams for one in stream.deleted]

    def heard_edits(self):
        return [event.share.id for stream in self.streams for event in stream.of_kind("edited") if event.share.title == "Edited"]

    def read(self):
        expected = [self.id_of("second"), self.id_of("unheard"), self.stage.old[self.author]]
        wait_until(lambda: self.connected().timeline_ids(self.reader) == expected, what="the reader to read what is there")

    # -- the end

    def check(self):
        self.check_streams()
        client, store = self.connected(), self.stage.store
        profile = [self.id_of(what) for what in ("last", "while away", "second", "unheard")] + [self.stage.old[self.author]]
        assert client.profile_ids(self.author) == profile, "once, and nothing that was not acknowledged"
        assert client.following(self.reader) == [self.author]
        assert sorted(client.followers(self.author)) == sorted([self.reader, self.bystander])
        for reader in (self.reader, self.bystander):
            wait_until(lambda: client.timeline_ids(reader) == profile, what=f"{reader} to see {profile}")
            check_stored(store, reader, profile)
        for what in ("first", "second"):
            again = client.call(pb.ShareRequest(author=self.author, url="http://example.org/", idempotency_key=what))
            assert (again.id, again.repeated) == (self.id_of(what), True)
        edited, dialogue = client.get(self.id_of("second")), client.dialogue(self.id_of("second"))
        assert (edited.title, edited.comment_count) == ("Edited", 1)
        assert [(one.id, one.text) for one in dialogue] == [(self.id_of("comment"), "Aha")]
        assert not store.exists("parked:{0}")

    def check_streams(self):
        owed = {self.id_of(what) for what in ("first", "second", "while away", "last")}
        assert set(self.heard()) == owed, "every item, and nothing from while the author was not followed"
        assert set(self.heard_deletions()) == {self.id_of("first")}
        assert set(self.heard_edits()) == {self.id_of("second")}
        for stream in self.streams:
            assert stream.gaps == []
            assert stream.ids == sorted(set(stream.ids)), "once for each connection, in order"
            assert len(stream.deleted) <= 1

    def close(self):
        for client in (self.client, self.listener):
            if client:
                client.close()


class Stage:
    """A daemon behind a proxy and its Redis, both of which can be killed at a point of a story."""

    def __init__(self, servers, directory, name, victim):
        self.victim = victim
        self.redis = servers.start_redis("--appendfsync", "always", name=f"redis-{name}")
        self.store = self.redis.client()
        self.proxy = PointProxy(directory / f"{name}.sock", self.redis.socket_path)
        self.daemon = servers.start_feedd("--redis-url", self.proxy.url, state=f"state-{name}")
        self.daemon.stop()
        self.old = {}      # what each author shared before the story begins
        self._told = 0
        self._waiting = []

    def next_story(self):
        """Its people: the author has shared, the bystander follows and both readers have timelines."""
        if not self._waiting:
            self._waiting = [Story(self, self._told + number) for number in range(CHUNK)]
            self._told += CHUNK
            self.daemon = self.daemon.restart()
            with self.daemon.connect() as client:
                shares = client.call_all([pb.ShareRequest(author=story.author, url="http://example.org/old")
                                          for story in self._waiting])
                self.old.update((story.author, share.id) for story, share in zip(self._waiting, shares))
                client.follow_many([(story.bystander, story.author) for story in self._waiting])
                client.call_all([pb.GetTimelineRequest(reader=reader) for story in self._waiting
                                 for reader in (story.reader, story.bystander)])
            self.settle()
            self.daemon.stop()
        return self._waiting.pop()

    def run(self, point):
        """Tells a story, with a death at this point. Returns whether it came to that."""
        self.proxy.arm(None)
        story = self.next_story()
        self.proxy.arm(point, {"daemon": kill_daemon, "redis": self.kill_redis}[self.victim])
        self.daemon = Feedd(self.daemon.state_dir, *self.daemon.flags, wait_for=None)
        try:
            story.tell()
            counts = collections.Counter(self.proxy.counts)
            reached = self.proxy.end()
            if reached:  # the answer may be that of an XREAD, which waits for the next entry
                story.step(lambda: story.connected().share("somebody"))
                assert self.proxy.struck.wait(5)
            self.settle()
            story.step(lambda: story.connected().share("somebody"))  # both live, and know each other
            self.settle()
            story.check()
        except Exception as failure:
            raise AssertionError(f"{self.victim} killed at {point}: {failure}\n{self.daemon.log_tail()}") from failure
        finally:
            story.close()
        self.daemon.stop()
        return reached, counts

    def kill_redis(self, _):
        self.redis.signal(signal.SIGKILL)

    def settle(self):
        """Waits for the end of all jobs, whoever is killed meanwhile."""
        def settled():
            self.revive()
            with contextlib.suppress(redis_package.ConnectionError):
                return jobs_done(self.store)
        wait_until(settled, what="the end of all jobs")

    def revive(self):
        """Whoever was killed comes back. (Servers must be started by threads that outlive them.)"""
        if not self.redis.running():
            self.redis.kill()
            self.redis = self.redis.restart()
        if not self.daemon.running():
            self.daemon.kill()
            self.daemon = Feedd(self.daemon.state_dir, *self.daemon.flags, wait_for=None)

    def connect(self):
        self.wait_listening()
        return self.daemon.connect()

    def wait_listening(self):
        """A daemon that is killed at the beginning may not have come so far."""
        def ready():
            self.revive()
            return any("event=ready" in line for line in self.daemon.lines)
        wait_until(ready, what="the daemon to be ready")


def sweep(stages, points, wanted):
    """Runs a story for one point after another, on all stages at once, until it was come to so many of them. Returns which."""
    waiting, reached = collections.deque(points), []

    def work(stage):
        while len(reached) < wanted:
            try:
                point = waiting.popleft()
            except IndexError:
                break
            if any(stage.run(point)[0] for _ in range(TRIES)):
                reached.append(point)
        stage.redis.stop()

    with ThreadPoolExecutor(len(stages)) as workers:
        for future in [workers.submit(work, stage) for stage in stages]:
            future.result()
    return reached


@pytest.mark.timeout(900)
@pytest.mark.parametrize("victim", ["daemon", "redis"])
def test_a_story_survives_a_death_at_any_of_its_redis_commands(start_feedd, start_redis, workdir, victim):
    servers = types.SimpleNamespace(start_feedd=start_feedd, start_redis=start_redis)
    stages = [Stage(servers, workdir, str(number), victim) for number in range(WORKERS)]
    try:
        undisturbed = [stage.run(None)[1] for stage in stages]
        counts = {link: min(one[link] for one in undisturbed) for link in LINKS}
        assert all(counts.values()), counts
        points = [(link, number, moment) for link in LINKS for number in range(1, counts[link] + 1)
                  for moment in (BEFORE, AFTER)]
        reached = sweep(stages, random.Random(SEED).sample(points, len(points)), len(points) if ALL else SAMPLE)
    finally:
        for stage in stages:
            stage.proxy.close()
    print(f"\n{victim}: a story has {sum(counts.values())} commands {counts}, {len(points)} points; {len(reached)} tried")
    assert len(reached) >= (ALMOST_ALL * len(points) if ALL else SAMPLE)
