"""The checker is right about histories that are right, and catches each kind of fault in them."""
import functools
import random

import pytest

import checker
import generate
from dialogues import DialogueStream
from history import History, load, Recorder
from inboxes import InboxStream
from streams import HomeStream

HISTORIES = 5
SEEDS = 1000
KINDS = {"home": HomeStream, "dialogue": DialogueStream, "inbox": InboxStream}


class Sample:
    """A generated history, and where a fault can be put into it: events and items that can be missed for sure, as nothing undid
    them and those whom they are for were there well before."""

    def __init__(self, seed):
        generator = generate.Generator(seed)
        self.records = generator.records
        self.history = History(self.records)
        self.follow_at = {(reader, author): periods[0][0] for (reader, author), periods in generator.periods.items()
                          if len(periods) == 1 and periods[0][1] == float("inf")}
        self.deleted = {generator.deleted_by(entry) for entry in generator.log} - {None}
        self.streams = {("home", reader): connections for reader, connections in self.history.streams.items()}
        self.streams.update((("dialogue", name), connections) for name, connections in self.history.dialogues.items())
        self.streams.update((("inbox", name), connections) for name, connections in self.history.inboxes.items())
        self.places = {stream: [(number, place) for number, (_, events) in enumerate(connections)
                                for place in self._certain(stream, events)] for stream, connections in self.streams.items()}
        self.reads = {kind: [read for read in self.history.reads if read["what"] in whats and len(read["items"]) > 10]
                      for kind, whats in (("home", {"timeline", "profile"}), ("dialogue", {"dialogue"}), ("inbox", {"inbox"}))}

    def _certain(self, stream, events):
        started_at = self.streams[stream][0][0]["at"]
        return [place for place, event in enumerate(events) if event["what"] in ("shared", "reshared", "commented", "noticed")
                and event.get("kind") != "NOTICE_FOLLOWED" and not {event.get("cause", event["id"]), event.get("share")} & self.deleted
                and self.history.by_id[event.get("cause", event["id"])].begin
                > self._since(stream, event.get("author"), started_at) + 10]

    def _since(self, stream, author, started_at):
        kind, name = stream
        return started_at if kind != "home" else max(started_at, self.follow_at.get((name, author), float("inf")))


@functools.cache
def sample(number):
    return Sample(number)


class ChangedStream:
    """Another version of one stream, judged with the rest of the history as it was."""

    def __init__(self, base, draw, of):
        self.history = base.history
        self.kind, self.name = draw.choice([stream for stream, places in base.places.items()
                                            if stream[0] == of and len(places) > 10])
        self.connections = [(connection, list(events)) for connection, events in base.streams[self.kind, self.name]]
        self.places = [(self.connections[number][1], place) for number, place in base.places[self.kind, self.name]]

    def check(self):
        return checker.check_chains(self.history, KINDS[self.kind], self.name, self.connections)


def lose_event(stream, draw):
    lost = (lambda events, place: events[place]["id"])(*draw.choice(stream.places))
    for _, events in stream.connections:
        events[:] = [event for event in events if event.get("id") != lost]


def double_event(stream, draw):
    events, place = draw.choice(stream.places)
    events.insert(draw.randrange(place, len(events)) + 1, dict(events[place]))


def swap_events(stream, draw):
    pairs = []
    for index, (events, place) in enumerate(stream.places):
        for other_events, other in stream.places[index + 1:index + 20]:
            if other_events is events and events[other].get("author") == events[place].get("author"):
                pairs.append((events, place, other))
    events, place, other = draw.choice(pairs)
    events[place], events[other] = events[other], events[place]


def invent_event(stream, draw):
    events, place = draw.choice(stream.places)
    words = next(field for field in ("url", "text", "cause") if field in events[place])
    events.insert(place, {**events[place], "id": events[place]["id"] + draw.choice((-1, 1)) * 10**9, words: "invented"})


def lose_edit(stream, draw):
    """The last one of a share that came."""
    came = {events[place]["id"] for events, place in stream.places}
    last = {event["share"]: event["id"] for _, events in stream.connections for event in events if event["what"] == "edited"}
    lost = draw.choice([last[share] for share in sorted(came & set(last))])
    for _, events in stream.connections:
        events[:] = [event for event in events if event["what"] != "edited" or event["id"] != lost]


class ChangedRead:
    """Another version of one final read."""

    def __init__(self, base, draw, of):
        self.history = base.history
        self.reads = base.reads[of]
        self.choose(draw)

    def choose(self, draw):
        original = draw.choice(self.reads)
        self.read = {**original, "items": list(original["items"])}
        self.count = len(self.read["items"])
        self.certain = [place for place, item in enumerate(self.read["items"]) if item[1]]  # not the place of what was deleted

    def check(self):
        return checker.check_read(self.history, self.read)


def lose_item(changed, draw):
    del changed.read["items"][draw.choice(changed.certain)]


def double_item(changed, draw):
    items = changed.read["items"]
    items.insert(draw.randrange(len(items)), items[draw.randrange(len(items))])


def swap_items(changed, draw):
    items = changed.read["items"]
    one, other = draw.sample(range(len(items)), 2)
    items[one], items[other] = items[other], items[one]


def forget_edit(changed, draw):
    place, items = some_item(changed, draw, lambda item: item[3])
    items[place] = [*items[place][:3], 0, *items[place][4:]]


def some_item(changed, draw, condition):
    """The place of one for which the condition holds, in whatever read has one."""
    while not any(map(condition, changed.read["items"])):
        changed.choose(draw)
    items = changed.read["items"]
    return draw.choice([place for place, item in enumerate(items) if condition(item)]), items


def unfold_entry(changed, draw):
    """A re-share shows beside the entry that it belongs to."""
    place, items = some_item(changed, draw, lambda item: item[5] and not item[4])
    origin = items[place][0]
    items += [[one.id, one.author, one.name, 0, origin, 0] for one in changed.history.by_id.values() if one.origin == origin]


def miscount_reshares(changed, draw):
    place, items = some_item(changed, draw, lambda item: item[5])
    items[place] = [*items[place][:5], items[place][5] + draw.choice((-1, 1))]


def invent_item(changed, draw):
    item_id, *more, last = changed.read["items"][draw.choice(changed.certain)]
    changed.read["items"].append([item_id - 10**9, *more, "invented" if changed.read["what"] == "inbox" else last])


@pytest.mark.parametrize("number", range(HISTORIES))
def test_a_right_history_has_no_violation(number):
    base = sample(number)
    events = sum(len(events) for connections in base.history.streams.values() for _, events in connections)
    assert events >= 10_000
    assert checker.check(base.records) == []


STREAM_FAULTS = [("lost", lose_event), ("twice", double_event), ("order", swap_events), ("invented", invent_event)]
READ_FAULTS = [("lost", lose_item), ("twice", double_item), ("order", swap_items), ("invented", invent_item)]


@pytest.mark.parametrize("kind, fault, of", [
    *[(*fault, of) for fault in STREAM_FAULTS for of in KINDS], ("lost", lose_edit, "home"),
])
def test_one_fault_in_a_stream_is_caught_with_every_seed(kind, fault, of):
    check_every_seed(ChangedStream, kind, fault, of)


@pytest.mark.parametrize("kind, fault, of", [
    *[(*fault, of) for fault in READ_FAULTS for of in KINDS], ("lost", forget_edit, "home"),
    ("inconsistent", miscount_reshares, "home"), ("twice", unfold_entry, "home"),
])
def test_one_fault_in_a_final_read_is_caught_with_every_seed(kind, fault, of):
    check_every_seed(ChangedRead, kind, fault, of)


def check_every_seed(changes, kind, fault, of):
    for seed in range(SEEDS):
        changed = changes(sample(seed % HISTORIES), draw := random.Random(seed), of)
        fault(changed, draw)
        found = changed.check()
        assert any(text.startswith(kind + ":") for text in found), (seed, found)


def test_a_history_survives_its_file(tmp_path):
    recorder = Recorder()
    for record in sample(0).records:
        recorder.add(**record)
    recorder.save(tmp_path / "history.jsonl")
    assert checker.check(load(tmp_path / "history.jsonl")) == []
