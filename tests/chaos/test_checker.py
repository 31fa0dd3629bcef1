"""The checker is right about histories that are right, and catches each kind of fault in them."""
import copy
import functools
import random
import re

import pytest

import checker
import generate
from history import History, load, Recorder

HISTORIES = 5
SEEDS = 1000


class Sample:
    """A generated history, and where a fault can be put into it."""

    def __init__(self, seed):
        generator = generate.Generator(seed)
        self.records = generator.records
        self.history = History(self.records)
        self.forever = {(reader, author) for (reader, author), periods in generator.periods.items() if len(periods) == 1
                        and periods[0][1] == float("inf") and reader in self.history.streams}
        self.follow_at = {pair: generator.following[pair[0]][pair[1]] for pair in self.forever}
        self.deleted = {entry.share for entry in generator.log if entry.what == "delete"}
        self.reads = [read for read in self.history.reads if read["what"] != "following" and len(read["items"]) > 10]
        self.readers = sorted({reader for reader, _ in self.forever})
        self.places = {reader: [(number, place) for number, (_, events) in enumerate(self.history.streams[reader])
                                for place in self._certain(reader, events)] for reader in self.readers}

    def _certain(self, reader, events):
        """The places of shares that stayed, by authors whom the reader followed all the time, from well before them.
        They were also made well after the stream began."""
        started_at = self.history.streams[reader][0][0]["at"]
        return [place for place, event in enumerate(events) if event["what"] == "shared"
                and (reader, event["author"]) in self.forever and event["id"] not in self.deleted
                and self.history.by_id[event["id"]].begin
                > max(started_at, self.follow_at[reader, event["author"]]) + 10]


@functools.cache
def sample(number):
    return Sample(number)


class ChangedStream:
    """Another version of one reader's stream, judged with the rest of the history as it was."""

    def __init__(self, base, draw):
        self.history = copy.copy(base.history)
        self.reader = draw.choice(base.readers)
        self.history.streams = {self.reader: [(connection, list(events)) for connection, events
                                              in base.history.streams[self.reader]]}
        self.places = [(self.history.streams[self.reader][number][1], place)
                       for number, place in base.places[self.reader]]

    def check(self):
        return checker.check_stream(self.history, self.reader)


def lose_event(stream, draw):
    lost = (lambda events, place: events[place]["id"])(*draw.choice(stream.places))
    for _, events in stream.history.streams[stream.reader]:
        events[:] = [event for event in events if event.get("id") != lost]


def double_event(stream, draw):
    events, place = draw.choice(stream.places)
    events.insert(draw.randrange(place, len(events)) + 1, dict(events[place]))


def swap_events(stream, draw):
    pairs = []
    for index, (events, place) in enumerate(stream.places):
        for other_events, other in stream.places[index + 1:index + 20]:
            if other_events is events and events[other]["author"] == events[place]["author"]:
                pairs.append((events, place, other))
    events, place, other = draw.choice(pairs)
    events[place], events[other] = events[other], events[place]


def invent_event(stream, draw):
    events, place = draw.choice(stream.places)
    author = events[place]["author"]
    events.insert(place, {**events[place], "id": events[place]["id"] + draw.choice((-1, 1)) * 10**9,
                          "author": author, "url": "http://example.org/invented"})


class ChangedRead:
    """Another version of one final timeline or profile."""

    def __init__(self, base, draw):
        self.history = base.history
        original = draw.choice(base.reads)
        self.read = {**original, "items": list(original["items"])}
        self.count = len(self.read["items"])

    def check(self):
        return checker.check_read(self.history, self.read)


def lose_item(changed, draw):
    del changed.read["items"][draw.randrange(changed.count)]


def double_item(changed, draw):
    items = changed.read["items"]
    items.insert(draw.randrange(len(items)), items[draw.randrange(len(items))])


def swap_items(changed, draw):
    items = changed.read["items"]
    one, other = draw.sample(range(len(items)), 2)
    items[one], items[other] = items[other], items[one]


def invent_item(changed, draw):
    share_id, author, _ = changed.read["items"][draw.randrange(changed.count)]
    changed.read["items"].append([share_id - 10**9, author, "http://example.org/invented"])


@pytest.mark.parametrize("number", range(HISTORIES))
def test_a_right_history_has_no_violation(number):
    base = sample(number)
    events = sum(len(events) for connections in base.history.streams.values() for _, events in connections)
    assert events >= 10_000
    assert checker.check(base.records) == []


@pytest.mark.parametrize("kind, fault", [
    ("lost", lose_event), ("twice", double_event), ("order", swap_events), ("invented", invent_event),
])
def test_one_fault_in_a_stream_is_caught_with_every_seed(kind, fault):
    for seed in range(SEEDS):
        changed = ChangedStream(sample(seed % HISTORIES), draw := random.Random(seed))
        fault(changed, draw)
        found = changed.check()
        assert any(text.startswith(kind + ":") for text in found), (seed, found)


@pytest.mark.parametrize("kind, fault", [
    ("lost", lose_item), ("twice", double_item), ("order", swap_items), ("invented", invent_item),
])
def test_one_fault_in_a_final_read_is_caught_with_every_seed(kind, fault):
    for seed in range(SEEDS):
        changed = ChangedRead(sample(seed % HISTORIES), draw := random.Random(seed))
        fault(changed, draw)
        found = changed.check()
        assert any(text.startswith(kind + ":") for text in found), (seed, found)


# --------------------------------------------------------------------------------- small histories, each with a fault

def write(what, begin, end, outcome="done", **fields):
    return {"is": "write", "what": what, "begin": begin, "end": end, "outcome": outcome, "repeated": False,
            "connection": 1, **fields}


def share(begin, end, number, **fields):
    return write("share", begin, end,
                 **{"author": "a", "url": f"u{number}", "id": number, "position": number, **fields})


def follow(begin, end, position=1, what="follow", **fields):
    return write(what, begin, end, reader="r", subject="a", position=position, **fields)


def mute(begin, end, position=3, what="mute", **fields):
    return follow(begin, end, position, what, **fields)


def stream(at, *events, token="", connection=1):
    return [{"is": "connection", "stream": "r", "connection": connection, "at": at, "token": token}] + [
        {"is": "event", "connection": connection, "at": at + place, **event} for place, event in enumerate(events, 1)]


def shared(number, url=None):
    return {"what": "shared", "id": number, "author": "a", "url": url or f"u{number}"}


def deleted(number, share_number):
    return {"what": "deleted", "id": number, "share": share_number, "author": "a"}


def caught_up(token):
    return {"what": "caught_up", "token": token}


def gap(after, until, reason="GAP_CAPPED"):
    """Between two entries of partition 0."""
    return {"what": "gap", "reason": reason, "ranges": [[after * 64, until * 64]]}


def lost_gap(after, until):
    return gap(after, until, "GAP_LOST")


SETTLED = {"is": "settled", "at": 1000}
CAPPED = {"is": "settings", "timeline_cap": 0}
ROOMY = {"is": "settings", "timeline_cap": 1}
FOUR_PARTITIONS = {"is": "settings", "partitions": 4}


def loss(begin, had, survived, **fields):
    """The store went back from one entry of partition 0 to another. It takes half a moment."""
    return {"is": "loss", "begin": begin, "end": begin + 0.5, "had": [had * 64], "survived": [survived * 64], **fields}


def final(what, of, *items, page_end="END"):
    return {"is": "read", "what": what, "of": of, "daemon": "A", "begin": 1001, "end": 1002, "final": True,
            "items": list(items), "page_end": page_end}


def item(number):
    return [number, "a", f"u{number}"]


@pytest.mark.parametrize("expected, records", [
    ("", [follow(1, 2), *stream(3, caught_up("t"), shared(10)), share(4.5, 4.8, 10), SETTLED]),
    ("lost", [follow(1, 2), *stream(3, caught_up("t")), share(5, 6, 10), SETTLED]),
    ("", [follow(1, 2), *stream(3, caught_up("t")), share(5, 6, 10, outcome="unknown"), SETTLED]),
    ("lost", [follow(1, 2), *stream(3, caught_up("t")), share(5, 6, 10, outcome="unknown"),
              final("profile", "a", item(10)), SETTLED]),
    ("", [follow(1, 2), *stream(3, caught_up("t")), share(5, 6, 10), follow(7, 8, 11, "unfollow"), SETTLED]),
    ("unentitled", [follow(1, 2), follow(3, 4, 2, "unfollow"), *stream(6, caught_up("t"), shared(10)), share(5, 6, 10),
                    SETTLED]),
    ("unentitled", [share(1, 2, 10), follow(3, 4), *stream(6, caught_up("t"), shared(10)), SETTLED]),
    ("lost", [follow(1, 2), *stream(3, caught_up("t"), shared(11)), share(4.5, 4.8, 10), share(4.6, 4.9, 11)]),
    ("lost", [follow(1, 2), *stream(3, caught_up("t"), shared(10)), share(4.5, 4.8, 10), SETTLED,
              write("delete", 50, 51, author="a", share=10, position=20)]),
    ("invented", [follow(1, 2), *stream(3, caught_up("t"), shared(10), deleted(20, 10)), share(4.5, 4.8, 10), SETTLED]),
    ("unentitled", [follow(1, 2), *stream(3, caught_up("t"), shared(10), deleted(20, 10), caught_up("x")),
                    *stream(20, shared(10), token="x", connection=2), share(4.5, 4.8, 10), SETTLED,
                    write("delete", 5, 6, author="a", share=10, position=20)]),
    ("twice", [follow(1, 2), *stream(3, caught_up("t"), shared(10), caught_up("x")), share(4.5, 4.8, 10), SETTLED,
               *stream(20, shared(10), token="x", connection=2)]),
    ("", [follow(1, 2), *stream(3, caught_up("t"), shared(10)), share(4.5, 4.8, 10), SETTLED,
          *stream(20, shared(10), token="t", connection=2)]),
    ("gap", [*stream(3, caught_up("t"), gap(9, 19))]),
    ("", [CAPPED, follow(1, 2), *stream(3, caught_up("t"), gap(9, 19)), share(4.5, 4.8, 10 * 64), SETTLED]),
    ("lost", [CAPPED, follow(1, 2), *stream(3, caught_up("t"), gap(9, 19)), share(4.5, 4.8, 20 * 64), SETTLED]),
    ("lost", [CAPPED, follow(1, 2), *stream(3, caught_up("t"), gap(9, 19)), share(4.5, 4.8, 10 * 64 + 1), SETTLED]),
    ("gap", [CAPPED, *stream(3, caught_up("t"), lost_gap(9, 19))]),
    ("gap", [ROOMY, follow(1, 2), *stream(3, caught_up("t"), gap(9, 19)), share(4.5, 4.8, 10 * 64), SETTLED]),
    ("gap", [CAPPED, follow(1, 2), *stream(3, caught_up("t"), gap(9, 19, "GAP_TOO_OLD")), share(4.5, 4.8, 10 * 64), SETTLED]),
    ("order", [share(1, 2, 20), share(3, 4, 10)]),
    ("", [share(1, 3, 20), share(2, 4, 10, connection=2)]),
    ("inconsistent", [share(1, 2, 20), share(3, 4, 20, url="other")]),
    ("inconsistent", [share(1, 2, 20), share(3, 4, 21, url="u20", repeated=True)]),
    ("", [share(1, 2, 20, repeated=True)]),
    ("order", [share(1, None, 20, outcome="unknown"), share(3, 4, 10), final("profile", "a", item(20), item(10))]),
    ("", [share(1, None, 20, outcome="unknown"), share(3, 4, 10, connection=2),
          final("profile", "a", item(20), item(10))]),
    ("", [share(1, None, 20, outcome="unknown"), share(3, 4, 10), share(5, 6, 20, repeated=True)]),
    ("order", [share(1, 2, 20 * 64, author="b"), share(1, 2, 10 * 64 + 1, author="b", url="v"),
               share(3, 4, 9 * 64 + 1, author="b", url="w", connection=2)]),
    ("", [share(1, 2, 20 * 64, author="b"),
          share(3, 4, 9 * 64 + 1, author="b", url="w", connection=2)]),
    ("refused", [*stream(1, {"what": "refused", "code": "TOKEN_FUTURE"})]),
    # A share that was seen, lost, made again under its key before it was answered, and lost again.
    ("", [follow(0.1, 0.2), *stream(0.3, caught_up("t"), shared(10 * 64, "w"), lost_gap(9, 11), shared(20 * 64, "w"), lost_gap(9, 21)),
          share(0.8, 3.2, 20 * 64, url="w"), loss(1.5, 10, 9), loss(4, 20, 9)]),
    ("refused", [share(1, 2, 10), write("delete", 3, 4, "none", author="a", share=10, refused="NOT_FOUND")]),
    ("lost", [follow(1, 2), final("following", "r")]),
    ("unentitled", [follow(1, 2), follow(3, 4, 2, "unfollow"), final("following", "r", "a")]),
    ("", [follow(1, 2), follow(3, None, 2, "unfollow", outcome="unknown"), final("following", "r", "a")]),
    # A follow without an answer may still come after what another daemon did, and not after what its own did.
    ("", [follow(1, None, 0, outcome="unknown", daemon="A"), follow(3, 4, daemon="B"),
          follow(5, 6, 2, "unfollow", daemon="B"), final("following", "r", "a")]),
    ("unentitled", [follow(1, None, 0, outcome="unknown", daemon="A"), follow(3, 4, daemon="A"),
                    follow(5, 6, 2, "unfollow", daemon="B"), final("following", "r", "a")]),
    ("lost", [follow(1, 2), share(3, 4, 10), final("following", "r", "a"), final("timeline", "r")]),
    ("", [share(1, 2, 10), write("delete", 3, None, "unknown", author="a", share=10), final("profile", "a", item(10))]),
    ("lost", [share(1, 2, 10), write("delete", 3, None, "unknown", author="a", share=10), follow(1, 2),
              final("profile", "a", item(10)), final("following", "r", "a"), final("timeline", "r")]),
    ("unentitled", [share(1, 2, 10), write("delete", 3, 4, author="a", share=10, position=11),
                    final("profile", "a", item(10))]),
    ("", [{"is": "settings", "profile_cap": 1}, share(1, 2, 10), share(3, 4, 11),
          final("profile", "a", item(11), page_end="CAPPED")]),
    ("lost", [{"is": "settings", "profile_cap": 1}, share(1, 2, 10), share(3, 4, 11), final("profile", "a", item(11))]),
    ("lost", [share(1, 2, 10), final("profile", "a", item(10), page_end="CAPPED")]),
    ("lost", [share(1, 2, 10), final("profile", "a", page_end="CAPPED")]),
    ("lost", [share(1, 2, 10), follow(3, 4), final("following", "r", "a"), final("timeline", "r")]),
    ("lost", [share(1, 2, 10), {**final("profile", "a"), "begin": 3, "end": 4, "final": False, "must": [10]}]),
    ("", [share(1, 2, 10), {**final("profile", "a"), "begin": 3, "end": 4, "final": False}]),
    # Who is muted is not seen, neither before nor after what was shared; unmuted, everything is.
    ("unentitled", [follow(1, 2), mute(3, 4), *stream(5, caught_up("t"), shared(10)), share(6.2, 6.4, 10), SETTLED]),
    ("", [follow(1, 2), mute(3, 4), *stream(5, caught_up("t")), share(6.2, 6.4, 10), SETTLED]),
    ("", [follow(1, 2), mute(3, None, outcome="unknown"), *stream(5, caught_up("t"), shared(10)), share(6.2, 6.4, 10), SETTLED]),
    ("", [follow(1, 2), mute(3, 8), *stream(5, caught_up("t"), shared(10)), share(6.2, 6.4, 10), SETTLED]),
    ("lost", [follow(1, 2), mute(3, 4), mute(5, 6, 5, "unmute"), *stream(7, caught_up("t")), share(9, 10, 10), SETTLED]),
    ("", [FOUR_PARTITIONS, follow(1, 2), mute(3, 4), mute(5, 6, 5, "unmute"), *stream(7, caught_up("t")), share(9, 10, 10), SETTLED]),
    ("", [FOUR_PARTITIONS, follow(1, 2), mute(3, 4), *stream(5, caught_up("t"), shared(10)), share(6.2, 6.4, 10), SETTLED]),
    ("lost", [FOUR_PARTITIONS, follow(1, 2), *stream(7, caught_up("t")), share(9, 10, 10), SETTLED]),
    ("", [share(1, 2, 10), follow(3, 4), mute(5, 6), final("following", "r", "a"), final("muted", "r", "a"), final("timeline", "r")]),
    ("unentitled", [share(1, 2, 10), follow(3, 4), mute(5, 6), final("following", "r", "a"), final("muted", "r", "a"),
                    final("timeline", "r", item(10))]),
    ("lost", [share(1, 2, 10), follow(3, 4), mute(5, 6), mute(7, 8, 5, "unmute"), final("following", "r", "a"), final("muted", "r"),
              final("timeline", "r")]),
    ("", [{"is": "settings", "profile_cap": 1}, share(1, 2, 10), share(3, 4, 11), follow(3, 4), mute(5, 6), final("following", "r", "a"),
          final("muted", "r", "a"), final("timeline", "r")]),
    ("lost", [mute(5, 6), final("muted", "r")]),
    ("unentitled", [mute(5, 6), mute(7, 8, 5, "unmute"), final("muted", "r", "a")]),
    ("inconsistent", [mute(5, None, outcome="unknown"), final("muted", "r", "a"), {**final("muted", "r"), "daemon": "B"}]),
    ("complaint", [{"is": "complaint", "text": "a frame after Closing"}]),
])
def test_what_the_protocol_says_about_small_histories(expected, records):
    found = checker.check(records)
    if expected:
        assert [text for text in found if text.startswith(expected + ":")], found
    else:
        assert found == []


def refused(code):
    return {"what": "refused", "code": code}


@pytest.mark.parametrize("expected, records", [
    # What had come and was lost, and what had not come, must be covered by a Gap.
    ("", [follow(1, 2), *stream(3, caught_up("t"), shared(640), lost_gap(9, 12)), share(4.5, 4.8, 640),
          loss(5.1, 10, 9), SETTLED]),
    ("silent", [follow(1, 2), *stream(3, caught_up("t"), shared(640)), share(4.5, 4.8, 640), loss(5.1, 10, 9), SETTLED]),
    ("silent", [follow(1, 2), *stream(3, caught_up("t"), shared(640), lost_gap(10, 12)), share(4.5, 4.8, 640),
                share(4.6, 4.8, 704), loss(5.1, 11, 9), SETTLED]),
    ("silent", [follow(1, 2), *stream(3, caught_up("t")), share(4.5, 4.8, 640), loss(5.1, 10, 9), SETTLED]),
    ("", [follow(1, 2), *stream(3, caught_up("t"), caught_up("u"), lost_gap(9, 12)), share(4.5, 4.8, 640),
          loss(5.1, 10, 9), SETTLED]),
    ("", [follow(1, 2), *stream(3, caught_up("t")), share(4.5, None, 640, outcome="unknown"), loss(5.1, 10, 9), SETTLED]),
    # What survived must come all the same.
    ("lost", [follow(1, 2), *stream(3, caught_up("t"), caught_up("u"), lost_gap(9, 12)), share(4.5, 4.8, 576),
              loss(5.1, 10, 9), SETTLED]),
    ("lost", [follow(1, 2), *stream(3, caught_up("t"), caught_up("u"), lost_gap(9, 12)), share(7, 8, 13 * 64),
              loss(5.1, 10, 9), SETTLED]),
    # A Gap must speak of what was lost, not before it was, and a token may be refused only by a reason.
    ("gap", [*stream(3, caught_up("t"), lost_gap(10, 12)), loss(4.5, 10, 9)]),
    ("gap", [*stream(3, caught_up("t"), lost_gap(9, 12)), loss(5.5, 10, 9)]),
    ("", [*stream(3, caught_up("t"), refused("TOKEN_FUTURE")), loss(4.5, 10, 9)]),
    ("refused", [*stream(3, caught_up("t"), refused("TOKEN_FUTURE")), loss(5.5, 10, 9)]),
    ("refused", [*stream(3, caught_up("t"), refused("TOKEN_FOREIGN")), loss(4.5, 10, 0)]),
    ("", [*stream(3, caught_up("t"), refused("TOKEN_FOREIGN")), loss(4.5, 10, 0, new_store=True)]),
    ("refused", [*stream(3, caught_up("t"), refused("TOKEN_DAMAGED")), loss(4.5, 10, 9)]),
    ("", [follow(1, 2), *stream(3, caught_up("t"), shared(640), refused("TOKEN_FUTURE")), share(4.5, 4.8, 640),
          loss(5.1, 10, 9), *stream(8, caught_up("u"), connection=2), SETTLED]),
    # What is lost shows nowhere any more.
    ("", [share(1, 2, 640), loss(3, 10, 9), final("profile", "a")]),
    ("unentitled", [share(1, 2, 640), loss(3, 10, 9), final("profile", "a", item(640))]),
    ("unentitled", [follow(1, 2), *stream(3, caught_up("t")), share(4.5, 4.8, 640), loss(5.1, 10, 9),
                    *stream(6, shared(640), token="t", connection=2), SETTLED]),
    ("lost", [share(1, 2, 576), loss(3, 10, 9), final("profile", "a")]),
    ("lost", [share(1, 2, 640), loss(3, 10, 9), share(4, 5, 768), final("profile", "a")]),
    # It may be made again, under another id.
    ("", [share(1, None, 640, outcome="unknown"), *stream(0, caught_up("t"), shared(640), lost_gap(9, 11)), follow(0.1, 0.2),
          loss(2.1, 10, 9), share(4, 5, 768, url="u640"), final("profile", "a", [768, "a", "u640"])]),
    ("inconsistent", [share(1, 2, 640), loss(3, 10, 10), share(4, 5, 768, url="u640")]),
    ("order", [share(1, 2, 640), loss(3, 10, 9), share(4, 5, 639 - 63)]),
    # Deletions that were lost: the share is back.
    ("", [share(1, 2, 576), write("delete", 3, 4, author="a", share=576, position=640), loss(5, 10, 9),
          final("profile", "a", item(576))]),
    ("lost", [share(1, 2, 576), write("delete", 3, 4, author="a", share=576, position=640), loss(5, 10, 9),
              final("profile", "a")]),
    ("silent", [follow(1, 2), *stream(3, caught_up("t"), shared(576), deleted(640, 576)), share(4.5, 4.8, 576),
                write("delete", 5.5, 5.8, author="a", share=576, position=640), loss(7, 10, 9), SETTLED]),
    ("", [share(1, 2, 640), loss(3, 10, 9), write("delete", 4, 5, "none", author="a", share=640, refused="NOT_FOUND")]),
    ("refused", [share(1, 2, 576), loss(3, 10, 9),
                 write("delete", 4, 5, "none", author="a", share=576, refused="NOT_FOUND")]),
    # Follows that were lost: either may be so, until the next word.
    ("", [follow(1, 2, 640), loss(3, 10, 9), final("following", "r")]),
    ("", [follow(1, 2, 640), loss(3, 10, 9), final("following", "r", "a")]),
    ("lost", [follow(1, 2, 576), loss(3, 10, 9), final("following", "r")]),
    ("lost", [follow(1, 2, 640), loss(3, 10, 9), follow(4, 5, 768), final("following", "r")]),
    ("unentitled", [follow(1, 2, 640), loss(3, 10, 9), follow(4, 5, 768, "unfollow"), final("following", "r", "a")]),
    ("", [mute(1, 2, 640), loss(3, 10, 9), final("muted", "r")]),
    ("lost", [mute(1, 2, 576), loss(3, 10, 9), final("muted", "r")]),
    ("", [follow(1, 2, 64), follow(3, 4, 0, "unfollow", repeated=True), loss(5, 10, 9), final("following", "r", "a")]),
])
def test_what_must_be_said_about_a_store_that_lost_its_latest(expected, records):
    found = checker.check(records)
    if expected:
        assert [text for text in found if text.startswith(expected + ":")], found
    else:
        assert found == []


def test_every_violation_begins_with_a_known_word():
    records = [*stream(3, caught_up("t"), gap(9, 19), shared(10), shared(10), deleted(4, 4)), share(9, 10, 9), SETTLED]
    for text in checker.check(records):
        assert re.match(rf"({'|'.join(checker.KINDS)}): ", text), text


def test_a_history_survives_its_file(tmp_path):
    recorder = Recorder()
    for record in sample(0).records:
        recorder.add(**record)
    recorder.save(tmp_path / "history.jsonl")
    assert checker.check(load(tmp_path / "history.jsonl")) == []
