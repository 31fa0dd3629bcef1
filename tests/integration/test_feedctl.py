"""feedctl as its users see it: output for people and for programs, exit codes, imports."""
import json
import re
import subprocess
import types

import pytest
from google.protobuf import json_format

import feed_pb2 as pb
import harness
import model

DONE, REFUSED, USAGE, NO_SERVER = range(4)
PARTITIONS = [1]


def feedctl(*words, stdin=None):
    """Runs feedctl to its end. Neither a sanitizer report nor colour (there is no terminal) may come out of it."""
    result = subprocess.run([harness.FEEDCTL, *map(str, words)], input=stdin or "", capture_output=True, text=True,
                            timeout=50, env=harness.ENVIRONMENT)
    assert not harness.SANITIZER_REPORT.search(result.stderr), result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    return result


def done(result):
    assert result.returncode == DONE, result.stderr
    return result.stdout


@pytest.fixture
def ctl(feedd):
    """ctl.say(...) runs a command and returns what it prints; ctl.objects(...) does so with --json, and returns the
    objects."""
    def run(*words, **options):
        return feedctl("--server", feedd.server_flag, *words, **options)

    def objects(*words, code=DONE, **options):
        result = run("--json", *words, **options)
        assert result.returncode == code, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    return types.SimpleNamespace(run=run, say=lambda *words, **options: done(run(*words, **options)), objects=objects)


def share_of(json_object):
    """Reads a share as the official package does; every field must be there, 64-bit numbers as strings."""
    assert set(json_object) == {"id", "author", "url", "title", "extract", "imageUrl", "comment", "createdAtMs",
                                "editedAtMs", "commentCount", "authorName", "canonicalUrl", "alsoSharedBy",
                                "alsoSharedCount", "origin", "reshareCount", "resharedBy", "resharedByCount"}
    assert isinstance(json_object["id"], str) and isinstance(json_object["createdAtMs"], str)
    return json_format.ParseDict(json_object, pb.Share())


def shares_in(objects):
    return [share_of(one) for one in objects if "author" in one]


# ------------------------------------------------------------------------------------------------------ single commands

def test_share_and_show_for_programs(ctl, client, name):
    author = name("author")
    reply = ctl.objects("share", "--as", author, "https://example.org/a", "--title", "T", "--extract", "E", "--image",
                        "http://example.org/i", "--comment", "C “q” ü", "--key", "k")
    assert set(reply[0]) == {"id", "repeated", "position"} and reply[0]["repeated"] is False
    shown = shares_in(ctl.objects("show", reply[0]["id"]))
    assert shown == [client.get(int(reply[0]["id"]))]
    assert (shown[0].url, shown[0].title, shown[0].extract, shown[0].image_url, shown[0].comment) == (
        "https://example.org/a", "T", "E", "http://example.org/i", "C “q” ü")
    again = ctl.objects("share", "--as", author, "https://example.org/a", "--key", "k")
    assert (again[0]["id"], again[0]["repeated"]) == (reply[0]["id"], True)


def test_share_and_timeline_for_people(ctl, name):
    ctl.say("follow", name("reader"), name("author"))
    said = ctl.say("share", "--as", name("author"), "https://www.example.org/a", "--title", "A title", "--comment",
                   "My comment")
    share_id = re.search(r"\d+", said)[0]
    shown = ctl.say("timeline", name("reader"))
    for part in (name("author"), "A title", "example.org", "My comment", "just now", share_id):
        assert part in shown
    assert "A title" in ctl.say("show", share_id)
    assert "A title" in ctl.say("profile", name("author"))


def test_delete(ctl, client, name):
    share_id = client.share(name("author")).id
    refused = ctl.run("delete", "--as", name("other"), share_id)
    assert refused.returncode == REFUSED and refused.stderr and not refused.stdout
    assert ctl.say("delete", "--as", name("author"), share_id)
    reply = ctl.objects("delete", "--as", name("author"), share_id)
    assert reply[0]["repeated"] is True and isinstance(reply[0]["position"], str)
    assert ctl.run("show", share_id).returncode == REFUSED


def test_an_edit_changes_what_is_given_and_nothing_else(ctl, client, name):
    share = client.share(name("author"), title="Old title", comment="Old comment").id
    assert "edited" not in ctl.say("show", share)
    assert ctl.say("edit", "--as", name("author"), "--title", "New title", share) == "edited\n"
    assert ctl.say("edit", "--as", name("author"), "--title", "New title", share) == "says so already\n"
    shown = ctl.say("show", share)
    assert "New title" in shown and "Old comment" in shown and "edited" in shown and "Old title" not in shown
    assert ctl.objects("edit", "--as", name("author"), "--comment", "", share)[0]["repeated"] is False
    assert "Old comment" not in ctl.say("show", share)
    assert ctl.run("edit", "--as", name("author"), share).returncode == USAGE
    assert ctl.run("edit", "--as", name("other"), "--title", "x", share).returncode == REFUSED


def test_a_dialogue_from_the_first_word_to_the_last(ctl, client, name):
    share = client.share(name("author")).id
    said = ctl.say("comment", "--as", name("bob"), f"#{share}", "Well said.")
    first = re.search(r"commented as (\d+)", said)[1]
    reply = ctl.objects("comment", "--as", name("carol"), "--reply-to", first, "--key", "k", share, "Is it?")[0]
    again = ctl.say("comment", "--as", name("carol"), "--reply-to", first, "--key", "k", share, "Is it?")
    assert f"already commented as {reply['id']}" in again
    shown = ctl.say("dialogue", share)
    for part in (name("bob"), "Well said.", name("carol"), "Is it?", f"to #{first}", f"#{reply['id']}", "that is all"):
        assert part in shown
    comments = ctl.objects("dialogue", share, "--newest-first")
    assert [one["id"] for one in comments[:-1]] == [reply["id"], first]
    assert comments[-1] == {"nextCursor": "", "commentCount": 2}
    assert f"--cursor {first}" in ctl.say("dialogue", share, "--limit", 1)
    assert ctl.say("dialogue", share, "--limit", 2).count("that is all") == 1
    assert "2 comments" in ctl.say("show", share)
    refused = ctl.run("delete-comment", "--as", name("mallory"), share, first)
    assert refused.returncode == REFUSED and refused.stderr
    assert ctl.say("delete-comment", "--as", name("bob"), share, first) == "deleted\n"
    assert ctl.say("delete-comment", "--as", name("bob"), share, first) == "was deleted already\n"
    assert "deleted #" in ctl.say("dialogue", share) and "Well said." not in ctl.say("dialogue", share)
    assert "1 comment " in ctl.say("show", share)
    assert ctl.run("dialogue", "x").returncode == USAGE
    assert ctl.run("comment", "--as", name("bob"), "--reply-to", "x", share, "y").returncode == USAGE


def test_follow_unfollow_and_lists(ctl, client, name):
    reader, subjects = name("reader"), [name(word) for word in "abc"]
    replies = ctl.objects("follow", reader, *subjects)
    assert [reply["repeated"] for reply in replies] == [False] * 3
    assert all(subject in ctl.say("follow", reader, subject) for subject in subjects)
    assert client.following(reader) == subjects[::-1]
    assert [line for line in ctl.say("following", reader).splitlines() if line in subjects] == subjects[::-1]
    assert [subject for page in ctl.objects("following", reader) for subject in page["subjects"]] == subjects[::-1]
    assert [one for page in ctl.objects("followers", name("a")) for one in page["readers"]] == [reader]
    assert reader in ctl.say("followers", name("a")).splitlines()
    assert ctl.objects("unfollow", reader, name("a"), name("never"))[1]["repeated"] is True
    assert ctl.say("unfollow", reader, name("b"))
    assert client.following(reader) == [name("c")]
    assert ctl.run("follow", reader, reader).returncode == REFUSED


def test_describing_subjects_and_finding_them(ctl, client, name):
    alice, word = name("alice"), "w" + name("").replace(".", "")
    assert ctl.say("describe", alice, "--name", f"Alice {word}", "--kind", "person") == "described\n"
    assert ctl.say("describe", alice, "--link", "https://example.org/") == "described\n"
    assert ctl.say("describe", alice, "--kind", "Person") == "was described so already\n"
    assert ctl.objects("subjects", alice, name("nobody")) == [
        {"id": alice, "kind": "PERSON", "displayName": f"Alice {word}", "description": "", "pictureUrl": "",
         "link": "https://example.org/"},
        {"id": name("nobody"), "kind": "KIND_UNSPECIFIED", "displayName": "", "description": "", "pictureUrl": "", "link": ""}]
    assert f"{alice} · Alice {word} · person\n  https://example.org/\n" == ctl.say("subjects", alice)
    assert [one["id"] for one in ctl.objects("find", word.upper())] == [alice]
    assert ctl.say("find", word).endswith("— 1 found\n")
    share = client.share(alice).id
    assert ctl.say("show", share).startswith(f"Alice {word} {alice} · ")
    assert ctl.say("describe", alice, "--clear") == "described\n"
    assert ctl.say("find", word) == "— 0 found\n"
    assert ctl.run("describe", alice, "--kind", "robot").returncode == USAGE
    assert "LINK" in ctl.run("describe", alice, "--link", "x").stderr.upper()


def test_blocking_and_muting(ctl, client, name):
    bob, alice, carl = name("bob"), name("alice"), name("carl")
    client.follow(bob, alice)
    assert ctl.say("mute", bob, alice, carl) == f"{bob} has muted {alice}\n{bob} has muted {carl}\n"
    assert ctl.say("mute", bob, carl) == f"{bob} had already muted {carl}\n"
    assert ctl.say("block", bob, alice) == f"{bob} now blocks {alice}\n"
    assert client.following(bob) == []
    assert ctl.objects("block", bob, alice)[0]["repeated"]
    assert ctl.say("blocked", bob) == f"{alice}\n— 1 subject blocked\n"
    assert ctl.say("blocked", "--muted", bob) == f"{carl}\n{alice}\n— 2 subjects muted\n"
    share = client.share(carl).id
    client.comment(alice, share, "Heard?")
    assert "Heard?" in ctl.say("dialogue", share) and "Heard?" not in ctl.say("dialogue", "--reader", bob, share)
    refused = ctl.run("follow", alice, bob)
    assert (refused.returncode, refused.stderr) == (
        REFUSED, "feedctl: the reader may not follow this subject (FORBIDDEN, field SUBJECT)\n")
    assert ctl.say("unblock", bob, alice) == f"{bob} no longer blocks {alice}\n"
    assert ctl.say("unblock", bob, alice) == f"{bob} did not block {alice}\n"
    assert ctl.say("unmute", bob, carl) == f"{bob} has unmuted {carl}\n"
    assert ctl.say("unmute", bob, carl) == f"{bob} had not muted {carl}\n"


def test_marking_as_read_and_what_is_unread(ctl, client, name):
    bob, alice = name("bob"), name("alice")
    assert ctl.say("mark-read", bob) == "there is nothing to read\n"
    client.follow(bob, alice)
    ids = client.share_many(alice, 3)
    assert ctl.objects("unread", bob)[0]["unread"] == 3
    assert ctl.say("mark-read", bob, ids[0]) == f"read as far as #{ids[0]}\n"
    assert "2" in ctl.say("unread", bob)
    assert ctl.say("mark-read", bob) == f"read as far as #{ids[2]}\n"
    assert ctl.objects("unread", bob)[0]["marker"] == str(ids[2])
    refused = ctl.run("mark-read", bob, "9007199254740991")
    assert refused.returncode == REFUSED and refused.stderr.startswith("feedctl: ID ")


def test_an_inbox_is_shown_and_marked_as_read(ctl, client, name):
    bob, alice = name("bob"), name("alice")
    share = client.share(alice).id
    comment = client.comment(bob, share)
    client.follow(bob, alice)
    lines = ctl.say("inbox", alice).splitlines()
    assert [line[0] for line in lines] == ["*", "*", "—"]
    assert f"{bob} follows now" in lines[0] and f"{bob} commented on #{share}" in lines[1]
    page = ctl.objects("inbox", "--limit", "1", alice)[0]
    assert (page["notices"][0]["kind"], page["end"]) == ("NOTICE_FOLLOWED", "MORE")
    older = ctl.objects("inbox", "--before", page["nextCursor"], alice)[0]["notices"]
    assert [notice["causeId"] for notice in older] == [str(comment)]
    assert "2 in the inbox" in ctl.say("unread", alice)
    assert ctl.say("mark-read", "--inbox", alice) == f"inbox read as far as #{page['notices'][0]['id']}\n"
    assert "*" not in ctl.say("inbox", alice)


def test_presence(ctl, connect, name):
    stream = connect().follow_stream(home=name("alice"))
    assert stream.token
    harness.wait_until(lambda: ctl.objects("presence", name("alice"))[0]["online"], what="the reader's presence")
    assert ctl.say("presence", name("alice"))


def test_deleting_a_subject(ctl, client, name):
    client.follow(name("bob"), name("alice"))
    client.share_many(name("alice"), 3)
    assert ctl.say("delete-subject", name("alice")) == f"{name('alice')} is deleted: 4 pieces\n"
    again = ctl.objects("delete-subject", name("alice"))[0]["deletion"]
    assert (again["done"], again["total"], again["left"]) == (True, "4", "0")
    assert client.profile_ids(name("alice")) == client.following(name("bob")) == []


def test_lists_are_shown_to_their_end(ctl, client, name):
    subjects = [name(f"s{number}") for number in range(450)]
    client.follow_many([(name("reader"), subject) for subject in subjects])
    assert [line for line in ctl.say("following", name("reader")).splitlines() if line in subjects] == subjects[::-1]


@pytest.mark.parametrize("command", ["timeline", "profile"])
def test_timeline_and_profile_are_paged_by_limit_and_cursor(ctl, client, name, command):
    ids = client.share_many(name("author"), 7)[::-1]
    found, cursor = [], []
    while True:
        objects = ctl.objects(command, name("author"), "--limit", "3", *cursor)
        found += [share.id for share in shares_in(objects)]
        end = objects[-1]
        if end["end"] != "MORE":
            break
        cursor = ["--before", end["nextCursor"]]
    assert found == ids and end["end"] == "END"
    refused = ctl.run(command, name("author"), "--before", "nonsense")
    assert refused.returncode == REFUSED and "before" in refused.stderr


def test_ping(ctl):
    assert "feedd" in ctl.say("ping")
    assert len(ctl.objects("ping")) == 1


# -------------------------------------------------------------------------------------------------- errors, exit codes

def test_what_the_server_refuses_ends_with_1_and_names_what_was_typed(ctl, client, name):
    long, share = "x" * 129, client.share(name("author")).id
    for words, typed in [
        (("subjects", long), "SUBJECT"), (("describe", long), "SUBJECT"), (("watch", long), "READER"),
        (("watch", "--profile", long), "--profile"), (("unmute", name("reader"), long), "SUBJECT"),
        (("unmute", long, name("a")), "READER"), (("dialogue", share, "--reader", long), "--reader"),
        (("comment", "--as", long, share, "?"), "--as"), (("profile", long, "--limit", "1"), "SUBJECT"),
    ]:
        refused = ctl.run(*words)
        assert (refused.returncode, refused.stdout) == (REFUSED, "")
        assert refused.stderr == f"feedctl: {typed} is longer than 128 bytes (INVALID, field {typed}, limit 128)\n"
    refused = ctl.run("comment", "--as", name("bob"), "--reply-to", share + 64, share, "?")
    assert refused.stderr.endswith("(NOT_FOUND, field --reply-to)\n")
    said = ctl.run("--json", "share", "--as", name("author"), "ftp://example.org/")
    error = json.loads(said.stdout or said.stderr)["error"]
    assert (error["code"], error["field"]) == ("INVALID", "url")


@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["share", "http://example.org/"], ["timeline"], ["follow", "reader"], ["ping", "--nonsense"],
    ["timeline", "reader", "--limit", "many"], ["import"], ["import", "graph"],
    ["import", "graph", "/nonexistent/file"], ["show", "one", "two"], ["watch"], ["share", "--as"],
    ["delete", "--as", "a", "x1"], ["show", "99999999999999999999"], ["admin", "nonsense"],
], ids=lambda words: " ".join(words) or "nothing")
def test_a_wrong_command_line_ends_with_2_and_says_why(ctl, words):
    result = ctl.run(*words)
    assert result.returncode == USAGE
    assert result.stderr and not result.stdout
    assert "admin" not in words or "unknown command admin nonsense\nUsage: feedctl admin stats|clients|" in result.stderr


def test_no_server_ends_with_3_and_says_where_it_looked():
    address = f"127.0.0.1:{harness.free_port()}"
    result = feedctl("--server", address, "ping")
    assert result.returncode == NO_SERVER and address in result.stderr
    assert feedctl("--server", "unix:/nonexistent/feedd.sock", "ping").returncode == NO_SERVER


def test_help_and_version():
    text = done(feedctl("--help"))
    for command in ("share", "delete", "show", "follow", "unfollow", "following", "followers", "timeline", "profile",
                    "watch", "import graph", "import shares", "ping"):
        assert command in text
    assert re.search(r"\d+\.\d+", done(feedctl("--version")))
    assert "--resume" in done(feedctl("watch", "--help"))
    assert done(feedctl("help", "import")) == done(feedctl("import", "--help"))
    assert "import shares FILE|-" in done(feedctl("help", "import")) and "follow" not in done(feedctl("help", "admin"))


def test_a_unix_socket_is_a_server_too(start_feedd, workdir):
    start_feedd("--unix", workdir / "feedd.sock")
    assert done(feedctl("--server", f"unix:{workdir / 'feedd.sock'}", "ping"))


# ------------------------------------------------------------------------------------------------------------- imports

def test_importing_a_graph_skips_bad_lines_by_number_and_repeats_nothing(ctl, client, name, tmp_path):
    r, s, t = name("r"), name("s"), name("t")
    file = tmp_path / "graph"
    file.write_text(f"# comment\n{r} {s}\n\nonlyone\n{r}\t{t}\n{r} {r}\na b c\n{s} {t}\n{'x' * 129} {t}\n")
    first = ctl.run("import", "graph", file)
    assert first.returncode == REFUSED
    for number in ("4", "6", "7", "9"):
        assert re.search(rf"\b{number}\b", first.stderr), first.stderr
    assert client.following(r) == [t, s] and client.following(s) == [t]
    again = ctl.objects("import", "graph", file, code=REFUSED)[-1]
    assert (again["followed"], again["repeated"], again["refused"] + again["skipped"]) == (0, 3, 4)
    assert sorted(line for reason in again["reasons"] for line in reason["lines"]) == [4, 6, 7, 9]
    assert client.followers(t) == [s, r]


def test_importing_a_good_graph_from_standard_input_ends_with_0(ctl, client, name):
    lines = "".join(f"{name('r')} {name(f's{number}')}\n" for number in range(2500))
    assert "2500" in ctl.say("import", "graph", "-", stdin=lines).replace(",", "")
    assert len(client.following(name("r"), 200)) == 2500


def test_importing_shares_from_csv(ctl, client, name, tmp_path):
    file = tmp_path / "shares.csv"
    file.write_text("created_at,id,title,url,author,points\n"
                    f"2015-09-06T06:03Z,1,\"A \"\"quoted\"\", title\",http://example.org/1,{name('a')},3\n"
                    f"2015-09-06T06:04Z,2,No url,,{name('a')},3\n"
                    f"2015-09-06T06:05Z,3,Bad url,ftp://example.org/,{name('a')},3\n"
                    f"2015-09-06T06:06Z,4,\"Two\nlines, ü\",https://example.org/4,{name('a')},3\n"
                    f"someday,5,Bad time,http://example.org/5,{name('a')},3\n"
                    f"2015-09-06T06:07Z,6,Last,http://example.org/6,{name('a')},3\n")
    first = ctl.objects("import", "shares", file, code=REFUSED)[-1]
    assert (first["shared"], first["repeated"], first["refused"] + first["skipped"]) == (3, 0, 3)
    assert sorted(line for reason in first["reasons"] for line in reason["lines"]) == [3, 4, 7]
    shares, _ = client.whole_profile(name("a"))
    assert [(share.title, share.url, share.created_at_ms) for share in reversed(shares)] == [
        ('A "quoted", title', "http://example.org/1", 1441519380000),
        ("Two\nlines, ü", "https://example.org/4", 1441519560000),
        ("Last", "http://example.org/6", 1441519620000)]
    again = ctl.objects("import", "shares", file, code=REFUSED)[-1]
    assert (again["shared"], again["repeated"]) == (0, 3)
    assert len(client.profile_ids(name("a"))) == 3


def test_importing_shares_from_json_lines(ctl, client, name):
    rows = [{"author": name("a"), "url": f"http://example.org/{number}", "title": f"T{number}", "extract": "E",
             "imageUrl": "http://example.org/i", "comment": "C\nD", "createdAtMs": str(1441519380000 + number)}
            for number in range(5)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    bad = lines + "{not json\n" + json.dumps({"url": "http://example.org/"}) + "\n"
    assert ctl.say("import", "shares", "-", stdin=lines)
    result = ctl.run("import", "shares", "-", stdin=bad)
    assert result.returncode == DONE and re.search(r"\b6\b", result.stderr) and re.search(r"\b7\b", result.stderr)
    shares, _ = client.whole_profile(name("a"))
    assert [json_format.MessageToDict(share) for share in reversed(shares)] == [
        {"id": str(share.id), **row} for share, row in zip(reversed(shares), rows)]


def test_what_a_profile_shows_can_be_imported_elsewhere_in_its_order(ctl, client, name, start_feedd, tmp_path):
    file = tmp_path / "shares.jsonl"
    client.share_many(name("a"), 3, title="T")
    file.write_text("".join(reversed(ctl.run("--json", "profile", name("a")).stdout.splitlines(keepends=True))))
    other = start_feedd()
    server = ["--server", other.server_flag, "--json"]
    for shared, repeated in ((3, 0), (0, 3)):
        account = json.loads(done(feedctl(*server, "import", "shares", file)))
        assert (account["shared"], account["repeated"], account["skipped"]) == (shared, repeated, 0)
    with other.connect() as there:
        here, copied = ([(share.url, share.title, share.created_at_ms) for share in one.whole_profile(name("a"))[0]]
                        for one in (client, there))
        assert copied == here


@pytest.mark.skipif(not model.LINKS.exists(), reason=f"the real data is not at {model.DATA}")
def test_importing_the_real_graph_and_links_keeps_the_order_of_the_file(start_feedd, tmp_path):
    network = model.Network()
    graph = tmp_path / "graph"
    graph.write_text("".join(f"{reader} {subject}\n" for reader, subject in network.follows))
    daemon = start_feedd()
    server = ["--server", daemon.server_flag, "--json"]
    done(feedctl(*server, "import", "graph", graph))
    refused = [row for row in network.rows if model.refused(row)]
    imported = json.loads(feedctl(*server, "import", "shares", model.LINKS).stdout.splitlines()[-1])
    assert imported["shared"] + imported["repeated"] + imported["refused"] == len(network.rows)
    assert imported["refused"] <= len(refused)
    again = json.loads(feedctl(*server, "import", "shares", model.LINKS).stdout.splitlines()[-1])
    assert (again["shared"], again["refused"]) == (0, imported["refused"])
    with daemon.connect() as client:
        for reader in network.people[:40]:
            rows = [network.rows[index] for index in network.timeline_rows(reader)]
            shares, _ = client.whole_timeline(reader, 200)
            taken = [row for row in rows if not model.refused(row) or imported["refused"] < len(refused)]
            expected = [(row.author, row.url, row.title, row.created_at_ms) for row in reversed(taken)]
            assert [(share.author, share.url, share.title, share.created_at_ms) for share in shares] == expected[:800]
