"""What is popular: most followed, most shared, of all time and lately."""
import json
import subprocess

import feed_pb2 as pb
import harness
from harness import jobs_done, wait_until

SUBJECTS, DESTINATIONS = pb.POPULAR_SUBJECTS, pb.POPULAR_DESTINATIONS
HOUR_IDS = 3600 * 1000 << 13


def popular(client, kind, window=pb.ALL_TIME, limit=0, reader=""):
    """[(what, count)], the most first."""
    reply = client.call(pb.GetPopularRequest(kind=kind, window=window, limit=limit, reader=reader))
    return [(item.subject or item.url, item.count) for item in reply.items]


def share(client, author, url):
    return client.call(pb.ShareRequest(author=author, url=url)).id


def test_the_most_followed_subjects_come_first_with_their_exact_numbers(start_feedd, redis):
    with start_feedd("--redis-url", redis.url, "--store-partitions", "4").connect() as client:
        client.follow_many([(f"reader{reader}", f"subject{subject:02}") for subject in range(12) for reader in range(subject + 1)])
        expected = [(f"subject{subject:02}", subject + 1) for subject in range(11, -1, -1)]
        for window in (pb.ALL_TIME, pb.LAST_DAY, pb.LAST_HOUR):
            assert popular(client, SUBJECTS, window) == expected
            assert popular(client, SUBJECTS, window, limit=3) == expected[:3]
        for reader in range(12):
            client.unfollow(f"reader{reader}", "subject11")
        client.unfollow("reader0", "subject10")
        assert sorted(popular(client, SUBJECTS, limit=2)) == [("subject09", 10), ("subject10", 10)]
        assert "subject11" not in dict(popular(client, SUBJECTS))
        assert client.call(pb.GetPopularRequest(kind=SUBJECTS)).error == 0


def test_the_most_shared_destinations_come_first_and_go_with_their_shares(start_feedd, redis):
    with start_feedd("--redis-url", redis.url, "--store-partitions", "4").connect() as client:
        ids = {(url, author): share(client, f"author{author}", f"http://example.org/{url}#{author}")
               for url in range(1, 6) for author in range(url)}
        share(client, "author0", "http://example.org/1#again")
        expected = [(f"http://example.org/{url}", url) for url in (5, 4, 3, 2, 1)]
        for window in (pb.ALL_TIME, pb.LAST_DAY, pb.LAST_HOUR):
            wait_until(lambda: popular(client, DESTINATIONS, window) == expected)
        for author in range(5):
            client.delete(f"author{author}", ids[5, author])
        assert "http://example.org/5" not in dict(popular(client, DESTINATIONS))
        wait_until(lambda: popular(client, DESTINATIONS) == expected[1:])
        item = client.call(pb.GetPopularRequest(kind=DESTINATIONS, limit=1)).items[0]
        assert item.share.url.startswith("http://example.org/4#")


def test_an_hour_and_a_day_hold_only_what_came_in_them(start_feedd, redis):
    """Follows of before are made by moving edges back in time where Redis keeps them."""
    with start_feedd("--redis-url", redis.url).connect() as client:
        client.follow_many([(f"reader{number}", subject) for subject in ("old", "yesterday", "new") for number in range(3)])
        client.follow("reader3", "old")
        store, [hour] = redis.client(), [key.rpartition(":")[2] for key in redis.client().keys("popular:*:subject:[0-9]*")]
        for subject, hours in (("old", 30), ("yesterday", 5)):
            [followers] = store.keys(f"followers:*:{subject}")
            for reader, score in store.zrange(followers, 0, -1, withscores=True):
                store.zadd(followers, {reader: score - hours * HOUR_IDS})
            [bucket] = store.keys(f"popular:*:subject:{hour}")
            count = store.zscore(bucket, subject)
            store.zrem(bucket, subject)
            store.zadd(bucket.replace(hour, str(int(hour) - hours)), {subject: count})
        assert sorted(popular(client, SUBJECTS)) == [("new", 3), ("old", 4), ("yesterday", 3)]
        assert sorted(popular(client, SUBJECTS, pb.LAST_DAY)) == [("new", 3), ("yesterday", 3)]
        assert popular(client, SUBJECTS, pb.LAST_HOUR) == [("new", 3)]


def test_what_has_most_is_found_among_more_than_are_remembered(start_feedd, redis):
    with start_feedd("--redis-url", redis.url).connect() as client:
        client.follow_many([(f"reader{reader}", "first") for reader in range(2)])
        for start in range(0, 900, 300):
            client.follow_many([("reader9", f"subject{number}") for number in range(start, start + 300)])
        client.follow_many([(f"reader{reader}", "last") for reader in range(3)])
        reply = client.call(pb.GetPopularRequest(kind=SUBJECTS, limit=3))
        assert [(item.subject, item.count) for item in reply.items[:2]] == [("last", 3), ("first", 2)]
        assert reply.error == 1
        assert all(redis.client().zcard(key) <= 320 for key in redis.client().keys("popular:*[^d]"))


def test_what_was_dropped_counts_as_an_error_also_when_there_is_room_again(start_feedd, redis):
    with start_feedd("--redis-url", redis.url).connect() as client:
        pairs = [(reader, f"subject{number:03}") for number in range(320) for reader in ("reader1", "reader2")]
        client.follow_many(pairs)
        for subject, _ in popular(client, SUBJECTS, limit=200):
            for reader in ("reader1", "reader2"):
                client.unfollow(reader, subject)
        reply = client.call(pb.GetPopularRequest(kind=SUBJECTS, limit=200))
        assert len(reply.items) < 120 and reply.error == 2, "one of those 64 who were dropped may have as many"


def test_the_most_discussed_shares_come_first(start_feedd, redis):
    with start_feedd("--redis-url", redis.url, "--store-partitions", "4").connect() as client:
        ids = [share(client, f"author{number}", f"http://example.org/{number}") for number in range(4)]
        comments = [client.call(pb.CommentRequest(commenter="bob", share_id=ids[number], text="hm")).id
                    for number in range(4) for _ in range(number)]

        def discussed(window=pb.LAST_HOUR):
            reply = client.call(pb.GetPopularRequest(kind=pb.POPULAR_SHARES, window=window))
            return [(item.share.id, item.count) for item in reply.items]

        assert discussed() == discussed(pb.ALL_TIME) == [(ids[3], 3), (ids[2], 2), (ids[1], 1)]
        client.call(pb.DeleteCommentRequest(subject="bob", share_id=ids[1], id=comments[0]))
        client.delete("author3", ids[3])
        assert discussed() == [(ids[2], 2)]


def test_a_reader_is_not_shown_whom_it_does_not_see_but_what_others_made_popular(start_feedd, redis):
    with start_feedd("--redis-url", redis.url, "--store-partitions", "4").connect() as client:
        client.follow_many([(f"reader{reader}", subject) for subject in ("ann", "bob", "cid") for reader in range(3)])
        shares = {author: share(client, author, "http://example.org/") for author in ("ann", "bob", "cid")}
        for author, number in (("ann", 1), ("bob", 2), ("cid", 3)):
            for _ in range(number):
                client.comment("dora", shares[author])
        wait_until(lambda: jobs_done(redis.client()), what="the end of all jobs")
        client.call(pb.MuteRequest(reader="eve", subject="bob"))
        client.call(pb.BlockRequest(reader="cid", subject="eve"))
        assert popular(client, SUBJECTS, reader="eve", limit=1) == [("ann", 3)]
        assert sorted(name for name, _ in popular(client, SUBJECTS)) == ["ann", "bob", "cid"]

        def items(kind, reader):
            return client.call(pb.GetPopularRequest(kind=kind, window=pb.ALL_TIME, reader=reader)).items

        assert [(item.share.author, item.count) for item in items(pb.POPULAR_SHARES, "eve")] == [("ann", 1)]
        assert [item.share.author for item in items(pb.POPULAR_SHARES, "")] == ["cid", "bob", "ann"]
        assert [(item.url, item.count, item.share.author) for item in items(DESTINATIONS, "eve")] == [
            ("http://example.org/", 3, "")]
        assert items(DESTINATIONS, "fay")[0].share.author == "cid"


def test_a_restart_and_other_daemons_change_nothing(start_feedd, redis):
    first = start_feedd("--redis-url", redis.url, state="d0")
    with first.connect() as client:
        client.follow_many([(f"reader{reader}", "alice") for reader in range(3)])
        for author in range(4):
            share(client, f"author{author}", "http://example.org/a")
        wait_until(lambda: jobs_done(redis.client()))
        told = [popular(client, kind, pb.LAST_HOUR) for kind in (SUBJECTS, DESTINATIONS)]
    first.kill()
    for state in ("d0", "d1"):
        with start_feedd("--redis-url", redis.url, state=state).connect() as client:
            assert [popular(client, kind, pb.LAST_HOUR) for kind in (SUBJECTS, DESTINATIONS)] == told
    assert told == [[("alice", 3)], [("http://example.org/a", 4)]]


def test_a_kind_or_window_that_does_not_exist_is_refused_by_name(client):
    assert client.refusal(pb.GetPopularRequest()).field == "kind"
    assert client.refusal(pb.GetPopularRequest(kind=99)).field == "kind"
    assert client.refusal(pb.GetPopularRequest(kind=SUBJECTS, window=7)).field == "window"


def test_feedctl_shows_what_is_popular(start_feedd):
    feedd = start_feedd()

    def feedctl(*words):
        return subprocess.run([harness.FEEDCTL, "--server", feedd.server_flag, *words], capture_output=True, text=True,
                              timeout=50, env=harness.ENVIRONMENT)

    assert "nothing in this time" in feedctl("popular", "destinations").stdout
    with feedd.connect() as client:
        client.follow_many([("bob", "alice"), ("carl", "alice"), ("carl", "bob")])
        client.call(pb.ShareRequest(author="alice", url="http://example.org/a", title="On teapots"))
        wait_until(lambda: popular(client, DESTINATIONS))
        share = client.share("bob", title="Talked about").id
        client.comment("carl", share)
        wait_until(lambda: popular(client, pb.POPULAR_SHARES))
    first, title, url = feedctl("popular", "shares").stdout.splitlines()
    assert (first.split(), title.strip()) == (["1", "bob", f"#{share}"], "Talked about") and url.strip().startswith("http")
    assert [line.split() for line in feedctl("popular", "subjects").stdout.splitlines()] == [["2", "alice"], ["1", "bob"]]
    assert "On teapots" in feedctl("popular", "destinations", "--window", "hour").stdout
    items = json.loads(feedctl("--json", "popular", "subjects", "--window", "all", "--limit", "1").stdout)["items"]
    assert [(item["subject"], item["count"]) for item in items] == [("alice", "2")]
    assert feedctl("popular", "nonsense").returncode == feedctl("popular", "subjects", "--window", "year").returncode == 2
