"""A real Prometheus reads a daemon to which everything happens that metrics count: each of them moves, and each expression of the
alerts and of the dashboard finds something."""
import json
import re
import shutil

import pytest

import feed_pb2 as pb
import harness
from feed_client import FeedError
from pages import Metrics, Prometheus, readiness
from test_slow_readers import BIG, Dribble
from wait import wait_until

ROOT = harness.Path(__file__).resolve().parents[2]
RULES = ROOT / "daemon/monitor/feedd.rules.yml"
DASHBOARD = ROOT / "daemon/monitor/grafana-dashboard.json"

# What does not happen to a single daemon on a host that is well, and the test that has it happen.
ELSEWHERE = {
    "feedd_accept_rests_total": ("tests/unit/test_net_accept.c", "metrics.accept_rests"),
    "feedd_jobs_claimed_total": ("tests/integration/test_parking.py", '"jobs_claimed"'),
    "feedd_records_failed_total": ("tests/unit/test_records.c", "metrics.records_failed"),
    "feedd_shares_resolved_total": ("tests/integration/test_redis_failures.py", '"shares_resolved"'),
    "feedd_tail_lag_seconds": ("tests/unit/test_health.c", "metrics.tail_lag_ms"),
}

FLAGS = ["--http-listen", "127.0.0.1:0", "--limits-max-connections", "8", "--limits-queue-soft-limit-bytes", "65536",
         "--limits-queue-budget-bytes", "65536", "--timeline-cap", "5", "--timeline-slack", "1", "--fanout-lag-limit-ms", "400",
         "--fanout-claim-after-ms", "400", "--fanout-retry-parked-s", "1", "--redis-stall-ms", "100",
         "--fanout-push-limit", "4"]


# ------------------------------------------------------------------------------------------------------ what happens to it

def read_and_write(daemon, client, other):
    client.follow_many([("reader", "author"), ("reader", "friend"), ("away", "author"), ("watcher", "author")])
    client.unfollow("reader", "friend")
    client.call(pb.SetSubjectRequest(subject=pb.Subject(id="author", display_name="The Author")))
    client.timeline("reader")
    other.follow_stream(home="watcher")
    for _ in range(12):
        client.share("author")
    for request in (pb.MuteRequest, pb.UnmuteRequest, pb.BlockRequest, pb.UnblockRequest):
        client.call(request(reader="reader", subject="rude"))
    client.call(pb.DeleteSubjectRequest(subject="rude"))
    client.follow_many([(f"fan{number}", "idol") for number in range(5)])
    client.share("idol")
    share = client.share("author").id
    client.call(pb.MarkReadRequest(reader="reader", id=share))
    client.call(pb.EditShareRequest(author="author", id=share, title="Edited"))
    comment = client.call(pb.CommentRequest(commenter="reader", share_id=share, text="Indeed")).id
    client.call(pb.DeleteCommentRequest(subject="reader", share_id=share, id=comment))
    client.delete("author", share)
    wait_until(lambda: client.timeline("reader") and Metrics(daemon)["feedd_timelines_recent_total"] > 0)
    assert client.refusal(pb.GetShareRequest(id=1)).code == "NOT_FOUND"


def read_slowly(daemon, client):
    """Two who do not take what is queued for them, beyond the budget."""
    client.follow_many([("slow1", "big1"), ("slow2", "big2")])
    slow = [Dribble(daemon.address, home=f"slow{number}") for number in (1, 2)]
    while Metrics(daemon)["feedd_frames_shed_total"] == 0:
        client.share_patiently("big1", 20, comment=BIG)
        client.share_patiently("big2", 20, comment=BIG)
    return slow


def fill_up(daemon):
    connections = [daemon.connect(hello=False) for _ in range(8)]
    wait_until(lambda: Metrics(daemon)["feedd_connections_refused_total"] > 0)
    for connection in connections:
        connection.close()


def defeat_jobs(daemon, client, store):
    """Keys of a wrong type: what is pushed to a timeline is passed over, a fan-out waits, and is parked, and taken up again."""
    client.follow("broken", "author")
    client.timeline("broken")
    store.delete("timeline:{0}:broken")
    store.set("timeline:{0}:broken", "no timeline")
    store.set("followers:{0}:bad", "no set of followers")
    client.share("author")
    client.share("bad")
    busy = pb.ShareRequest(author="author", url="http://example.org/")
    wait_until(lambda: isinstance(attempt(client, busy), FeedError))
    wait_until(lambda: Metrics(daemon)['feedd_jobs{state="parked"}'] > 0)
    wait_until(lambda: Metrics(daemon)["feedd_jobs_unparked_total"] > 0)
    wait_until(lambda: Metrics(daemon)['feedd_jobs{state="pending"}'] > 0)


def attempt(client, request):
    try:
        return client.call(request)
    except FeedError as error:
        return error


def let_redis_fail(daemon, redis):
    redis.signal(harness.signal.SIGSTOP)
    wait_until(lambda: Metrics(daemon)["feedd_redis_stalls_total"] > 0)
    redis.signal(harness.signal.SIGCONT)
    wait_until(lambda: readiness(daemon)[0] == 200)
    redis.client().execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    wait_until(lambda: Metrics(daemon)["feedd_redis_reconnects_total"] > 0)
    wait_until(lambda: readiness(daemon)[0] == 200)


def lose_the_store(client, store):
    """The streams that there are get a Gap."""
    store.flushall()
    attempt(client, pb.ShareRequest(author="author", url="http://example.org/"))


# ------------------------------------------------------------------------------------------------------------- expressions

def expressions():
    """Of the alerts what they compare, of the dashboard what it shows."""
    alerts = re.findall(r"expr: (.*) [<>]=? [\d.]+$", RULES.read_text(), re.MULTILINE)
    assert len(alerts) == RULES.read_text().count("- alert:")
    shown = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", [])]
    return alerts + [one.replace("$instance", ".*").replace("$__rate_interval", "1m") for one in shown]


def still(metrics, seen):
    return sorted(set(metrics.types) - seen - set(ELSEWHERE))


@pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed")
def test_every_metric_moves_and_every_expression_finds_something(workdir, start_feedd, redis):
    daemon, store, seen = start_feedd("--redis-url", redis.url, *FLAGS), redis.client(), set()
    prometheus = Prometheus(workdir / "prometheus", daemon, RULES)

    def look():
        metrics = Metrics(daemon)
        seen.update(name for name in metrics.types if metrics.total(name) > 0)
        return metrics

    with daemon.connect() as client, daemon.connect() as other:
        read_and_write(daemon, client, other)
        slow = read_slowly(daemon, client)
        look()
        for reader in slow:
            reader.socket.close()
        fill_up(daemon)
        wait_until(lambda: harness.jobs_done(store))
        defeat_jobs(daemon, client, store)
        look()
        let_redis_fail(daemon, redis)
        lose_the_store(client, store)
        wait_until(lambda: not still(look(), seen), what=lambda: f"{still(look(), seen)} to move")

        waiting = expressions()
        assert len(waiting) > 60

        def find():
            waiting[:] = [one for one in waiting if not prometheus.series(one)]
            return not waiting
        wait_until(find, what=lambda: f"a series of {waiting}")
    rules = prometheus.ask("rules")["groups"][0]["rules"]
    assert {rule["health"] for rule in rules} == {"ok"}
    assert prometheus.series("up")[0]["value"][1] == "1"


def test_what_does_not_happen_here_is_tested_elsewhere():
    for metric, (path, words) in ELSEWHERE.items():
        assert words in (ROOT / path).read_text(), f"{metric} is not looked at by {path}"
