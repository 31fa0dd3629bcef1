"""`feedctl admin check`: what does not agree in a store is found, precisely that, and mended; a sound store has no findings."""
import json
import re
import signal
import threading
from pathlib import Path

import feed_pb2 as pb
from feed_client import Client
from harness import jobs_done, wait_until
from test_admin import DONE, REFUSED, refusal, run, socket_of, text
from test_block import block, unblock
from test_reshare import reshare
from test_subjects import describe

ROOT = Path(__file__).resolve().parents[2]
KINDS = re.findall(r'^CHECK\(\w+, "([a-z-]+)"', (ROOT / "proto/check.def").read_text(), re.M)


def check(daemon, *options):
    """The answer, and what was found by kind."""
    result = run(daemon, "check", *options)
    answer = json.loads(result.stdout)
    assert answer["state"] == "done" and answer["undecided"] == 0, answer
    assert result.returncode == (DONE if answer["left"] == 0 else REFUSED), answer
    return answer, {row["finding"]: row["found"] for row in answer["findings"]}


def assert_clean(daemon):
    answer, found = check(daemon)
    assert not found, answer
    return answer


class Store:
    """A store in which real things happened, and its keys."""

    def __init__(self, daemon, redis):
        self.redis = redis.client()
        with daemon.connect() as client:
            client.follow_many([(f"reader{number}", "author") for number in range(6)])
            client.follow_many([("reader0", "other"), ("reader0", "sharer")])
            describe(client, "author", display_name="Ada Author")
            block(client, "reader4", "enemy")
            block(client, "reader5", "enemy")
            client.follow("reader1", "former")
            self.former = client.share("former").id
            client.unfollow("reader1", "former", keep_history=True)
            for number in range(3):
                client.timeline(f"reader{number}")
            self.shares = [client.share("author", url=f"http://example.org/{number}").id for number in range(6)]
            self.lonely = [client.share("lonely", url=f"http://example.net/{number}").id for number in range(4)]
            self.gone = client.share("lonely", url="http://example.net/gone").id
            client.delete("lonely", self.gone)
            client.edit("author", self.shares[5], comment="Look again")
            self.comments = [client.comment("talker", self.shares[number]) for number in range(4)]
            self.busy = client.share("busy").id
            client.call_all([pb.CommentRequest(commenter="talker", share_id=self.busy, text=f"{number}")
                             for number in range(300)])
            self.reply = client.comment("reader0", self.shares[0], parent_id=self.comments[0])
            self.reshares = [reshare(client, "sharer", self.shares[number]).id for number in range(3)]
            client.mark_read("reader2", self.shares[4])
            client.mark_read("reader2", self.shares[5])
            wait_until(lambda: jobs_done(self.redis))

    def key(self, kind, name=""):
        """A key that is there."""
        return next(key for key in self.redis.scan_iter(f"{kind}:{{*}}{':' if name else ''}{name}", count=1000))

    def beside(self, kind, key, name=""):
        """A key of the same partition that need not be there."""
        tag = re.search(r"\{\d+\}", key).group()
        return f"{kind}:{tag}{':' if name else ''}{name}"

    def recount(self, share, comments, reshares):
        at = self.redis.get(self.key("counts", share)).split()[0]
        self.redis.set(self.key("counts", share), f"{at} {comments} {reshares}")

    def lose_entry(self):
        """An entry that is pending is lost."""
        for log in self.redis.scan_iter("log:*"):
            for lost, fields in self.redis.xrange(log):
                if fields["k"] == "read":
                    self.redis.execute_command("XCLAIM", log, "appliers", "nobody", 0, lost, "FORCE", "JUSTID")
                    self.redis.xdel(log, lost)
                    return


def lose_share_of_profile(store):
    store.redis.delete(store.key("share", store.lonely[3]))


def forget_reshare(store):
    store.redis.zrem(store.key("reshares", store.shares[0]), "sharer")
    store.recount(store.shares[0], 2, 0)


def invent_reshare(store):
    store.redis.zadd(store.key("reshares", store.shares[1]), {"lonely": store.gone})
    store.recount(store.shares[1], 1, 2)


def invent_follow(store):
    """One that a block should have ended."""
    store.redis.zadd(store.beside("blocked", store.key("following", "reader5"), "reader5"), {"author": 64})
    store.redis.zadd(store.beside("blockers", store.key("profile", "author"), "author"), {"reader5": 64})


def invent_record(store):
    store.redis.zadd(store.key("site", "example.org"), {"lonely": store.gone})


def lose_record(store):
    for record in store.redis.scan_iter("destination:*"):
        if store.redis.zscore(record, "lonely") == store.lonely[0]:
            store.redis.zrem(record, "lonely")


def park(store):
    parked = store.beside("parked", store.key("share", store.shares[2]))
    store.redis.hset(parked, store.shares[2], json.dumps({"kind": "share", "subject": "author", "reader": "", "tries": 1,
                                                          "reason": "", "daemon": "", "parked_ms": 1}))


# What is done to a store for each kind of finding.
BREAKS = {
    "follow-without-edge": lambda store: store.redis.zrem(store.key("followers", "author"), "reader0"),
    "edge-without-follow": lambda store: store.redis.zrem(store.key("following", "reader3"), "author"),
    "block-without-bar": lambda store: store.redis.zrem(store.key("blockers", "enemy"), "reader4"),
    "bar-without-block": lambda store: store.redis.zrem(store.key("blocked", "reader5"), "enemy"),
    "follow-despite-block": invent_follow,
    "kept-and-followed": lambda store: store.redis.zadd(store.key("kept", "reader1"), {"author": store.former}),
    "profile-without-body": lose_share_of_profile,
    "body-without-profile": lambda store: store.redis.zrem(store.key("profile", "author"), store.shares[0]),
    "counts-wrong": lambda store: store.recount(store.busy, 299, 0),
    "dialogue-wrong": lambda store: store.redis.zrem(store.key("dialogue", store.shares[0]), store.comments[0]),
    "left-behind": lambda store: store.redis.set(store.beside("counts", store.key("profile", "lonely"), store.gone), "64 1 0"),
    "comment-not-noted": lambda store: store.redis.zrem(store.key("commented", "talker"),
                                                        f"{store.comments[2]}:{store.shares[2]}"),
    "share-not-recorded": lose_record,
    "record-gone": invent_record,
    "reshare-not-noted": forget_reshare,
    "reshare-gone": invent_reshare,
    "timeline-broken": lambda store: store.redis.lset(store.key("timeline", "reader1"), -1, "0 99 5"),
    "timeline-dead-id": lambda store: store.redis.lpush(store.key("timeline", "reader2"), store.gone + 64),
    "word-missing": lambda store: store.redis.zrem(store.key("words"), "ada author\nauthor"),
    "word-stray": lambda store: store.redis.zadd(store.key("words"), {"ade\nauthor": 0}),
    "last-id-wrong": lambda store: store.redis.hincrby(store.beside("meta", store.key("profile", "author")), "last", -64),
    "log-hole": Store.lose_entry,
    "not-indexed": lambda store: store.redis.zrem(store.beside("deletions", store.key("profile", "author")),
                                                  f"e{store.shares[5]}:author"),
    "pending-without-entry": lambda store: None,  # with the hole
    "place-without-job": lambda store: store.redis.set(store.beside("job", store.key("profile", "author"), store.shares[4]),
                                                       64),
    "parked": park,
    "wrong-type": lambda store: store.redis.set(store.beside("muted", store.key("profile", "author"), "author"), "nothing"),
}


def test_what_does_not_agree_is_found_precisely_and_mended(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--store-partitions", "4")
    store = Store(daemon, redis)
    assert_clean(daemon)
    assert set(BREAKS) == set(KINDS)
    for break_one in BREAKS.values():
        break_one(store)
    answer, found = check(daemon, "--limit", "100")
    assert found == dict.fromkeys(BREAKS, 1), answer["examples"]
    examples = {row["finding"]: (row["where"], row["about"]) for row in answer["examples"]}
    assert examples["follow-without-edge"] == ("reader0", "author") and examples["bar-without-block"] == ("enemy", "reader5")
    assert check(daemon)[1] == found, "looking changes nothing"

    mended, found = check(daemon, "--repair")
    assert mended["left"] == 0 and set(found) >= set(BREAKS), mended
    assert_clean(daemon)
    with daemon.connect() as client:
        share = client.share("author").id
        wait_until(lambda: jobs_done(store.redis))
        assert str(share) in store.redis.lrange(store.key("timeline", "reader0"), 0, -1), "it is pushed again"
        assert [shown for reader in ("reader0", "reader3", "reader5") if share in client.timeline_ids(reader)
                for shown in [reader]] == ["reader0"]
        assert client.get(store.busy).comment_count == 300 and client.get(store.shares[0]).reshare_count == 1
        assert client.profile_ids("author")[-1] == store.shares[0]
        assert client.profile_ids("lonely") == store.lonely[2::-1]


def look(operator):
    return json.loads(operator.call(pb.AdminRequest(command="check")).json)


def test_a_check_is_shown_to_people_and_waits_for_a_store_that_is_away(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--redis-timeout-ms", "500")
    with daemon.connect() as client:
        client.share_patiently("author", 500)
    assert "done" in text(daemon, "check")
    redis.signal(signal.SIGSTOP)
    with Client(socket_of(daemon)) as operator:
        begin = pb.AdminRequest(command="check", arguments=["do=begin"])
        assert json.loads(operator.call(begin).json)["state"] == "running"
        assert operator.refusal(begin).code == "BUSY"
        wait_until(lambda: look(operator)["doing"] == "waiting for the store")
        redis.signal(signal.SIGCONT)
        wait_until(lambda: look(operator)["state"] == "done")
        redis.signal(signal.SIGSTOP)
        operator.call(begin)
        wait_until(lambda: look(operator)["doing"] == "waiting for the store")
        assert look(operator)["state"] == "running"
        redis.kill()
        redis.restart()
        wait_until(lambda: look(operator)["state"] == "done")
        answer = look(operator)
        assert answer["found"] == answer["undecided"] == 0 and answer["keys"] >= 500
    assert refusal(daemon, "check", "--limit", "0")["field"] == "limit"
    assert refusal(daemon, "check", "--stop")["message"] == "no check is under way"


class Worker(threading.Thread):
    """Does what may go wrong, again and again."""

    def __init__(self, daemon, number, end):
        super().__init__()
        self._daemon, self._number, self._end = daemon, number, end
        self.rounds = 0
        self.failure = None

    def run(self):
        try:
            with self._daemon.connect() as client:
                while not self._end.is_set():
                    self._round(client)
                    self.rounds += 1
        except Exception as failure:  # shown by the test
            self.failure = failure

    def _round(self, client):
        me, other = f"worker{self._number}", f"worker{(self._number + 1 + self.rounds % 2) % 3}"
        client.follow(me, other)
        client.follow(other, me)
        share, second = client.share(me).id, client.share(me, url=f"http://example.org/{self.rounds}").id
        comment = client.comment(other, share)
        client.comment(me, share, parent_id=comment)
        reshare(client, f"fan{self._number}", share)
        client.timeline(other)
        client.edit(me, second, title="again")
        client.delete_comment(other, share, comment)
        client.unfollow(me, other, keep_history=self.rounds % 2 == 0)
        describe(client, me, display_name=f"Worker {self.rounds}")
        client.delete(me, share)
        block(client, f"fan{self._number}", me)
        unblock(client, f"fan{self._number}", me)
        if self.rounds % 8 == 7:
            client.call(pb.DeleteSubjectRequest(subject=f"fan{self._number}"))


def test_a_sound_store_has_no_findings_while_everything_changes(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--store-partitions", "4", "--profile-cap", "20", "--timeline-cap", "10")
    end = threading.Event()
    workers = [Worker(daemon, number, end) for number in range(3)]
    for worker in workers:
        worker.start()
    try:
        wait_until(lambda: min(worker.rounds for worker in workers) > 10 or any(worker.failure for worker in workers))
        for options in ((), ("--repair",), ()):
            answer, found = check(daemon, *options)
            assert not found, answer
    finally:
        end.set()
        for worker in workers:
            worker.join()
    assert not [worker.failure for worker in workers if worker.failure]
    assert_clean(daemon)
