"""What is said about subjects: setting, reading and finding it, and the author's name in shares."""
import pytest

import feed_pb2 as pb
from wait import wait_until


def describe(client, subject_id, **fields):
    return client.call(pb.SetSubjectRequest(subject=pb.Subject(id=subject_id, **fields)))


def described(client, *ids):
    return list(client.call(pb.GetSubjectsRequest(ids=ids)).subjects)


def find(client, prefix, limit=0):
    """All pages: the ids."""
    found, cursor = [], ""
    while True:
        page = client.call(pb.FindSubjectsRequest(prefix=prefix, limit=limit, cursor=cursor))
        found.extend(subject.id for subject in page.subjects)
        assert limit == 0 or len(page.subjects) <= limit
        cursor = page.next_cursor
        if not cursor:
            return found


def whole(subject_id):
    return pb.Subject(id=subject_id, kind=pb.BRAND, display_name="Acme & Søns", description="Anvils.\nAnd more.",
                      picture_url="https://example.org/a.png", link="https://example.org/")


# -------------------------------------------------------------------------------------------------- setting and reading

def test_what_was_said_is_read_back_in_the_order_asked_and_the_unknown_have_their_id_alone(client, name):
    acme, nobody, bob = whole(name("acme")), pb.Subject(id=name("nobody")), pb.Subject(id=name("bob"), kind=pb.PERSON)
    for subject in (acme, bob):
        assert not client.call(pb.SetSubjectRequest(subject=subject)).repeated
    assert described(client, bob.id, nobody.id, acme.id, bob.id) == [bob, nobody, acme, bob]
    assert described(client) == []


def test_saying_the_same_again_says_so_and_has_the_first_ones_position(client, name):
    first = client.call(pb.SetSubjectRequest(subject=whole(name("acme"))))
    again = client.call(pb.SetSubjectRequest(subject=whole(name("acme"))))
    assert first.position and not first.repeated
    assert (again.position, again.repeated) == (first.position, True)
    assert describe(client, name("nobody")).repeated, "nothing was said about it before"


def test_the_whole_description_is_replaced_and_the_id_alone_takes_it_away(client, name):
    client.call(pb.SetSubjectRequest(subject=whole(name("acme"))))
    describe(client, name("acme"), display_name="Acme")
    assert described(client, name("acme")) == [pb.Subject(id=name("acme"), display_name="Acme")]
    assert not describe(client, name("acme")).repeated
    assert described(client, name("acme")) == [pb.Subject(id=name("acme"))]
    assert find(client, name("acme")) == []


@pytest.mark.parametrize("field, bad, limit", [
    ("id", "", 0), ("id", "x" * 129, 128), ("id", "a\nb", 0),
    ("display_name", "x" * 101, 100), ("display_name", "🙂" * 101, 400), ("display_name", "a\tb", 0),
    ("description", "x" * 501, 500), ("description", "🙂" * 501, 2000),
    ("picture_url", "ftp://example.org/", 0), ("link", "example.org", 0), ("link", "http://e.org/" + "x" * 2048, 2048),
    ("kind", 9, 0)])
def test_a_bad_description_is_refused_by_its_field(client, name, field, bad, limit):
    request = pb.SetSubjectRequest(subject=pb.Subject(**{"id": name("x"), field: bad}))
    error = client.refusal(request)
    assert (error.code, error.field, error.limit) == ("INVALID", field, limit)
    assert described(client, name("x")) == [pb.Subject(id=name("x"))]


def test_a_request_without_a_subject_or_with_too_many_ids_is_refused(client, name):
    error = client.refusal(pb.SetSubjectRequest())
    assert (error.code, error.field) == ("INVALID", "subject")
    error = client.refusal(pb.GetSubjectsRequest(ids=[name("x")] * 201))
    assert (error.code, error.field, error.limit) == ("INVALID", "ids", 200)
    assert client.refusal(pb.GetSubjectsRequest(ids=[name("x"), ""])).field == "ids"


def test_long_descriptions_come_in_as_many_answers_as_their_frames_take(client, name):
    ids = [name(f"s{number}") for number in range(150)]
    url = "https://example.org/" + "x" * 2000
    client.call_all([pb.SetSubjectRequest(subject=pb.Subject(
        id=one, display_name=f"Longish{one}", description="🙂" * 500, picture_url=url, link=url)) for one in ids])
    answer = described(client, *ids)
    assert 50 < len(answer) < 150
    assert [subject.id for subject in answer] == ids[:len(answer)]
    assert sorted(find(client, f"longish{name('s')}"[:8], 200)) == sorted(ids)


# -------------------------------------------------------------------------------------------------------------- finding

@pytest.fixture
def word(name):
    """A word that no other test's names begin with."""
    return "q" + name("").replace(".", "z")


def test_a_subject_is_found_by_the_beginning_of_any_word_without_regard_to_case_and_accents(client, word):
    describe(client, f"{word}:mary", display_name=f"Mary Änn {word}O'Brien")
    describe(client, f"{word}:max", display_name="Max Müller")
    for prefix in (word, word.upper(), f"{word}:ma", f"{word} MA"):
        assert sorted(find(client, prefix)) == [f"{word}:mary", f"{word}:max"], prefix
    for prefix in (f"ann {word}o", f"MARY ANN {word}O'B", f"{word}o b", f"{word}:mar"):
        assert find(client, prefix) == [f"{word}:mary"], prefix
    assert f"{word}:max" in find(client, "mull")
    assert find(client, f"{word}:maz") == []
    assert find(client, f"{word}mary") == []


@pytest.mark.parametrize("limit", [1, 2, 7, 0])
def test_who_is_found_by_several_words_shows_once_on_whatever_pages(client, word, limit):
    ids = [f"{word}{number:02}" for number in range(20)]
    for index, one in enumerate(ids):
        describe(client, one, display_name=f"{word}{99 - index} {word} {one}")
    found = find(client, word, limit)
    assert sorted(found) == ids
    assert len(found) == len(set(found))


def test_pages_come_in_the_order_of_the_words(client, word):
    ids = [f"{word}{number:02}" for number in range(30)]
    for one in ids:
        describe(client, one, kind=pb.PERSON)
    assert find(client, word, 4) == ids


def test_another_name_is_found_by_its_own_words_alone(client, word):
    describe(client, f"{word}1", display_name=f"{word}old name")
    describe(client, f"{word}1", display_name=f"{word}new name")
    assert find(client, f"{word}old") == []
    assert find(client, f"{word}new") == [f"{word}1"]


@pytest.mark.parametrize("field, value", [("prefix", ""), ("prefix", " .,"), ("prefix", "x" * 513), ("cursor", "17"),
                                          ("cursor", "ann"), ("cursor", "zed\nx"), ("cursor", "x" * 1025)])
def test_a_prefix_or_cursor_that_cannot_be_is_refused(client, field, value):
    error = client.refusal(pb.FindSubjectsRequest(**{"prefix": "ann", field: value}))
    assert (error.code, error.field) == ("INVALID", field)


# ------------------------------------------------------------------------------------------------------ names in shares

def test_shares_carry_the_authors_name_on_reads_and_streams(connect, client, name):
    describe(client, name("alice"), display_name="Alice Smith")
    client.follow(name("bob"), name("alice"))
    other = connect()
    home, profile = other.follow_stream(home=name("bob")), other.follow_stream(profile=name("alice"))
    token = home.token
    share = client.share(name("alice")).id
    plain = client.share(name("bob")).id
    for stream in (home, profile, connect().resume(token, 2, home=name("bob"))):
        stream.wait_for_share(share)
        assert {one.author_name for one in stream.shares if one.id == share} == {"Alice Smith"}
    assert client.get(share).author_name == "Alice Smith"
    assert client.get(plain).author_name == ""
    for shares in (client.timeline(name("bob")).shares, client.profile(name("alice")).shares):
        assert {one.author_name for one in shares if one.id == share} == {"Alice Smith"}


@pytest.mark.ways("read", "live")
def test_a_new_name_shows_in_whatever_is_read_from_then_on(connect, client, name):
    client.follow(name("bob"), name("alice"))
    old = client.share(name("alice")).id
    home = connect().follow_stream(home=name("bob"))
    for new_name in ("Alice", "Alice Smith-Jones of Somewhere", ""):
        assert client.timeline(name("bob")).shares == client.timeline(name("bob")).shares, "and then it is in memory"
        describe(client, name("alice"), display_name=new_name, kind=pb.PERSON)
        assert [one.author_name for one in client.timeline(name("bob")).shares] == [new_name]
        assert client.get(old).author_name == new_name
        new = client.share(name("alice")).id
        home.wait_for_share(new)
        assert home.shares[-1].author_name == new_name
        client.delete(name("alice"), new)


@pytest.mark.ways("resumed")
def test_a_stream_that_resumes_brings_earlier_shares_under_the_present_name(connect, client, name):
    describe(client, name("alice"), display_name="Alice")
    client.follow(name("bob"), name("alice"))
    first = connect()
    token = first.follow_stream(home=name("bob")).token
    shares = client.share_many(name("alice"), 5, title="a title", comment="a comment")
    describe(client, name("alice"), display_name="Alicia")
    assert client.get(shares[0]).author_name == "Alicia", "the daemon has read of it"
    for _ in range(2):
        resumed = connect().resume(token, 5, home=name("bob"))
        assert resumed.ids == shares
        assert {(one.author_name, one.title, one.comment) for one in resumed.shares} == {("Alicia", "a title", "a comment")}


def test_a_name_and_a_share_sent_at_once_belong_together(connect, client, name):
    profile = connect().follow_stream(profile=name("alice"))
    requests = []
    for number in range(20):
        requests.append(pb.SetSubjectRequest(subject=pb.Subject(id=name("alice"), display_name=f"Alice {number}")))
        requests.append(pb.ShareRequest(author=name("alice"), url=f"http://example.org/{number}"))
    client.call_all(requests)
    profile.wait_for_count(20)
    assert [share.author_name for share in profile.shares] == [f"Alice {number}" for number in range(20)]


@pytest.fixture
def two_daemons(start_feedd, redis):
    flags = ("--redis-url", redis.url, "--store-partitions", "4", "--cache-ring-bytes", "1048576",
             "--cache-body-bytes", "1048576")
    return [start_feedd(*flags, state=f"state{number}") for number in range(2)]


def test_every_daemon_shows_a_new_name_as_soon_as_it_has_read_of_it(two_daemons):
    with two_daemons[0].connect() as first, two_daemons[1].connect() as second:
        second.follow("bob", "alice")
        share = first.share("alice").id
        wait_until(lambda: second.timeline_ids("bob") == [share])
        home = second.follow_stream(home="bob")
        for number in range(10):
            describe(first, "alice", display_name=f"Alice {number}")
            wait_until(lambda: second.get(share).author_name == f"Alice {number}")
            assert second.timeline("bob").shares[0].author_name == f"Alice {number}"
            new = first.share("alice").id
            home.wait_for_share(new)
            assert home.shares[-1].author_name == f"Alice {number}"
            first.delete("alice", new)
            wait_until(lambda: second.timeline_ids("bob") == [share])


def test_names_outlive_whatever_memory_holds(two_daemons):
    """More shares than ring and bodies have room for, so that names are forgotten and asked for again."""
    authors = [f"author{number}" for number in range(40)]
    with two_daemons[0].connect() as client:
        client.follow_many([("bob", author) for author in authors])
        token = client.follow_stream(home="bob").token
        for author in authors:
            describe(client, author, display_name=f"Name of {author}")
        for author in authors:
            client.share_patiently(author, 8, comment="🙂" * 1900)
        for author in authors[::2]:
            describe(client, author, display_name=f"{author} renamed")
        expected = {author: f"{author} renamed" if index % 2 == 0 else f"Name of {author}"
                    for index, author in enumerate(authors)}
        wait_until(lambda: len(client.timeline_ids("bob")) == 320)
        for _ in range(2):
            shares, _ = client.whole_timeline("bob")
            assert len(shares) == 320 and {one.author: one.author_name for one in shares} == expected
    with two_daemons[1].connect() as client:
        resumed = client.resume(token, 320, home="bob")
        assert {one.author: one.author_name for one in resumed.shares} == expected


def test_what_was_said_survives_a_kill_and_shows_on_what_a_new_daemon_reads(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url)
    with daemon.connect() as client:
        share = client.share("alice").id
        describe(client, "alice", display_name="Alice")
    daemon.kill()
    with daemon.restart().connect() as client:
        assert client.get(share).author_name == "Alice"
        assert described(client, "alice") == [pb.Subject(id="alice", display_name="Alice")]
        assert find(client, "ali") == ["alice"]
        assert describe(client, "alice", display_name="Alice").repeated
