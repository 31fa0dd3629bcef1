"""The real graph and the real links, replayed in front of live subscribers and compared with a model of the files."""
import collections
import contextlib
import itertools
import types

import pytest

import feed_pb2 as pb
import harness
import model
from crowd import Crowd
from feed_client import FeedError

SUBSCRIBERS = 500
BATCH = 500

pytestmark = [pytest.mark.timeout(300), pytest.mark.skipif(not (model.LINKS.exists() and model.EDGES.exists()),
                                                           reason=f"the real data is not at {model.DATA}")]


@pytest.fixture(scope="module")
def replay():
    """Imports the graph, connects the subscribers, replays all links, and waits until everything has arrived.

    A third of the people have read their timelines before (shares are pushed), a third after half of the replay (built
    in the middle of it), the others never (built at the first read of the comparison). Subscribers are of all kinds."""
    network = model.Network()
    with harness.work_directory() as path, harness.Servers(path) as servers:
        store = servers.start_redis()
        states = itertools.count()

        def start_daemon():
            return servers.start_feedd("--redis-url", store.url, state=f"state{next(states)}")

        daemon = start_daemon()
        with daemon.connect(timeout=120) as client:
            for start in range(0, len(network.follows), 1000):
                reply = client.follow_many(network.follows[start:start + 1000])
                assert reply.followed == len(network.follows[start:start + 1000]) and not reply.refused
            with Crowd(daemon.address, network.people[:SUBSCRIBERS]) as crowd:
                harness.wait_until(crowd.all_caught_up, timeout=60, what="500 subscribers")
                read_all(client, network.people[::3])
                ids = share_rows(client, network.rows[:len(network.rows) // 2])
                read_all(client, network.people[1::3])
                ids += share_rows(client, network.rows[len(network.rows) // 2:])
                expected = expected_streams(network, ids)
                total = sum(len(shares) for member in crowd.members for shares in expected[member.reader].values())
                harness.wait_until(lambda: crowd.has_seen(total), timeout=120, what=f"{total} deliveries")
                harness.wait_until(lambda: harness.jobs_done(store.client()), timeout=120, what="the end of all pushes")
                yield types.SimpleNamespace(network=network, ids=ids, client=client, crowd=crowd, streams=expected,
                                            start_daemon=start_daemon, store=store.client(), cap=client.hello_reply.limits.timeline_cap)
                crowd.check()


def read_all(client, readers):
    for page in client.call_all([pb.GetTimelineRequest(reader=reader, limit=1) for reader in readers]):
        assert not isinstance(page, FeedError), page


def share_rows(client, rows):
    """Replays rows in batches. Returns each row's id, or None for the few that have no valid url."""
    ids = []
    for start in range(0, len(rows), BATCH):
        batch = rows[start:start + BATCH]
        replies = client.call_all([pb.ShareRequest(author=row.author, url=row.url, title=row.title,
                                                   created_at_ms=row.created_at_ms) for row in batch])
        for row, reply in zip(batch, replies):
            if isinstance(reply, FeedError):
                assert model.refused(row) and (reply.code, reply.field) == ("INVALID", "url"), f"{row}: {reply}"
            ids.append(None if isinstance(reply, FeedError) else reply.id)
    return ids


def expected_streams(network, ids):
    """reader -> author -> ids in log order: what a subscriber sees who was there from the beginning."""
    streams = {}
    for reader in network.people:
        streams[reader] = collections.defaultdict(list)
        for index in network.timeline_rows(reader):
            if ids[index]:
                streams[reader][network.rows[index].author].append(ids[index])
    return streams


def timeline_differences(replay, readers):
    """Pages the timelines of `readers` to their ends and compares ids, order, ends and content with the model."""
    differences = []
    row_of = {share_id: row for share_id, row in zip(replay.ids, replay.network.rows) if share_id}
    for reader in readers:
        expected = sorted((share_id for shares in replay.streams[reader].values() for share_id in shares), reverse=True)
        shares, end = replay.client.whole_timeline(reader, limit=200)
        ids = [share.id for share in shares]
        found = [f"{reader}: {text}" for text in model.list_differences(expected, ids)]
        if end != pb.END:
            found.append(f"{reader}: ends in {pb.PageEnd.Name(end)} after {len(shares)} of {len(expected)}")
        for share in shares:
            if share.id in row_of:
                found += model.content_differences(row_of[share.id], share.id, share)
        differences += found
    return differences


@contextlib.contextmanager
def seen_from_another_daemon(replay):
    """One that has nothing in memory yet."""
    with replay.start_daemon().connect(timeout=120) as client:
        yield types.SimpleNamespace(**{**vars(replay), "client": client})


def test_every_timeline_is_exactly_as_the_files_say(replay):
    sizes = [sum(len(shares) for shares in stream.values()) for stream in replay.streams.values()]
    assert len(sizes) == 962 and sum(size > replay.cap for size in sizes) > 10, "pages beyond the cap must occur"
    assert timeline_differences(replay, replay.network.people) == []
    with seen_from_another_daemon(replay) as other:
        assert timeline_differences(other, replay.network.people[::5]) == []


def test_every_live_stream_is_exactly_as_the_files_say(replay):
    assert len(replay.crowd.members) == SUBSCRIBERS
    for member in replay.crowd.members:
        assert model.stream_differences(replay.streams[member.reader], member.seen) == [], member.reader
    row_of = {share_id: row for share_id, row in zip(replay.ids, replay.network.rows) if share_id}
    for share_id, share in replay.crowd.shares.items():
        assert model.content_differences(row_of[share_id], share_id, share) == []


def test_every_profile_is_exactly_as_the_files_say(replay):
    expected = collections.defaultdict(list)
    for share_id, row in zip(replay.ids, replay.network.rows):
        if share_id:
            expected[row.author].append(share_id)
    for author in sorted(expected, key=lambda author: len(expected[author]), reverse=True)[:1500]:
        assert replay.client.profile_ids(author, 200) == expected[author][::-1], author


def test_a_single_push_dropped_on_purpose_is_noticed(replay):
    readers = replay.network.people[:9]
    victim = readers[3]
    newest = max(share_id for shares in replay.streams[victim].values() for share_id in shares)
    assert timeline_differences(replay, readers) == []
    assert replay.store.lrem(f"timeline:{{0}}:{victim}", 0, str(newest)) >= 1
    with seen_from_another_daemon(replay) as other:
        assert timeline_differences(other, readers) == [f"{victim}: missing {newest}"]
