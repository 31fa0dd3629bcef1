"""Sharing, deleting and reading single shares; every limit of their fields."""
import time
import unicodedata

import pytest

import feed_pb2 as pb
from feed_client import FeedError, delimited, encode_varint
from harness import jobs_done, wait_until

URL = "http://example.org/"
FAMILY = "\U0001F468\u200d\U0001F469\u200d\U0001F467\u200d\U0001F466"  # one character, 7 code points, 25 bytes
E_ACUTE = "e\u0301"                                                      # one character, 2 code points, 3 bytes
FLAG = "\U0001F1E9\U0001F1EA"                                            # one character, 2 code points, 8 bytes


def request(author, **fields):
    return pb.ShareRequest(**{"author": author, "url": URL, **fields})


def invalid(error, field, limit=None):
    return (error.code, error.field) == ("INVALID", field) and (limit is None or error.limit == limit)


# ------------------------------------------------------------------------------------------------------------- limits

LIMITS = [
    # field, the longest that is taken, one that is too long, the limit that the error states
    ("url", URL + "u" * (2048 - len(URL)), URL + "u" * (2049 - len(URL)), 2048),
    ("image_url", URL + "u" * (2048 - len(URL)), URL + "u" * (2049 - len(URL)), 2048),
    ("title", "t" * 300, "t" * 301, 300),
    ("title", E_ACUTE * 300, E_ACUTE * 301, 300),
    ("title", FAMILY * 44 + "x" * 50, FAMILY * 30 + "x" * 271, 300),
    ("title", FAMILY * 48, FAMILY * 48 + "x", 1200),
    ("title", FLAG * 150, FLAG * 150 + "x", 1200),
    ("comment", "c" * 2000, "c" * 2001, 2000),
    ("comment", E_ACUTE * 2000, E_ACUTE * 2001, 2000),
    ("comment", FAMILY * 320, FAMILY * 320 + "x", 8000),
    ("extract", "x" * 16384, "x" * 16385, 16384),
    ("idempotency_key", "k" * 128, "k" * 129, 128),
]


@pytest.mark.parametrize("field, longest, too_long, limit", LIMITS,
                         ids=[f"{row[0]}-{row[3]}-{number}" for number, row in enumerate(LIMITS)])
def test_a_field_at_its_limit_is_taken_and_beyond_it_is_refused_by_name(client, name, field, longest, too_long, limit):
    share = client.get(client.call(request(name("author"), **{field: longest})).id)
    if field not in ("extract", "idempotency_key"):
        assert getattr(share, field) == longest
    assert invalid(client.refusal(request(name("author"), **{field: too_long})), field, limit)
    assert len(client.profile_ids(name("author"))) == 1


def test_an_author_may_have_128_bytes(client, name):
    author = name("author").ljust(128, "a")
    assert client.get(client.call(request(author)).id).author == author
    assert invalid(client.refusal(request(author + "a")), "author", 128)
    assert invalid(client.refusal(request("ä" * 64 + "a")), "author", 128)


@pytest.mark.parametrize("field", ["author", "url"])
def test_a_missing_field_is_refused_by_name(client, name, field):
    assert invalid(client.refusal(pb.ShareRequest(**{"author": name("author"), "url": URL, field: ""})), field)


# ------------------------------------------------------------------------------------------------------------ content

def test_a_share_comes_back_as_it_was_given(client, name):
    before_ms = time.time_ns() // 1_000_000
    reply = client.share(name("author"), "https://example.org/a?b=c#d", title=f"Título {FAMILY}", extract="An extract.",
                         image_url="http://example.org/i.png", comment="line one\nline two")
    after_ms = time.time_ns() // 1_000_000
    share = client.get(reply.id)
    assert before_ms <= share.created_at_ms <= after_ms
    assert share == pb.Share(id=reply.id, author=name("author"), url="https://example.org/a?b=c#d",
                             title=f"Título {FAMILY}", extract="An extract.", image_url="http://example.org/i.png",
                             comment="line one\nline two", created_at_ms=share.created_at_ms,
                             canonical_url="https://example.org/a?b=c")


def test_ids_are_positions_of_53_bits_that_rise_for_each_author(client, name):
    replies = client.call_all([request(name("author")) for _ in range(300)])
    ids = [reply.id for reply in replies]
    assert ids == sorted(set(ids))
    assert all(0 < share_id < 2**53 for share_id in ids)
    assert all(reply.position == reply.id and not reply.repeated for reply in replies)


def characters(text):
    """Counts base characters: enough for texts whose only clusters are combining marks."""
    return sum(1 for character in text if not unicodedata.combining(character))


@pytest.mark.parametrize("word", ["word", "wörd", f"w{E_ACUTE}{E_ACUTE}rd", "слово"])
def test_a_long_extract_is_cut_at_a_word_boundary_and_ends_in_an_ellipsis(client, name, word):
    text = " ".join([word] * 100)
    extract = client.get(client.call(request(name("author"), extract=text)).id).extract
    assert extract.endswith("…")
    kept = extract[:-1].rstrip()
    assert text.startswith(kept + " "), "cut in the middle of a word"
    assert 280 - len(word) - 2 <= characters(extract) <= 281


def test_an_extract_of_280_characters_stays_and_one_more_is_cut(client, name):
    text = " ".join([E_ACUTE * 9] * 28)
    assert characters(text) == 279
    assert client.get(client.call(request(name("author"), extract=text + "!")).id).extract == text + "!"
    assert client.get(client.call(request(name("author"), extract=text + "!!")).id).extract.endswith("…")


def test_an_extract_of_one_endless_word_is_cut_inside_it(client, name):
    extract = client.get(client.call(request(name("author"), extract="x" * 1000)).id).extract
    assert extract.endswith("…") and 1 < len(extract) <= 281
    assert set(extract[:-1]) == {"x"}


def test_cutting_an_extract_never_splits_a_character(client, name):
    extract = client.get(client.call(request(name("author"), extract=FAMILY * 300)).id).extract
    assert extract.endswith("…")
    kept = extract[:-1]
    assert kept == FAMILY * (len(kept) // len(FAMILY)) and len(kept) // len(FAMILY) <= 280


# --------------------------------------------------------------------------------------------------------- bad input

STRING_FIELDS = ["author", "url", "title", "extract", "image_url", "comment", "idempotency_key"]
BAD_UTF8 = {"lone-ff": b"\xff", "cut-sequence": b"a\xc3", "overlong": b"\xc0\xaf", "surrogate": b"\xed\xa0\x80",
            "beyond-unicode": b"\xf4\x90\x80\x80"}


def send_with_raw_field(client, message, field, value):
    """Sends a ShareRequest in which one string field holds bytes that the protobuf package would not let through."""
    number = pb.ShareRequest.DESCRIPTOR.fields_by_name[field].number
    share = message.SerializeToString() + encode_varint(number << 3 | 2) + delimited(value)
    number = pb.ClientFrame.DESCRIPTOR.fields_by_name["share"].number
    client.send_raw(delimited(b"\x08\x63" + encode_varint(number << 3 | 2) + delimited(share)))
    return client.reply_to(0x63)


@pytest.mark.parametrize("field", STRING_FIELDS)
@pytest.mark.parametrize("bad", BAD_UTF8.values(), ids=BAD_UTF8.keys())
def test_bad_utf8_is_refused_by_the_name_of_the_field(client, name, field, bad):
    with pytest.raises(FeedError) as refused:
        start = URL.encode() if "url" in field else b"ab"
        send_with_raw_field(client, request(name("author")), field, start + bad + b"c")
    assert invalid(refused.value, field)
    assert client.profile_ids(name("author")) == []


@pytest.mark.parametrize("control", ["\n", "\t", "\x01", "\x1f", "\x7f", "\u0085", "\x00"])
def test_control_characters_in_an_author_are_refused(client, name, control):
    assert invalid(client.refusal(request(name("author") + control + "x")), "author")
    assert client.profile_ids(name("author")) == []


@pytest.mark.parametrize("field", ["title", "comment", "extract", "idempotency_key", "url"])
def test_a_zero_byte_is_refused_or_kept_and_never_cuts_a_text_short(client, name, field):
    text = (URL if field == "url" else "") + "before\0after"
    try:
        share_id = client.call(request(name("author"), **{field: text})).id
    except FeedError as error:
        assert invalid(error, field)
    else:
        assert field in ("title", "comment", "extract") and getattr(client.get(share_id), field) == text


@pytest.mark.parametrize("url", [
    "ftp://example.org/", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "mailto:a@example.org",
    "/relative", "relative", "//example.org/", "example.org", "http:", "http://", "http:///path", "http:/example.org/",
    "https://?query", "http://#fragment", "http://:80/", "http://exa mple.org/", "http://example.org/a b",
    " http://example.org/", "http://example.org/ ", "http://example.org/\n", "http://example.org/\x7f",
    "httpx://example.org/", "http//example.org/",
])
@pytest.mark.parametrize("field", ["url", "image_url"])
def test_a_url_that_is_no_http_url_is_refused(client, name, field, url):
    assert invalid(client.refusal(request(name("author"), **{field: url})), field)


@pytest.mark.parametrize("url", ["http://example.org", "HTTPS://Example.org/", "http://localhost:8080/x",
                                 "http://[::1]:80/", "http://127.0.0.1/?q=a%20b#c", "https://xn--bcher-kva.example/ü"])
def test_an_http_url_is_taken_as_it_is(client, name, url):
    assert client.get(client.call(request(name("author"), url=url)).id).url == url


# -------------------------------------------------------------------------------------------------------- idempotency

def test_the_same_key_returns_the_first_share_marked_as_a_repeat(client, name):
    first = client.share(name("author"), idempotency_key="k", title="first")
    second = client.share(name("author"), idempotency_key="k", title="second")
    assert (first.repeated, second.repeated) == (False, True)
    assert second.id == first.id
    assert client.get(first.id).title == "first"
    assert client.profile_ids(name("author")) == [first.id]


def test_a_key_belongs_to_its_author(client, name):
    first = client.share(name("author"), idempotency_key="k")
    other = client.share(name("other"), idempotency_key="k")
    assert other.id != first.id and not other.repeated


def test_requests_without_a_key_are_each_a_new_share(client, name):
    assert client.share(name("author")).id != client.share(name("author")).id


def test_the_same_key_many_times_in_flight_makes_one_share(client, connect, name):
    other = connect()
    requests = [request(name("author"), idempotency_key="k")] * 50
    waiting = other.send_all(requests)
    replies = client.call_all(requests) + [other.reply_to(request_id) for request_id in waiting]
    assert len({reply.id for reply in replies}) == 1
    assert sum(not reply.repeated for reply in replies) == 1


def test_a_key_still_names_its_share_after_the_share_was_deleted(client, name):
    first = client.share(name("author"), idempotency_key="k")
    client.delete(name("author"), first.id)
    again = client.share(name("author"), idempotency_key="k")
    assert (again.id, again.repeated) == (first.id, True)
    assert client.profile_ids(name("author")) == []


def test_a_key_is_forgotten_after_its_time_but_that_of_an_import_is_not(start_feedd):
    with start_feedd("--share-idempotency-ttl-s", "1").connect() as client:
        imported = client.share("author", created_at_ms=1_441_519_380_000, idempotency_key="import")
        first = client.share("author", idempotency_key="key")
        wait_until(lambda: not client.share("author", idempotency_key="key").repeated, what="the end of a key's time")
        again = client.share("author", created_at_ms=1_441_519_380_000, idempotency_key="import")
        assert (again.id, again.repeated) == (imported.id, True)
        assert len(client.profile_ids("author")) == 3 and first.id in client.profile_ids("author")


# ------------------------------------------------------------------------------------------------------------ imports

def test_an_import_shows_the_time_it_states_and_stands_where_it_was_made(client, name):
    first = client.share(name("author"))
    imported = client.share(name("author"), created_at_ms=1_441_519_380_000)
    last = client.share(name("author"))
    assert client.get(imported.id).created_at_ms == 1_441_519_380_000
    assert client.profile_ids(name("author")) == [last.id, imported.id, first.id]
    assert client.timeline_ids(name("author")) == [last.id, imported.id, first.id]


def test_an_import_from_the_future_is_refused(client, name):
    tomorrow_ms = (time.time_ns() // 1_000_000) + 86_400_000
    assert invalid(client.refusal(request(name("author"), created_at_ms=tomorrow_ms)), "created_at_ms")


def test_an_import_is_repeated_by_its_key(client, name):
    first = client.share(name("author"), created_at_ms=1_441_519_380_000, idempotency_key="k")
    again = client.share(name("author"), created_at_ms=1_441_519_380_000, idempotency_key="k")
    assert (again.id, again.repeated) == (first.id, True)


# -------------------------------------------------------------------------------------------------- getting, deleting

@pytest.mark.parametrize("share_id", [0, 1, 2**53 - 1, 2**53, 2**63, 2**64 - 1])
def test_a_share_that_never_was_is_not_found(client, name, share_id):
    expected = ("NOT_FOUND", "INVALID") if share_id == 0 else ("NOT_FOUND",)
    assert client.refusal(pb.GetShareRequest(id=share_id)).code in expected
    assert client.refusal(pb.DeleteShareRequest(author=name("author"), id=share_id)).code in expected


@pytest.mark.ways("read")
def test_a_deleted_share_is_gone_from_everywhere(client, name):
    kept, deleted = client.share(name("author")).id, client.share(name("author")).id
    client.follow(name("reader"), name("author"))
    assert client.timeline_ids(name("reader")) == [deleted, kept]
    reply = client.delete(name("author"), deleted)
    assert reply.position > deleted and not reply.repeated
    assert client.refusal(pb.GetShareRequest(id=deleted)).code == "NOT_FOUND"
    assert client.profile_ids(name("author")) == [kept]
    assert client.timeline_ids(name("author")) == [kept]
    assert client.timeline_ids(name("reader")) == [kept]


@pytest.mark.ways("read", "live", "resumed")
def test_a_share_deleted_while_it_is_being_pushed_stands_nowhere(start_feedd, redis):
    daemon, store = start_feedd("--redis-url", redis.url, "--fanout-push-window", "1"), redis.client()
    readers = [f"reader{number}" for number in range(100)]
    with daemon.connect() as client, daemon.connect() as watcher:
        client.follow_many([(reader, "author") for reader in readers])
        kept = client.share("author").id
        assert {tuple(client.timeline_ids(reader)) for reader in readers} == {(kept,)}
        home = watcher.follow_stream(home=readers[-1])
        shares = client.share_many("author", 10)
        gone = shares[::2]
        assert not jobs_done(store), "the pushes take longer"
        client.call_all([pb.DeleteShareRequest(author="author", id=share) for share in gone])
        wait_until(lambda: jobs_done(store), what="the end of all pushes")
        for reader in readers[::20]:
            assert client.timeline_ids(reader) == [share for share in shares[::-1] if share not in gone] + [kept]
        watcher.wait(lambda: home.deleted == gone, "the deletions")
        assert home.ids == shares
        resumed = watcher.follow_stream(home=readers[-1], token=home.token)
        for stream in (resumed, watcher.follow_stream(home=readers[0], token=home.token)):
            stream.client.wait(lambda: not set(gone) & set(stream.ids) - set(stream.deleted), "the deletions")
            assert not stream.gaps


def test_deleting_twice_is_a_success_that_says_so(client, name):
    share_id = client.share(name("author")).id
    client.delete(name("author"), share_id)
    assert client.delete(name("author"), share_id).repeated


def test_only_its_author_may_delete_a_share(client, name):
    share_id = client.share(name("author")).id
    assert client.refusal(pb.DeleteShareRequest(author=name("other"), id=share_id)).code == "FORBIDDEN"
    assert client.get(share_id).id == share_id


@pytest.mark.ways("read")
def test_an_authors_own_shares_stand_in_the_own_home_timeline(client, name):
    before_first_read = client.share(name("author")).id
    assert client.timeline_ids(name("author")) == [before_first_read]
    after_first_read = client.share(name("author")).id
    assert client.timeline_ids(name("author")) == [after_first_read, before_first_read]


def test_shares_deletions_and_reads_in_one_pipeline_are_answered_in_order(client, name):
    share_id = client.share(name("author")).id
    deletion, read, again = client.send_all([pb.DeleteShareRequest(author=name("author"), id=share_id),
                                             pb.GetShareRequest(id=share_id), request(name("author"))])
    client.reply_to(deletion)
    with pytest.raises(FeedError):
        client.reply_to(read)
    assert client.profile_ids(name("author")) == [client.reply_to(again).id]
