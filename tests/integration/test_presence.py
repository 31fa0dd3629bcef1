"""Presence: how many are connected to a subject, over all daemons of a store."""
import feed_pb2 as pb
from harness import wait_until


def presence(client, subject):
    reply = client.call(pb.GetPresenceRequest(subject=subject))
    return reply.watching, reply.listening, reply.online


def test_streams_of_the_profile_and_home_streams_that_hear_it_are_counted_at_once_on_one_daemon(client, connect, name):
    sam, rita, ruth = name("sam"), name("rita"), name("ruth")
    assert presence(client, sam) == (0, 0, False)
    client.follow_many([(rita, sam), (ruth, sam)])
    client.timeline(ruth)  # she reads, and is not connected
    assert presence(client, sam) == (0, 0, False)
    others = [connect() for _ in range(3)]
    others[0].follow_stream(profile=sam)
    others[1].follow_stream(profile=sam)
    others[1].follow_stream(home=rita)
    home = others[2].follow_stream(home=sam)
    assert presence(client, sam) == (2, 1, True), "its own home stream is not one of those who listen"
    assert presence(client, rita) == (0, 0, True)
    others[2].call(pb.UnsubscribeRequest(subscription=home.id))
    others[0].close()
    wait_until(lambda: presence(client, sam) == (1, 1, False), what="the end of a connection")
    client.unfollow(rita, sam)
    assert presence(client, sam) == (1, 0, False)
    client.follow(ruth, sam)
    others[1].follow_stream(home=ruth)
    assert presence(client, sam) == (1, 1, False), "a follow counts from the moment on that it holds"


def test_a_bad_subject_is_refused(client):
    error = client.refusal(pb.GetPresenceRequest())
    assert (error.code, error.field) == ("INVALID", "subject")


def test_other_daemons_count_and_one_that_dies_is_forgotten(start_feedd, redis):
    one, two = (start_feedd("--redis-url", redis.url, "--store-partitions", "4", state=state) for state in ("one", "two"))
    with one.connect() as client, two.connect() as other, two.connect() as third:
        client.follow_many([("rita", "sam"), ("ruth", "sam")])
        client.follow_stream(home="rita")
        other.follow_stream(home="ruth")
        third.follow_stream(profile="sam")
        assert presence(client, "sam") == (1, 2, False), "the first one waits until the other has told"
        assert presence(client, "ruth") == (0, 0, True)
        other.ping()
        assert presence(other, "sam") == (1, 2, False)
        third.close()
        wait_until(lambda: presence(client, "sam") == (0, 2, False), what="a stream of another daemon to be gone")
        two.kill()
        wait_until(lambda: presence(client, "sam") == (0, 1, False), what="a dead daemon to be forgotten")
        assert presence(client, "ruth") == (0, 0, False)


def test_nobody_has_to_wait_behind_somebody_who_asks(start_feedd, redis):
    one = start_feedd("--redis-url", redis.url, state="one")
    start_feedd("--redis-url", redis.url, state="two")
    with one.connect() as client:
        asked = client.send(pb.GetPresenceRequest(subject="sam"))
        client.share("sam")
        client.timeline("sam")
        assert not client.answered(asked), "it waits for the other daemon"
        assert client.reply_to(asked) == pb.GetPresenceReply()


def test_while_the_store_is_away_it_is_unavailable(start_feedd, redis):
    one = start_feedd("--redis-url", redis.url, state="one")
    start_feedd("--redis-url", redis.url, state="two")
    with one.connect() as client:
        asked = client.send(pb.GetPresenceRequest(subject="sam"))
        client.share("sam")
        redis.stop()
        assert client.refusal(pb.GetPresenceRequest(subject="sam")).code == "UNAVAILABLE"
        client.wait(lambda: client.answered(asked), "an answer")
        assert redis.restart()
