"""Records of small histories, each a few words long. Reader r follows author a; what has number 10 has position 10."""
import checker


def judge(expected, records):
    """The checker finds a violation of this kind in them, or with an empty kind none at all."""
    found = checker.check(records)
    if expected:
        assert [text for text in found if text.startswith(expected + ":")], found
    else:
        assert found == []


def write(what, begin, end, outcome="done", **fields):
    return {"is": "write", "what": what, "begin": begin, "end": end, "outcome": outcome, "repeated": False,
            "connection": 1, **fields}


def share(begin, end, number, **fields):
    return write("share", begin, end,
                 **{"author": "a", "url": f"u{number}", "id": number, "position": number, **fields})


def follow(begin, end, position=1, what="follow", **fields):
    return write(what, begin, end, **{"reader": "r", "subject": "a", "position": position, **fields})


def block(begin, end, position=3, what="block", **fields):
    return follow(begin, end, position, what, **fields)


def mute(begin, end, position=3, what="mute", **fields):
    return follow(begin, end, position, what, **fields)


def comment(begin, end, number, **fields):
    return write("comment", begin, end, **{"author": "a", "commenter": "c", "share": 10, "parent": 0, "text": f"w{number}",
                                           "id": number, "position": number, **fields})


def uncomment(begin, end, position, number, **fields):
    return write("uncomment", begin, end, author="a", share=10, comment=number, position=position, **fields)


def stream(at, *events, token="", connection=1, kind="home", name="r", looks_as=""):
    return [{"is": "connection", "kind": kind, "stream": name, "connection": connection, "at": at, "token": token,
             "looks_as": looks_as}] + [
        {"is": "event", "connection": connection, "at": at + place, **event} for place, event in enumerate(events, 1)]


def shared(number, url=None, version=0):
    return {"what": "shared", "id": number, "author": "a", "url": url or f"u{number}", "version": version}


def reshare(begin, end, number, origin=10, author="b", **fields):
    return write("reshare", begin, end, **{"author": author, "url": f"u{origin}", "origin": origin, "id": number,
                                           "position": number, **fields})


def reshared(number, origin=10, author="b", what="reshared"):
    return {"what": what, "id": number, "author": author, "url": f"u{origin}", "origin": origin}


def edit(begin, end, position, version, **fields):
    return write("edit", begin, end, **{"author": "a", "share": 10, "version": version, "position": position, **fields})


def edited(number, version, **fields):
    return {"what": "edited", "id": number, "author": "a", "share": 10, "url": "u10", "version": version, **fields}


def inbox(at, *events, **options):
    """The stream of a's inbox."""
    return stream(at, *events, **{"kind": "inbox", "name": "a", **options})


def noticed(number, kind="COMMENTED", actor="c", share=10, cause=None):
    return {"what": "noticed", "id": number, "kind": f"NOTICE_{kind}", "actor": actor, "share": share,
            "cause": number if cause is None else cause}


def dialogue(at, *events, **options):
    """The stream of what is said under share 10."""
    return stream(at, *events, **{"kind": "dialogue", "name": 10, **options})


def around(at, *events, **options):
    """The stream of what is said under all shares of a."""
    return dialogue(at, *events, kind="dialogue_around", name="a", **options)


def commented(number, **fields):
    return {"what": "commented", "id": number, "author": "a", "commenter": "c", "share": 10, "parent": 0, "text": f"w{number}",
            **fields}


def comment_deleted(number, comment_number):
    return {"what": "comment_deleted", "id": number, "comment": comment_number, "author": "a"}


def deleted(number, share_number, author="a"):
    return {"what": "deleted", "id": number, "share": share_number, "author": author}


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


def said(*items, of=10, **fields):
    """The final dialogue under share 10."""
    there = sum(bool(item[1]) for item in items)
    return {**final("dialogue", of, *items), "author": "a", "there": True, "counts": [there, there], **fields}


def inbox_read(*items, **fields):
    """The final inbox of a."""
    notices = [[one[field] for field in ("id", "kind", "actor", "share", "cause")] for one in items]
    return {**final("inbox", "a", *notices), **fields}


def remark(number, parent=0):
    return [number, "c", parent, f"w{number}"]


def place(number, parent=0):
    """Of a comment that was deleted after somebody had replied to it."""
    return [number, "", parent, ""]


def item(number, version=0, sharers=0):
    return [number, "a", f"u{number}", version, 0, sharers]


def reshared_item(number, origin=10, author="b", version=0, sharers=1):
    return [number, author, f"u{origin}", version, origin, sharers]


def refused(code):
    return {"what": "refused", "code": code}
