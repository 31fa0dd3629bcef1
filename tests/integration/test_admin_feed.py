"""What operators see of the feed and of Redis: the story of a share, jobs, subjects, who is hot."""
import pytest

import feed_pb2 as pb
from feed_client import Client
from harness import check_stored, jobs_done, wait_until
from test_admin import admin, refusal, run, socket_of, text

STEPS = ["asked", "committed", "read", "delivered", "sent", "fan-out-begun", "fan-out-done"]


def story(daemon, share):
    return admin(daemon, "trace", share)


def steps_of(answer):
    return {row["step"]: row["after_us"] for row in answer["steps"]}


def finished(daemon, share):
    """The story when there is nothing to come."""
    return wait_until(lambda: (told := story(daemon, share)) and told["fan_out"] == "done" and
                      "fan-out-done" in steps_of(told) and told)


# -------------------------------------------------------------------------------------------------------------- trace

def test_the_story_of_a_share_tells_who_got_it_and_when(start_feedd):
    daemon = start_feedd("--store-partitions", "4")
    with daemon.connect() as client:
        client.follow_many([(f"reader{number}", "author") for number in range(10)])
        for number in range(4):
            client.timeline(f"reader{number}")
        client.follow_stream(home="reader0")
        client.follow_stream(home="reader1")
        client.follow_stream(profile="author")
        share = client.share("author").id
        told = finished(daemon, share)
        assert told["author"] == "author" and told["exists"] and told["known_here"]
        assert (told["streams_here"], told["behind_here"]) == (3, 0)
        assert (told["pushed_here"], told["away_here"]) == (4, 7), "7: the author has never read, and 6 readers have not"
        steps = steps_of(told)
        assert sorted(steps) == sorted(STEPS)
        assert 0 == steps["asked"] < steps["read"] <= steps["delivered"] <= steps["sent"]
        assert steps["asked"] < steps["committed"] and steps["fan-out-begun"] <= steps["fan-out-done"] < 60_000_000
        assert [row["after_us"] for row in told["steps"]] == sorted(steps.values())
        shown = text(daemon, "trace", share)
        assert "queued for: 3" in shown and "pushed to: 4; readers who are away: 7" in shown and "held by" not in shown
        assert str(share) in shown, "an id is shown as it is typed"
        client.delete("author", share)
        assert story(daemon, share)["exists"] is False
        latency = admin(daemon, "stats")["share_to_sent"]
        assert latency["shares"] == 1 and latency["p50_us"] == latency["max_us"] == steps["sent"]


def test_a_share_of_another_daemon_is_told_of_as_far_as_it_came_here(start_feedd, redis):
    one, other = (start_feedd("--redis-url", redis.url, state=state) for state in ("one", "other"))
    with one.connect() as client, other.connect() as listener:
        stream = listener.follow_stream(profile="author")
        share = client.share("author").id
        stream.wait_for_share(share)
        told = story(other, share)
        assert told["known_here"] and told["streams_here"] == 1 and "asked" not in steps_of(told)
        assert story(one, share)["streams_here"] == 0


def test_a_daemon_that_was_not_there_tells_what_the_store_knows(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as client:
        share = client.share("author").id
        finished(daemon, share)
    daemon.stop()
    told = story(daemon.restart(), share)
    assert set(steps_of(told)) <= {"read"} and told["author"] == "author" and told["fan_out"] == "done"


@pytest.mark.parametrize("share, code", [("0", "INVALID"), ("x", "INVALID"), ("9007199254740992", "INVALID"),
                                         ("64", "NOT_FOUND"), ("63", "NOT_FOUND")])
def test_the_story_of_what_is_no_share_is_refused(feedd, share, code):
    assert refusal(feedd, "trace", share)["code"] == code


# --------------------------------------------------------------------------------------------------------------- jobs

def test_what_is_parked_is_listed_and_can_be_tried_again_at_once(start_feedd, redis):
    store = redis.client()
    daemon = start_feedd("--redis-url", redis.url, "--fanout-claim-after-ms", "400")
    with daemon.connect() as client:
        client.follow("reader", "bad")
        client.timeline("reader")
        wait_until(lambda: jobs_done(store), what="the end of all jobs")
        store.rename("followers:{0}:bad", "aside")
        store.set("followers:{0}:bad", "no set of followers")
        bad = client.share("bad").id
        running = wait_until(lambda: admin(daemon, "jobs")["jobs"])
        assert [(row["id"], row["kind"], row["subject"]) for row in running] == [(bad, "share", "bad")]
        answer = wait_until(lambda: (jobs := admin(daemon, "jobs"))["parked"] and jobs)
        assert answer["parked_in_all"] == 1 and answer["running"] == 0
        parked, = answer["parked"]
        assert (parked["id"], parked["kind"], parked["subject"]) == (bad, "share", "bad")
        assert "WRONGTYPE" in parked["reason"] and "WRONGTYPE" in text(daemon, "jobs")
        told = story(daemon, bad)
        assert told["fan_out"] == "parked" and "WRONGTYPE" in told["parked_reason"]
        store.delete("followers:{0}:bad")
        store.rename("aside", "followers:{0}:bad")
        assert admin(daemon, "jobs", "retry") == {"retried": 1}
        wait_until(lambda: jobs_done(store), what="the entry to be done")
        check_stored(store, "reader", [bad])
        wait_until(lambda: story(daemon, bad)["fan_out"] == "done")
        assert refusal(daemon, "jobs", "forget")["code"] == "INVALID"
    assert daemon.stop()["jobs_unparked"] == 1


# ------------------------------------------------------------------------------------------------- subjects, who is hot

def test_a_subject_is_shown_with_what_there_is_of_it_and_who_listens(feedd, client, name):
    author, reader = name("author"), name("reader")
    client.follow_many([(reader, author), (name("other"), author)])
    client.share_many(author, 3)
    client.follow_stream(home=reader)
    client.follow_stream(profile=author)
    assert client.timeline_ids(reader)
    shown = admin(feedd, "subject", author)
    assert (shown["followers"], shown["following"], shown["shares"]) == (2, 0, 3)
    assert (shown["online_followers_here"], shown["profile_streams_here"], shown["home_streams_here"]) == (1, 1, 0)
    assert shown["has_timeline"] is False
    shown = admin(feedd, "subject", reader)
    assert (shown["followers"], shown["following"], shown["home_streams_here"]) == (0, 1, 1)
    assert shown["has_timeline"] and shown["following_in_memory"]
    assert wait_until(lambda: admin(feedd, "subject", reader)["timeline_entries"] == 3)
    assert refusal(feedd, "subject", "")["code"] == "INVALID"
    assert "SUBJECT is longer than 128 bytes" in run(feedd, "subject", "x" * 129, json_wanted=False).stderr


def test_the_hottest_subjects_are_those_whose_shares_cost_most(feedd, client, name):
    loud, busy = name("loud"), name("busy")
    for _ in range(30):
        client.follow_stream(profile=loud)
    client.share_many(busy, 20)
    client.share_many(loud, 5)
    wait_until(lambda: [row["deliveries"] for row in admin(feedd, "hot")["subjects"] if row["subject"] == loud] == [150])
    rows = {row["subject"]: row for row in admin(feedd, "hot", "--limit", "100")["subjects"]}
    assert rows[loud]["shares"] == 5 and rows[busy]["shares"] == 20 and rows[busy]["deliveries"] == 0
    assert list(rows).index(loud) < list(rows).index(busy)
    assert rows[loud]["deliveries_per_s"] > rows[loud]["shares_per_s"] > 0


# -------------------------------------------------------------------------------------------------------------- redis

def test_redis_is_shown_with_its_links_and_partitions(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--store-partitions", "4")
    with daemon.connect() as client:
        share = client.share("author").id
        wait_until(lambda: any(row["position"] == share for row in admin(daemon, "redis")["partitions"]))
    shown = admin(daemon, "redis")
    assert shown["ready"] and shown["memory_policy"] == "noeviction" and shown["used_memory_bytes"] > 100_000
    assert 0 < shown["answered_in_us"] < 10_000_000 and shown["version"].startswith("7.")
    assert [row["link"] for row in shown["links"]] == ["commands", "bulk", "tail", "jobs"]
    assert {row["state"] for row in shown["links"]} == {"up"}
    assert [row["partition"] for row in shown["partitions"]] == [0, 1, 2, 3]


def test_while_redis_is_away_what_only_it_knows_is_null(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client:
        share = client.share("author").id
        finished(daemon, share)
        redis.stop()
        wait_until(lambda: not admin(daemon, "stats")["ready"])
        shown = admin(daemon, "redis")
        assert shown["version"] is None and shown["answered_in_us"] is None and not shown["ready"]
        assert {row["state"] for row in shown["links"]} <= {"away", "connecting", "stopped"}
        assert shown["partitions"][0]["position"] == share
        told = story(daemon, share)
        assert told["known_here"] and told["exists"] is None and told["fan_out"] is None and told["author"] is None
        assert sorted(steps_of(told)) == sorted(STEPS[:3] + STEPS[5:])
        assert admin(daemon, "subject", "author")["followers"] is None
        assert admin(daemon, "jobs")["parked_in_all"] is None
        with Client(socket_of(daemon)) as operator:
            assert operator.refusal(pb.AdminRequest(command="jobs", arguments=["retry"])).code == "UNAVAILABLE"
        assert client.refusal(pb.GetShareRequest(id=share)).code == "UNAVAILABLE"
