"""Who shared what: one destination however its url was spelled, its site, and "also shared by"."""
import csv
import json
import subprocess

import pytest

import feed_pb2 as pb
import harness
import model
from harness import all_carried_out, jobs_done, wait_until


def share(client, author, url, **fields):
    return client.call(pb.ShareRequest(author=author, url=url, **fields)).id


def destination(client, url, **fields):
    return client.call(pb.GetDestinationRequest(url=url, **fields))


def site(client, host, **fields):
    return client.call(pb.GetSiteRequest(site=host, **fields))


def wait_for_sharers(client, url, count):
    return wait_until(lambda: (reply := destination(client, url)).sharers == count and reply,
                      what=f"{count} sharers of {url}")


def authors(reply):
    return [one.author for one in reply.shares]


def latest_first(ids):
    """Names by the ids of their shares."""
    return sorted(ids, key=ids.get, reverse=True)


def also(client, reader, **fields):
    """{share id: (names, count)} of a timeline that was asked for with it."""
    reply = client.call(pb.GetTimelineRequest(reader=reader, also_shared_by=True, **fields))
    return {one.id: (list(one.also_shared_by), one.also_shared_count) for one in reply.shares}


def feedctl(feedd, *words):
    return subprocess.run([harness.FEEDCTL, "--server", feedd.server_flag, *words], capture_output=True, text=True, timeout=50,
                          env=harness.ENVIRONMENT, check=True).stdout


# ------------------------------------------------------------------------------------------------------- destinations

def test_urls_that_differ_in_nothing_that_matters_are_one_destination(client, name):
    host = f"www.{name('host')}.b\u00fccher.example"
    spellings = [f"http://{host}/a/b?x=1&y=2", f"HTTP://{host.upper()}:80/a/b?x=1&y=2#part",
                 f"http://{host}/a/./c/../%62?x=1&utm_source=mail&y=2", f"http://{host}./a/b?x=1&y=%32&fbclid=z"]
    ids = {}
    for number, url in enumerate(spellings):
        id = ids[name(f"author{number}")] = share(client, name(f"author{number}"), url)
        assert client.get(id).url == url
    share(client, name("stranger"), f"http://{host}/a/B?x=1&y=2")
    for url in spellings:
        reply = wait_for_sharers(client, url, len(spellings))
        assert reply.url == client.get(id).canonical_url == f"http://www.{name('host')}.xn--bcher-kva.example/a/b?x=1&y=2"
        assert authors(reply) == latest_first(ids)
        assert reply.end == pb.END and not reply.followed


def test_a_site_has_everything_that_was_shared_of_it(client, name):
    domain = f"{name('site').replace('.', '-')}.co.uk"
    ids = {f"http://a.{domain}/1": share(client, name("ann"), f"http://a.{domain}/1")}
    share(client, name("ben"), f"https://b.c.{domain}:8443/2")
    ids[f"https://{domain}/3"] = share(client, name("ben"), f"https://{domain}/3")
    for host in (domain, f"A.{domain}", f"other.{domain}"):
        reply = wait_until(lambda: (found := site(client, host)).sharers == 2 and len(found.shares) == 2 and found)
        assert reply.site == domain
    assert wait_until(lambda: [one.url for one in site(client, domain).shares] == latest_first(ids))


def test_a_reader_is_told_who_of_those_whom_it_follows_shared_it(client, name):
    url = f"http://{name('url')}/"
    ids = {word: share(client, name(word), url, comment=f"says {word}") for word in ("ann", "ben", "cleo")}
    client.follow_many([(name("reader"), name("ann")), (name("reader"), name("cleo"))])
    share(client, name("reader"), url)
    wait_for_sharers(client, url, 4)
    reply = destination(client, url, reader=name("reader"))
    followed = [word for word in latest_first(ids) if word != "ben"]
    assert [(one.author, one.comment) for one in reply.shares] == [(name(word), f"says {word}") for word in followed]
    assert (reply.sharers, reply.followed) == (4, 2)
    first = destination(client, url, reader=name("reader"), limit=1)
    second = destination(client, url, reader=name("reader"), limit=1, before=first.next_cursor)
    assert authors(first) + authors(second) == authors(reply)
    assert (first.end, second.end) == (pb.MORE, pb.END)
    client.unfollow(name("reader"), name("cleo"))
    assert authors(destination(client, url, reader=name("reader"))) == [name("ann")]


def test_pages_without_a_reader_show_everybody_once(client, name):
    url = f"http://{name('url')}/"
    ids = {name(f"author{number}"): share(client, name(f"author{number}"), url) for number in range(7)}
    wait_for_sharers(client, url, 7)
    shown, cursor = [], ""
    while cursor is not None:
        reply = destination(client, url, limit=3, before=cursor)
        shown += authors(reply)
        cursor = reply.next_cursor if reply.end == pb.MORE else None
    assert shown == latest_first(ids)


def test_an_author_stands_with_the_latest_share_and_falls_back_to_an_earlier_one(client, name):
    url = f"http://{name('url')}/"
    ids = [share(client, name("ann"), url) for _ in range(3)]
    shown = lambda: [one.id for one in destination(client, url).shares]  # noqa: E731
    assert wait_until(lambda: shown() == ids[2:]) and destination(client, url).sharers == 1
    client.delete(name("ann"), ids[1])
    client.delete(name("ann"), ids[2])
    assert ids[2] not in shown()
    wait_until(lambda: shown() == ids[:1])
    client.delete(name("ann"), ids[0])
    assert shown() == []
    wait_for_sharers(client, url, 0)


def test_what_is_no_url_or_site_is_refused_by_name(client, name):
    for request, field in [(pb.GetDestinationRequest(url="ftp://example.org/"), "url"), (pb.GetDestinationRequest(), "url"),
                           (pb.GetSiteRequest(), "site"), (pb.GetSiteRequest(site="example.org/a"), "site"),
                           (pb.GetSiteRequest(site="a" * 256), "site"), (pb.GetSiteRequest(site="a b"), "site"),
                           (pb.GetDestinationRequest(url="http://a/", reader="\n"), "reader"),
                           (pb.GetDestinationRequest(url="http://a/", before="x"), "before")]:
        error = client.refusal(request)
        assert (error.code, error.field) == ("INVALID", field)
    nobody = destination(client, f"http://{name('nobody')}/", reader=name("reader"))
    assert (nobody.sharers, nobody.followed, len(nobody.shares), nobody.end) == (0, 0, 0, pb.END)


# ----------------------------------------------------------------------------------------------------- also shared by

def test_a_share_in_a_timeline_says_who_else_shared_the_same(client, name):
    url, reader = f"http://{name('url')}/", name("reader")
    for number in range(5):
        client.follow(reader, name(f"author{number}"))
    ids = {name(f"author{number}"): share(client, name(f"author{number}"), url + ("" if number else "#part")) for number in range(5)}
    first, *others, last = sorted(ids, key=ids.get)
    share(client, name("stranger"), url)
    other = share(client, first, url + "other")
    wait_for_sharers(client, url, 6)

    def told(author):
        return also(client, reader)[ids[author]]

    def others_of(author, *gone):
        return [one for one in latest_first(ids) if one not in (author, *gone)]

    assert also(client, reader)[other] == ([], 0)
    assert all(told(author) == (others_of(author)[:3], 4) for author in ids)
    assert all(not one.also_shared_by for one in client.timeline(reader).shares)
    assert len(also(client, reader, limit=2)) == 2
    client.unfollow(reader, others[1])
    assert told(first) == (others_of(first, others[1]), 3)
    client.delete(last, ids[last])
    assert told(first) == (others_of(first, others[1], last), 2)


def test_of_many_sharers_and_many_followed_the_right_ones_are_found(client, name):
    url, reader = f"http://{name('url')}/", name("reader")
    crowd = [name(f"author{number:04}") for number in range(1200)]
    client.call_all([pb.ShareRequest(author=author, url=url) for author in crowd])
    followed = crowd[5:1200:40]
    client.follow_many([(reader, subject) for subject in followed + [name(f"silent{number}") for number in range(600)]])
    wait_for_sharers(client, url, 1200)
    reply = destination(client, url, reader=reader, limit=100)
    assert sorted(authors(reply)) == sorted(followed) and reply.followed == len(followed)
    assert also(client, reader, limit=1).popitem()[1][1] == len(followed) - 1


def test_what_its_profile_has_dropped_is_not_shown_and_counts_still(start_feedd, redis):
    """Also by daemons that have seen it lately."""
    flags = ("--redis-url", redis.url, "--profile-cap", "8", "--timeline-cap", "8")
    daemon, other = start_feedd(*flags), start_feedd(*flags, state="other")
    with daemon.connect() as client, other.connect() as elsewhere:
        client.follow("reader", "author")
        first = share(client, "author", "http://example.org/a")
        assert first in [one.id for one in destination(client, "http://example.org/a", reader="reader").shares]
        client.share_many("author", 8)
        wait_until(lambda: jobs_done(redis.client()))
        for where in (client, elsewhere):
            for reader in ("", "reader"):
                for reply in (destination(where, "http://example.org/a", reader=reader), site(where, "example.org", reader=reader)):
                    assert reply.sharers == 1 and first not in [one.id for one in reply.shares]


# ------------------------------------------------------------------------------------------------------- under failure

def test_what_is_killed_in_the_middle_is_recorded_all_the_same(start_feedd, redis):
    """Also what was in the middle so often that it was parked, once that is tried again."""
    options = ("--redis-url", redis.url, "--fanout-claim-after-ms", "300", "--fanout-retry-parked-s", "1")
    daemons = [start_feedd(*options, "--store-partitions", "4", state=f"d{number}") for number in range(2)]
    url = "http://example.org/a"
    with daemons[0].connect() as client:
        for round in range(6):
            client.call_all([pb.ShareRequest(author=f"author{round}-{number}", url=url) for number in range(40)])
            kept = client.call(pb.ShareRequest(author=f"gone{round}", url=url)).id
            client.call(pb.DeleteShareRequest(author=f"gone{round}", id=kept))
            daemons[1].kill()
            daemons[1] = start_feedd(*options, "--store-partitions", "4", state="d1")
        wait_until(lambda: all_carried_out(redis.client()), timeout=30, what="every job")
        reply = destination(client, url)
        assert reply.sharers == 240 and site(client, "example.org").sharers == 240
        assert not any(author.startswith("gone") for author in authors(reply))


def test_a_deleted_share_leaves_no_record_though_its_own_entry_is_carried_out_last(start_feedd, redis):
    feedd = start_feedd("--redis-url", redis.url)
    with feedd.connect() as client:
        share(client, "ann", "http://example.org/a")
        wait_for_sharers(client, "http://example.org/a", 1)
        gone = share(client, "ben", "http://example.org/a")
        client.delete("ben", gone)
        wait_for_sharers(client, "http://example.org/a", 1)
        wait_until(lambda: jobs_done(redis.client()))
        log = redis.client().keys("log:*")[0]
        entry = next(id for id, fields in redis.client().xrange(log) if fields.get("k") == "share" and fields["a"] == "ben")
        redis.client().xclaim(log, "appliers", "nobody", 0, [entry], force=True, idle=10**8)
    feedd.stop()
    with start_feedd("--redis-url", redis.url, "--fanout-claim-after-ms", "200").connect() as client:
        wait_until(lambda: jobs_done(redis.client()))
        assert destination(client, "http://example.org/a").sharers == 1


def test_a_key_of_another_kind_holds_up_neither_shares_nor_reads(start_feedd, redis):
    with start_feedd("--redis-url", redis.url).connect() as client:
        client.follow("bob", "ann")
        share(client, "ann", "http://example.org/a")
        wait_for_sharers(client, "http://example.org/a", 1)
        [key] = redis.client().keys("destination:*")
        redis.client().delete(key)
        redis.client().set(key, "no record")
        id = share(client, "ann", "http://example.org/a")
        wait_until(lambda: jobs_done(redis.client()))
        assert id in also(client, "bob")
        assert site(client, "example.org").sharers == 1


# -------------------------------------------------------------------------------------------------- feedctl, real data

def test_feedctl_shows_destinations_sites_and_who_else_shared(feedd, client, name):
    url, reader = f"http://www.{name('host')}.example/a", name("reader")
    for word in ("ann", "ben"):
        client.follow(reader, name(word))
        share(client, name(word), url + "#" + word, comment=f"says {word}")
    wait_for_sharers(client, url, 2)
    shown = feedctl(feedd, "destination", url, "--reader", reader)
    assert f"{url} · shared by 2, 2 of them followed by {reader}" in shown and "says ben" in shown and "says ann" in shown
    assert "shared by 2" in feedctl(feedd, "site", f"{name('host')}.example")
    assert f"also shared by {name('ben')}" in feedctl(feedd, "timeline", reader, "--also-shared")
    lines = [json.loads(line) for line in feedctl(feedd, "--json", "destination", url).splitlines()]
    assert (lines[0]["url"], lines[0]["sharers"], len(lines)) == (url, 2, 4)


@pytest.mark.skipif(not model.LINKS.exists(), reason="no real data here")
def test_real_links_are_recorded_under_their_destinations(start_feedd):
    with model.LINKS.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["url"]][:3000]
    with start_feedd().connect() as client:
        client.call_all([pb.ShareRequest(author=row["author"], url=row["url"], title=row["title"][:300]) for row in rows])
        by_site = {row["author"] for row in rows if row["url"].split("/")[2] in ("github.com", "www.github.com")}
        assert len(by_site) > 50
        wait_until(lambda: site(client, "github.com").sharers >= len(by_site), timeout=30)
        for row in rows[::300]:
            assert row["author"] in authors(destination(client, row["url"]))
