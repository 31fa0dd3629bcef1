"""Whom to follow: subjects that many of those follow whom the reader follows."""
import json
import subprocess

import feed_pb2 as pb
import harness
import model

import pytest


def suggestions(client, reader, limit=0):
    """[(subject, how many, {names})], the most first."""
    reply = client.call(pb.GetSuggestionsRequest(reader=reader, limit=limit))
    return [(one.subject, one.followed_by_count, set(one.followed_by)) for one in reply.suggestions]


def test_who_is_followed_by_most_of_those_followed_comes_first(client, name):
    reader, friends = name("reader"), [name(f"friend{number}") for number in range(5)]
    client.follow_many([(reader, friend) for friend in friends])
    for subject, count in (("two", 2), ("five", 5), ("four", 4)):
        client.follow_many([(friend, name(subject)) for friend in friends[:count]])
    found = suggestions(client, reader)
    assert [(subject, count) for subject, count, _ in found] == [(name("five"), 5), (name("four"), 4), (name("two"), 2)]
    assert all(names <= set(friends) and len(names) == min(count, 3) for _, count, names in found)
    assert suggestions(client, reader, limit=1) == found[:1]


def test_neither_the_reader_nor_whom_it_follows_is_suggested(client, name):
    reader, friends = name("reader"), [name(f"friend{number}") for number in range(3)]
    client.follow_many([(reader, friend) for friend in friends])
    client.follow_many([(friend, subject) for friend in friends for subject in (reader, name("known"), name("new"))])
    client.follow_many([(friends[0], friends[1]), (reader, name("known"))])
    assert [one[:2] for one in suggestions(client, reader)] == [(name("new"), 3)]
    client.follow(reader, name("new"))
    assert suggestions(client, reader) == []
    client.unfollow(reader, name("new"))
    client.unfollow(friends[0], name("new"))
    assert [one[:2] for one in suggestions(client, reader)] == [(name("new"), 2)]


def test_who_follows_nobody_gets_none(client, name):
    assert suggestions(client, name("reader")) == []
    assert client.refusal(pb.GetSuggestionsRequest()).field == "reader"


def test_readers_who_follow_very_many_get_the_right_ones(client, name):
    reader, friends = name("reader"), [name(f"friend{number}") for number in range(900)]
    client.follow_many([(reader, friend) for friend in friends])
    client.follow_many([(friend, name("popular")) for friend in friends[::2]])
    client.follow_many([(friend, f"{friend}.own") for friend in friends[:50]])
    subject, count, names = suggestions(client, reader, limit=5)[0]
    assert subject == name("popular") and 200 <= count <= 300 and names <= set(friends[::2])
    assert suggestions(client, reader, limit=5) == suggestions(client, reader, limit=5)


@pytest.mark.skipif(not model.EDGES.exists(), reason="no real data here")
def test_real_people_are_suggested_those_whom_most_of_their_friends_know(start_feedd):
    network = model.Network()
    reader = network.people[10]
    friends = network.followed_by[reader]
    with start_feedd().connect() as client:
        for start in range(0, len(network.follows), 1000):
            client.follow_many(network.follows[start:start + 1000])
        known_by = {subject: sum(subject in network.followed_by[friend] for friend in friends)
                    for subject in network.people if subject not in friends and subject != reader}
        found = suggestions(client, reader, limit=10)
        assert len(friends) <= 128 and len(found) == 10
        assert all(count == known_by[subject] for subject, count, _ in found)
        assert sum(count for _, count, _ in found) >= 0.8 * sum(sorted(known_by.values())[-10:])


def test_feedctl_suggests(feedd, client, name):
    reader = name("reader")

    def feedctl(*words):
        return subprocess.run([harness.FEEDCTL, "--server", feedd.server_flag, *words], capture_output=True, text=True,
                              timeout=50, env=harness.ENVIRONMENT, check=True).stdout

    hint = feedctl("suggest", reader)
    assert hint.startswith("— nobody") and f"let {reader} follow more" in hint
    client.follow_many([(reader, name("ann")), (name("ann"), name("dora"))])
    for hide in (name("dora"), name("ann")):
        feedctl("mute", reader, hide)
        assert feedctl("suggest", reader) == hint and "not followed, muted or blocked by" in hint and "has not muted" in hint
        feedctl("unmute", reader, hide)
    assert f"{name('dora')} · followed by {name('ann')}" in feedctl("suggest", reader)
    assert json.loads(feedctl("--json", "suggest", reader)) == {"subject": name("dora"), "followedByCount": 1,
                                                                "followedBy": [name("ann")]}
