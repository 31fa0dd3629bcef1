"""`feedctl admin export` and `import`: all that a store holds, as lines, and into another store."""
import json

import feed_pb2 as pb
from harness import jobs_done, wait_until
from test_admin import DONE, REFUSED, refusal, run
from test_check import Store, assert_clean
from test_reshare import reshare
from test_subjects import described

USAGE = 2
OPTIONS = ("--store-partitions", "4", "--profile-cap", "8", "--timeline-cap", "8", "--fanout-push-limit", "4")


def export(daemon, path):
    result = run(daemon, "export", path)
    assert (result.returncode, result.stderr) == (DONE, ""), result
    return path.read_text()


def import_lines(daemon, path):
    return run(daemon, "import", path)


def lines_of(text, word):
    return [line[word] for line in map(json.loads, text.splitlines()) if word in line]


def fill(daemon, redis):
    """A store in which everything is that there can be."""
    store = Store(daemon, redis)
    with daemon.connect() as client:
        client.share_many("chatty", 20)  # more than its profile keeps
        client.comment("talker", store.lonely[0], "“Ünïcode”\n\twith \\ and \"quotes\" 🫖")
        gone = client.comment("talker", store.lonely[0], "gone")
        client.comment("other", store.lonely[0], "0", parent_id=gone)
        client.delete_comment("talker", store.lonely[0], gone)
        reshare(client, "sharer", store.lonely[1], "again")
        client.call(pb.ShareRequest(author="lonely", url="http://example.com/old", created_at_ms=1_600_000_000_000,
                                    idempotency_key="a row of a file"))
        client.call(pb.MuteRequest(reader="reader1", subject="loud"))
        client.call(pb.MarkInboxReadRequest(subject="author", id=store.shares[0]))
        for number in range(3):
            client.share("lonely", url="http://example.com/the-same?utm_source=x")
    wait_until(lambda: jobs_done(store.redis))
    return store


def seen(daemon, store):
    """What clients see."""
    requests = [pb.GetDestinationRequest(url="http://example.com/the-same"), pb.GetInboxRequest(subject="author"),
                pb.GetUnreadRequest(reader="reader2"), pb.FindSubjectsRequest(prefix="ada"),
                pb.GetBlockedRequest(reader="reader4")]
    requests += [pb.GetPopularRequest(kind=kind, window=window) for kind in (1, 2, 3) for window in (pb.ALL_TIME, pb.LAST_HOUR)]
    with daemon.connect() as client:
        readers = [f"reader{number}" for number in range(6)]
        return {
            "timelines": {reader: client.whole_timeline(reader) for reader in readers},
            "profiles": {author: client.whole_profile(author) for author in ("author", "lonely", "sharer", "chatty")},
            "following": {reader: client.following(reader) for reader in readers},
            "followers": client.followers("author"),
            "dialogue": client.dialogue(store.lonely[0]),
            "subjects": described(client, "author", "other"),
            "replies": client.call_all(requests),
        }


# What an imported store does not have: logs and what only serves to carry them out or to resume, what is made at the next read,
# and keys of writes that were made one by one.
NOT_EXPORTED = {"feedd", "meta", "log", "deletions", "versions", "job", "tries", "parked", "erasure", "timeline", "key", "reply",
                "asked", "presence"}


def keys_of(redis):
    """All that stands in a store."""
    store = redis.client()
    read = {"string": store.get, "hash": store.hgetall, "list": lambda key: store.lrange(key, 0, -1),
            "zset": lambda key: store.zrange(key, 0, -1, withscores=True)}
    return {key: read[store.type(key)](key) for key in store.scan_iter(count=1000) if key.split(":")[0] not in NOT_EXPORTED}


def test_what_is_exported_and_imported_is_the_same_store_under_another_epoch(start_feedd, start_redis, redis, workdir):
    daemon = start_feedd("--redis-url", redis.url, *OPTIONS)
    store = fill(daemon, redis)
    text = export(daemon, workdir / "one.jsonl")
    assert export(daemon, workdir / "again.jsonl") == text, "an export is always the same"
    assert "author" in text and "UNSPECIFIED" not in text, "nothing is said of the author's kind"
    with daemon.connect() as client:
        token = client.follow_stream(home="reader0").token

    other = start_redis(name="other")
    into = start_feedd("--redis-url", other.url, *OPTIONS, state="into")
    result = import_lines(into, workdir / "one.jsonl")
    assert result.returncode == DONE and json.loads(result.stdout)["lines"] == len(text.splitlines()), result
    wait_until(lambda: run(into, "check").returncode == DONE)
    assert_clean(into)
    again = export(into, workdir / "two.jsonl")
    assert again == text
    assert keys_of(other) == keys_of(redis)
    for what, shown in seen(daemon, store).items():
        assert seen(into, store)[what] == shown, what
    with into.connect() as client:
        refused = client.refusal(pb.SubscribeRequest(home="reader0", resume_token=token))
        assert refused.code == "TOKEN_FOREIGN"
        repeated = client.call(pb.ShareRequest(author="lonely", url="http://example.com/old", created_at_ms=1_600_000_000_000,
                                               idempotency_key="a row of a file"))
        assert repeated.repeated, "what was imported with a key is not imported twice"
        share = client.share("author").id
        assert share > max(map(int, lines_of(text, "store")[0]["positions"])) - 64 and share in client.timeline_ids("reader0")
    assert_clean(into)
    refused = refusal(into, "import", workdir / "one.jsonl")
    assert refused["message"].startswith("the store is not empty") and (refused["code"], refused["field"]) == ("FORBIDDEN", "")


def test_what_cannot_be_imported_is_refused_with_its_line(start_feedd, workdir):
    daemon = start_feedd("--store-partitions", "2")
    path = workdir / "lines.jsonl"

    def attempt(*lines):
        path.write_text("".join(f"{line}\n" for line in lines))
        return import_lines(daemon, path)

    header = '{"store":{"format":1,"positions":["0","1"]}}'
    for lines, told in [
        ((), "empty"),
        (("{}",), "line 1"),
        (('{"store":{"format":2,"positions":["0","1"]}}',), "line 1"),
        (('{"store":{"format":1,"positions":["0","1","2","3"]}}',), "store.partitions"),
    ]:
        result = attempt(*lines)
        assert result.returncode in (REFUSED, USAGE) and told in result.stdout + result.stderr, result
    result = attempt(header, '{"follow":{"reader":"a","subject":"b","id":"64"}}', '{"share":{"id":"65","author":7}}')
    assert result.returncode == USAGE and "line 3" in result.stderr
    assert run(daemon, "check").returncode == DONE
    assert "not empty" in attempt(header).stdout, "an import that did not end cannot be gone on with"
