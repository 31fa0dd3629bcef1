"""The checker says of small histories what proto/PROTOCOL.md says of them: right ones, and each of a fault."""
import re

import pytest

import checker
from small import (CAPPED, FOUR_PARTITIONS, ROOMY, SETTLED, around, block, caught_up, comment, comment_deleted, commented,
                   deleted, dialogue, edit, edited, final, follow, gap, inbox, inbox_read, item, judge, loss, lost_gap, mute,
                   noticed, place, refused, remark, reshare, reshared, reshared_item, said, share, shared, stream, uncomment,
                   write)


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
    judge(expected, records)


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
          loss(2.1, 10, 9), share(4, 5, 768, url="u640"), final("profile", "a", [768, "a", "u640", 0, 0, 0])]),
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
    judge(expected, records)


TALK = [share(1, 2, 10)]  # that there is something to be talked about
GONE = write("delete", 20, 21, author="a", share=10, position=100)


@pytest.mark.parametrize("expected, records", [
    ("", [*TALK, *dialogue(3, caught_up("t"), commented(20)), comment(4.5, 4.8, 20), said(remark(20)), SETTLED]),
    ("", [*TALK, *around(3, caught_up("t"), commented(20)), comment(4.5, 4.8, 20), SETTLED]),
    ("lost", [*TALK, *dialogue(3, caught_up("t")), comment(5, 6, 20), SETTLED]),
    ("lost", [*TALK, *around(3, caught_up("t")), comment(5, 6, 20), SETTLED]),
    ("", [*TALK, *dialogue(3, caught_up("t")), comment(5, None, 20, outcome="unknown"), SETTLED]),
    ("lost", [*TALK, *dialogue(3, caught_up("t")), comment(5, None, 20, outcome="unknown"), said(remark(20)), SETTLED]),
    # What is under another share belongs to the stream of that, and to the one around its author.
    ("", [*TALK, share(1, 2, 11), *dialogue(3, caught_up("t")), comment(5, 6, 20, share=11), SETTLED]),
    ("lost", [*TALK, share(1, 2, 11), *around(3, caught_up("t")), comment(5, 6, 20, share=11), SETTLED]),
    ("invented", [*TALK, share(1, 2, 11), *dialogue(3, caught_up("t"), commented(20, share=11)), comment(4.5, 4.8, 20, share=11)]),
    ("invented", [*TALK, *dialogue(3, caught_up("t"), commented(20))]),
    ("invented", [*TALK, *dialogue(3, caught_up("t"), commented(20, parent=15)), comment(4.5, 4.8, 20)]),
    ("invented", [*TALK, *dialogue(3, caught_up("t"), commented(20, commenter="d")), comment(4.5, 4.8, 20)]),
    ("order", [*TALK, *dialogue(3, caught_up("t"), commented(21), commented(20)), comment(4.1, 4.2, 20), comment(4.3, 4.4, 21)]),
    ("twice", [*TALK, *dialogue(3, caught_up("t"), commented(20), commented(20)), comment(4.1, 4.2, 20)]),
    ("inconsistent", [*TALK, comment(3, 4, 20), comment(5, 6, 21, text="w20", repeated=True)]),
    # Deletions: what is gone need not come, what came must be taken back, and nothing comes after that.
    ("", [*TALK, *dialogue(3, caught_up("t")), comment(5, 6, 20), uncomment(7, 8, 30, 20), SETTLED]),
    ("lost", [*TALK, *dialogue(3, caught_up("t"), commented(20)), comment(4.5, 4.8, 20), uncomment(7, 8, 30, 20), SETTLED]),
    ("", [*TALK, *dialogue(3, caught_up("t"), commented(20), comment_deleted(30, 20)), comment(4.5, 4.8, 20), uncomment(5.1, 8, 30, 20), SETTLED]),
    ("invented", [*TALK, *dialogue(3, caught_up("t"), commented(20), comment_deleted(30, 20)), comment(4.5, 4.8, 20), SETTLED]),
    ("unentitled", [*TALK, *dialogue(3, caught_up("t"), comment_deleted(30, 20), commented(20)), comment(3.1, 3.3, 20),
                    uncomment(3.5, 3.8, 30, 20), SETTLED]),
    # A share takes its dialogue with it, and streams are told of that alone.
    ("", [*TALK, *dialogue(18, caught_up("t"), commented(20), caught_up("u"), deleted(100, 10)), comment(19.1, 19.5, 20), GONE, SETTLED]),
    ("", [*TALK, *dialogue(3, caught_up("t")), comment(19.1, 19.5, 20), GONE, SETTLED]),
    ("lost", [*TALK, *dialogue(18, caught_up("t"), commented(20)), comment(19.1, 19.5, 20), GONE, SETTLED]),
    ("unentitled", [*TALK, *dialogue(21, caught_up("t"), deleted(100, 10), commented(20)), comment(19.1, 19.5, 20), GONE, SETTLED]),
    ("", [*TALK, *dialogue(22, refused("NOT_FOUND")), GONE]),
    ("refused", [*TALK, *dialogue(3, refused("NOT_FOUND")), GONE]),
    ("refused", [*TALK, *around(22, refused("NOT_FOUND")), GONE]),
    ("", [*TALK, comment(22, 23, 20, outcome="none", refused="NOT_FOUND"), GONE]),
    ("refused", [*TALK, comment(3, 4, 20, outcome="none", refused="NOT_FOUND"), GONE]),
    ("", [*TALK, comment(3, 4, 20), uncomment(5, 6, 30, 20),
          comment(7, 8, 40, parent=20, outcome="none", refused="NOT_FOUND")]),
    ("refused", [*TALK, comment(3, 4, 20), uncomment(5, 6, 0, 20, outcome="none", refused="NOT_FOUND")]),
    # A stream that nobody listens to any more need not get on.
    ("", [*TALK, *dialogue(3, caught_up("t"), {"what": "left"}), comment(5, 6, 20), SETTLED]),
    # Final reads.
    ("", [*TALK, comment(3, 4, 20), comment(5, 6, 21, parent=20), uncomment(7, 8, 30, 20), said(place(20), remark(21, 20))]),
    ("lost", [*TALK, comment(3, 4, 20), said()]),
    ("lost", [*TALK, comment(3, 4, 20), said(there=False)]),
    ("lost", [*TALK, comment(3, 4, 20), comment(5, 6, 21, parent=20), said(place(20), remark(21, 20))]),
    ("lost", [*TALK, comment(3, 4, 20), uncomment(7, 8, 30, 20), said(place(20))]),
    ("unentitled", [*TALK, comment(3, 4, 20), uncomment(7, 8, 30, 20), said(remark(20))]),
    ("unentitled", [*TALK, comment(3, 4, 20), GONE, said(remark(20))]),
    ("", [*TALK, comment(3, 4, 20), GONE, said(there=False, counts=[])]),
    ("order", [*TALK, comment(3, 4, 20), comment(5, 6, 21), said(remark(21), remark(20))]),
    ("twice", [*TALK, comment(3, 4, 20), said(remark(20), remark(20))]),
    ("invented", [*TALK, said(remark(20))]),
    ("inconsistent", [*TALK, comment(3, 4, 20), said(remark(20), counts=[1, 2])]),
    ("inconsistent", [*TALK, comment(3, None, 20, outcome="unknown"), said(remark(20)), said(daemon="B")]),
    # The store lost it.
    ("silent", [share(1, 2, 64), *dialogue(3, caught_up("t"), commented(640, share=64), name=64), comment(4.5, 4.8, 640, share=64),
                loss(5.1, 10, 9), SETTLED]),
    ("", [share(1, 2, 64), *dialogue(3, caught_up("t"), commented(640, share=64), lost_gap(9, 12), name=64),
          comment(4.5, 4.8, 640, share=64), loss(5.1, 10, 9), said(of=64), SETTLED]),
    ("unentitled", [share(1, 2, 64), comment(4.5, 4.8, 640, share=64), loss(5.1, 10, 9), said(remark(640), of=64)]),
])
def test_what_must_be_said_of_dialogues(expected, records):
    judge(expected, records)


SEEN = [follow(1, 2), share(4.5, 4.8, 10)]


@pytest.mark.parametrize("expected, records", [
    ("", [*SEEN, *stream(3, caught_up("t"), shared(10), edited(20, 1)), edit(5.5, 5.8, 20, 1), SETTLED]),
    ("", [*SEEN, *stream(3, caught_up("t"), shared(10, version=1)), edit(4.9, 4.95, 20, 1), SETTLED]),
    ("lost", [*SEEN, *stream(3, caught_up("t"), shared(10)), edit(5.5, 5.8, 20, 1), SETTLED]),
    ("lost", [*SEEN, *stream(3, caught_up("t"), shared(10), edited(20, 1)), edit(5.1, 5.2, 20, 1), edit(5.5, 5.8, 21, 2), SETTLED]),
    ("", [*SEEN, *stream(3, caught_up("t"), shared(10), edited(20, 1), edited(21, 2)), edit(5.1, 5.2, 20, 1), edit(5.5, 5.8, 21, 2), SETTLED]),
    ("lost", [*SEEN, *stream(3, caught_up("t"), shared(10), edited(21, 2), edited(20, 1)), edit(4.9, 4.95, 20, 1), edit(4.96, 4.99, 21, 2),
              SETTLED]),
    ("", [*SEEN, *stream(3, caught_up("t"), shared(10)), edit(5.5, None, 20, 1, outcome="unknown"), SETTLED]),
    ("", [*SEEN, *stream(3, caught_up("t"), shared(10)), edit(5.5, 5.8, 20, 1), write("delete", 7, None, "unknown", author="a", share=10), SETTLED]),
    ("invented", [*SEEN, *stream(3, caught_up("t"), shared(10), edited(20, 1)), SETTLED]),
    ("invented", [*SEEN, *stream(3, caught_up("t"), shared(10, version=1)), SETTLED]),
    ("invented", [*SEEN, *stream(3, caught_up("t"), shared(10), edited(20, 0)), SETTLED]),
    ("twice", [*SEEN, *stream(3, caught_up("t"), shared(10), edited(20, 1), edited(20, 1)), edit(5.1, 5.8, 20, 1), SETTLED]),
    ("refused", [*SEEN, edit(5.1, 5.8, 0, 1, outcome="none", refused="NOT_FOUND")]),
    ("", [share(1, 2, 10), edit(3, 4, 20, 1), final("profile", "a", item(10, 1))]),
    ("lost", [share(1, 2, 10), edit(3, 4, 20, 1), final("profile", "a", item(10))]),
    ("lost", [share(1, 2, 10), edit(3, 4, 20, 1), edit(5, 6, 21, 2), final("profile", "a", item(10, 1))]),
    ("", [share(1, 2, 10), edit(3, 5, 20, 1), edit(4, 6, 21, 2), final("profile", "a", item(10, 1))]),
    ("invented", [share(1, 2, 10), final("profile", "a", item(10, 1))]),
    ("inconsistent", [share(1, 2, 10), edit(3, None, 20, 1, outcome="unknown"), final("profile", "a", item(10)),
                      {**final("profile", "a", item(10, 1)), "daemon": "B"}]),
    ("", [share(1, 2, 64), edit(3, 4, 640, 1, share=64), loss(5, 10, 9), final("profile", "a", item(64))]),
    ("lost", [share(1, 2, 64), edit(3, 4, 640, 1, share=64), loss(5, 10, 10), final("profile", "a", item(64))]),
    ("lost", [share(1, 2, 64), edit(3, 4, 640, 1, share=64), loss(5, 10, 9), final("profile", "a", item(64, 1))]),
])
def test_what_must_be_said_of_edits(expected, records):
    judge(expected, records)


BOTH = [follow(1, 2), follow(1, 2, 2, subject="b")]
B_ALONE = [follow(1, 2, 2, subject="b")]
FOLLOWS_BOTH, FOLLOWS_B = final("following", "r", "a", "b"), final("following", "r", "b")
ORIGIN_GONE = write("delete", 20, 21, author="a", share=10, position=100)


@pytest.mark.parametrize("expected, records", [
    # Each comes, as the first or as one more, and the origin's words with it.
    ("", [*B_ALONE, share(1, 2, 10), *stream(3, caught_up("t"), reshared(11, what="shared")), reshare(4.1, 4.8, 11), SETTLED]),
    ("", [*BOTH, *stream(3, caught_up("t"), shared(10), reshared(11)), share(3.1, 3.5, 10), reshare(4.1, 4.8, 11), SETTLED]),
    ("", [*BOTH, *stream(3, caught_up("t"), reshared(11), shared(10)), share(3.1, 3.5, 10), reshare(4.1, 4.8, 11), SETTLED]),
    ("lost", [*BOTH, *stream(3, caught_up("t"), shared(10)), share(3.1, 3.5, 10), reshare(4.1, 4.8, 11), SETTLED]),
    ("twice", [*BOTH, *stream(3, caught_up("t"), reshared(11, what="shared"), reshared(11)), share(1, 2, 10), reshare(4.1, 4.8, 11), SETTLED]),
    ("invented", [*BOTH, *stream(3, caught_up("t"), reshared(11)), share(1, 2, 10), SETTLED]),
    ("invented", [*BOTH, *stream(3, caught_up("t"), reshared(11, origin=9)), share(1, 2, 10), reshare(4.1, 4.8, 11), SETTLED]),
    ("unentitled", [follow(1, 2), *stream(3, caught_up("t"), reshared(11)), share(1, 2, 10), reshare(4.1, 4.8, 11), SETTLED]),
    # Not of what is by somebody who is muted, and not after the origin, which takes it with it.
    ("", [*B_ALONE, mute(1, 2), share(1, 2, 10), *stream(3, caught_up("t")), reshare(4.1, 4.8, 11), SETTLED]),
    ("unentitled", [*B_ALONE, mute(1, 2), share(1, 2, 10), *stream(3, caught_up("t"), reshared(11)), reshare(3.9, 3.95, 11), SETTLED]),
    ("", [*B_ALONE, share(1, 2, 10), *stream(18, caught_up("t"), reshared(11), caught_up("u"), deleted(101, 11, "b")),
          reshare(19.1, 19.5, 11), ORIGIN_GONE, SETTLED]),
    ("lost", [*B_ALONE, share(1, 2, 10), *stream(18, caught_up("t"), reshared(11)), reshare(19.1, 19.5, 11), ORIGIN_GONE, SETTLED]),
    ("invented", [*B_ALONE, share(1, 2, 10), *stream(18, caught_up("t"), reshared(11), deleted(101, 11, "b")), reshare(19.1, 19.5, 11), SETTLED]),
    ("", [share(1, 2, 10), ORIGIN_GONE, reshare(22, 23, 0, outcome="none", refused="NOT_FOUND")]),
    ("refused", [share(1, 2, 10), reshare(3, 4, 0, outcome="none", refused="NOT_FOUND")]),
    ("", [share(1, 2, 10), reshare(3, 4, 11), write("delete", 5, 6, author="b", share=11, position=20),
          reshare(7, 8, 0, author="c", asked=11, outcome="none", refused="NOT_FOUND")]),
    # One entry, where the origin is, or else where the first re-share is.
    ("", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), FOLLOWS_BOTH, final("timeline", "r", item(10, sharers=1))]),
    ("", [*B_ALONE, share(1, 2, 10), reshare(3, 4, 11), FOLLOWS_B, final("timeline", "r", reshared_item(11))]),
    ("twice", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), FOLLOWS_BOTH, final("timeline", "r", reshared_item(11), item(10, sharers=1))]),
    ("lost", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), FOLLOWS_BOTH, final("timeline", "r", reshared_item(11))]),
    ("lost", [*BOTH, share(1, 2, 9), reshare(3, 4, 11, 9, "a"), reshare(3, 4, 12, 9), FOLLOWS_BOTH,
              final("timeline", "r", reshared_item(12, 9, sharers=2))]),
    ("inconsistent", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), FOLLOWS_BOTH, final("timeline", "r", item(10))]),
    ("", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), mute(5, 6), FOLLOWS_BOTH, final("muted", "r", "a"), final("timeline", "r")]),
    ("unentitled", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), mute(5, 6), FOLLOWS_BOTH, final("muted", "r", "a"),
                    final("timeline", "r", reshared_item(11))]),
    ("", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), mute(5, 6, subject="b"), FOLLOWS_BOTH, final("muted", "r", "b"),
          final("timeline", "r", item(10))]),
    ("", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), ORIGIN_GONE, FOLLOWS_BOTH, final("timeline", "r"), final("profile", "b")]),
    ("unentitled", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), ORIGIN_GONE, final("profile", "b", reshared_item(11, sharers=0))]),
    ("", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), final("profile", "b", reshared_item(11, sharers=0))]),
    ("", [{"is": "settings", "profile_cap": 1}, share(1, 2, 10), reshare(3, 4, 11), share(5, 6, 12),
          final("profile", "b", reshared_item(11, sharers=0)), {**final("profile", "b"), "daemon": "B"}]),
    ("lost", [*BOTH, share(1, 2, 10), reshare(3, 4, 11), edit(5, 6, 20, 1), final("profile", "b", reshared_item(11, sharers=0))]),
])
def test_what_must_be_said_of_re_shares(expected, records):
    judge(expected, records)


BLOCKED_BY = {"reader": "a", "subject": "r"}


@pytest.mark.parametrize("expected, records", [
    # Neither sees the other from the reply on, whichever blocks, and follows are ended.
    *[(expected, [follow(1, 2), block(3, 4, **ends), *rest]) for ends in ({}, BLOCKED_BY) for expected, rest in [
        ("", [*stream(5, caught_up("t")), share(6.2, 6.4, 10), SETTLED]),
        ("unentitled", [*stream(5, caught_up("t"), shared(10)), share(6.2, 6.4, 10), SETTLED]),
        ("", [final("following", "r")]),
        ("unentitled", [final("following", "r", "a")]),
        ("", [follow(5, 6, 0, outcome="none", refused="FORBIDDEN")]),
        ("unentitled", [follow(5, 6, 7)]),
        ("unentitled", [block(5, 6, 5, "unblock", **ends), final("following", "r", "a")]),
        ("lost", [block(5, 6, 5, "unblock", **ends), follow(7, 8, 7), final("following", "r")]),
        ("lost", [block(5, 6, 5, "unblock", **ends), follow(7, 8, 7), *stream(9, caught_up("t")), share(11, 12, 10), SETTLED]),
        ("", [share(5, 6, 10), comment(7, 8, 0, commenter="r", outcome="none", refused="FORBIDDEN")]),
        ("", [share(5, 6, 10), reshare(7, 8, 0, author="r", outcome="none", refused="FORBIDDEN")]),
    ]],
    ("lost", [block(5, 6), final("blocked", "r")]),
    ("unentitled", [block(5, 6), block(7, 8, 5, "unblock"), final("blocked", "r", "a")]),
    ("refused", [follow(5, 6, 0, outcome="none", refused="FORBIDDEN")]),
    ("refused", [block(1, 2), block(3, 4, 5, "unblock"), follow(5, 6, 0, outcome="none", refused="FORBIDDEN")]),
    ("refused", [block(1, 2, subject="b"), share(3, 4, 10), comment(5, 6, 0, commenter="r", outcome="none", refused="FORBIDDEN")]),
    ("", [follow(1, 2), block(3, None, outcome="unknown"), *stream(5, caught_up("t"), shared(10)), share(6.2, 6.4, 10), SETTLED]),
    ("", [follow(1, 2), block(3, None, outcome="unknown"), *stream(5, caught_up("t")), share(6.2, 6.4, 10), SETTLED]),
    # A re-share of what the other shared is not seen either.
    ("", [*B_ALONE, share(1, 2, 10), reshare(3, 4, 11), block(5, 6, **BLOCKED_BY), final("blocked", "a", "r"), FOLLOWS_B, final("timeline", "r")]),
    ("unentitled", [*B_ALONE, share(1, 2, 10), reshare(3, 4, 11), block(5, 6, **BLOCKED_BY), final("blocked", "a", "r"), FOLLOWS_B,
                    final("timeline", "r", reshared_item(11))]),
    # Who looks at a dialogue does not hear whom it mutes or blocks, or who blocks it; who looks as nobody hears everybody.
    *[(expected, [*TALK, hides, *dialogue(3.5, caught_up("t"), *events, looks_as=looks_as), comment(4.6, 4.8, 20), SETTLED])
      for hides in (mute(1, 2, subject="c"), block(1, 2, subject="c"), block(1, 2, reader="c", subject="r")) for expected, looks_as, events in [
          ("", "r", []), ("unentitled", "r", [commented(20)]), ("lost", "", []), ("", "", [commented(20)]), ("lost", "b", [])]],
])
def test_what_must_be_said_of_blocks(expected, records):
    judge(expected, records)


FOLLOWED = noticed(5, "FOLLOWED", "r", 0, 0)
RESHARED = noticed(25, "RESHARED", "b", 10, 11)
REPLIED = noticed(25, "REPLIED", "c", 50, 21)
ELSEWHERE = [share(1, 2, 50, author="b"), comment(3, 3.5, 20, author="b", share=50, commenter="a")]  # what a said, to be answered
REPLY = comment(5.5, 5.8, 21, author="b", share=50, parent=20)


@pytest.mark.parametrize("expected, records", [
    # What others do comes once, whatever log it stands in, and one's own deeds do not.
    ("", [*TALK, *inbox(3, caught_up("t"), noticed(20)), comment(4.5, 4.8, 20), SETTLED]),
    ("lost", [*TALK, *inbox(3, caught_up("t")), comment(5, 6, 20), SETTLED]),
    ("", [*TALK, *inbox(3, caught_up("t")), comment(5, 6, 20, commenter="a"), SETTLED]),
    ("invented", [*TALK, *inbox(3, caught_up("t"), noticed(20, actor="a")), comment(4.5, 4.8, 20, commenter="a"), SETTLED]),
    ("invented", [*TALK, *inbox(3, caught_up("t"), noticed(20)), SETTLED]),
    ("invented", [*TALK, *inbox(3, caught_up("t"), noticed(21, cause=20)), comment(4.5, 4.8, 20), SETTLED]),
    ("invented", [*TALK, *inbox(3, caught_up("t"), noticed(20, "RESHARED")), comment(4.5, 4.8, 20), SETTLED]),
    ("order", [*TALK, *inbox(3, caught_up("t"), noticed(21), noticed(20)), comment(4.1, 4.2, 20), comment(4.3, 4.4, 21), SETTLED]),
    ("", [*TALK, *inbox(3, caught_up("t"), RESHARED), reshare(4.5, 4.8, 11), SETTLED]),
    ("lost", [*TALK, *inbox(3, caught_up("t")), reshare(4.5, 4.8, 11), SETTLED]),
    ("twice", [*TALK, *inbox(3, caught_up("t"), RESHARED, {**RESHARED, "id": 26}), reshare(4.5, 4.8, 11), SETTLED]),
    ("", [*ELSEWHERE, *inbox(4, caught_up("t"), caught_up("u"), REPLIED), REPLY, SETTLED]),
    ("lost", [*ELSEWHERE, *inbox(4, caught_up("t")), REPLY, SETTLED]),
    ("", [*inbox(0, caught_up("t"), FOLLOWED), follow(1.1, 1.8), SETTLED]),
    ("lost", [*inbox(0, caught_up("t")), follow(1.1, 1.8), SETTLED]),
    ("", [*inbox(0, caught_up("t")), follow(1.1, 1.8), follow(2, 3, 2, "unfollow"), SETTLED]),
    ("twice", [*inbox(0, caught_up("t"), FOLLOWED, {**FOLLOWED, "id": 6}), follow(1.1, 1.8), SETTLED]),
    ("invented", [*inbox(0, caught_up("t"), FOLLOWED), SETTLED]),
    # Of what nobody acknowledged the inbox may be the only one to tell.
    ("", [*TALK, *inbox(3, caught_up("t"), noticed(20)), comment(3.5, None, 20, outcome="unknown"), SETTLED]),
    ("", [*TALK, comment(3.5, None, 20, outcome="unknown"), inbox_read(noticed(20))]),
    ("invented", [*TALK, *inbox(3, caught_up("t"), noticed(20)), comment(3.5, None, 20, outcome="none"), SETTLED]),
    ("", [share(1, 2, 64), *inbox(3, caught_up("t"), noticed(640, share=64), lost_gap(9, 11), noticed(768, share=64)),
          loss(4.5, 10, 9), comment(3.5, 8, 768, share=64), SETTLED]),
    # What is undone need not come, and need not be taken back.
    ("", [*TALK, *inbox(3, caught_up("t")), comment(5, 6, 20), uncomment(7, 8, 30, 20), SETTLED]),
    ("", [*TALK, *inbox(3, caught_up("t"), noticed(20)), comment(4.5, 4.8, 20), uncomment(7, 8, 30, 20), SETTLED]),
    # Nor does what those do who are not seen.
    ("", [*TALK, mute(1, 2, reader="a", subject="c"), *inbox(3, caught_up("t")), comment(5, 6, 20), SETTLED]),
    ("unentitled", [*TALK, mute(1, 2, reader="a", subject="c"), *inbox(3, caught_up("t"), noticed(20)), comment(4.5, 4.8, 20), SETTLED]),
    # Final reads.
    ("", [*TALK, follow(1, 2), comment(3, 4, 20), reshare(5, 6, 11), inbox_read(RESHARED, noticed(20), FOLLOWED)]),
    ("", [*ELSEWHERE, REPLY, inbox_read(REPLIED)]),
    ("lost", [*TALK, comment(3, 4, 20), inbox_read()]),
    ("lost", [*TALK, reshare(3, 4, 11), inbox_read()]),
    ("lost", [*ELSEWHERE, REPLY, inbox_read()]),
    ("lost", [follow(1, 2), inbox_read()]),
    ("lost", [*TALK, comment(3, 4, 20), inbox_read(noticed(20), page_end="CAPPED")]),
    ("twice", [*TALK, reshare(3, 4, 11), inbox_read({**RESHARED, "id": 26}, RESHARED)]),
    ("order", [*TALK, comment(3, 4, 20), comment(5, 6, 21), inbox_read(noticed(20), noticed(21))]),
    ("invented", [*TALK, inbox_read(noticed(20))]),
    ("invented", [follow(1, 2), inbox_read(FOLLOWED, noticed(4, "FOLLOWED", "r", 10, 0))]),
    ("unentitled", [follow(1, 2), follow(3, 4, 2, "unfollow"), inbox_read(FOLLOWED)]),
    ("unentitled", [*TALK, comment(3, 4, 20), uncomment(7, 8, 30, 20), inbox_read(noticed(20))]),
    ("unentitled", [*TALK, comment(3, 4, 20), GONE, inbox_read(noticed(20))]),
    ("", [*TALK, comment(3, 4, 20), block(5, 6, reader="c"), final("blocked", "c", "a"), inbox_read()]),
    ("unentitled", [*TALK, comment(3, 4, 20), block(5, 6, reader="c"), final("blocked", "c", "a"), inbox_read(noticed(20))]),
])
def test_what_must_be_said_of_inboxes(expected, records):
    judge(expected, records)


KEEP = follow(5, 6, 50, "unfollow", keep=True)


@pytest.mark.parametrize("expected, records", [
    # What there was stays, what comes later does not, and the next word about the two counts.
    ("", [follow(1, 2), share(3, 4, 10), KEEP, final("following", "r"), final("timeline", "r", item(10))]),
    ("lost", [follow(1, 2), share(3, 4, 10), KEEP, final("following", "r"), final("timeline", "r")]),
    ("unentitled", [follow(1, 2), KEEP, share(7, 8, 60000), final("following", "r"), final("timeline", "r", item(60000))]),
    ("", [follow(1, 2), KEEP, share(7, 8, 60000), final("following", "r"), final("timeline", "r")]),
    ("", [follow(1, 2), KEEP, share(7, 8, 40), final("following", "r"), final("timeline", "r", item(40))]),
    ("unentitled", [follow(1, 2), share(3, 4, 10), follow(5, 6, 50, "unfollow"), final("following", "r"), final("timeline", "r", item(10))]),
    ("unentitled", [follow(1, 2), share(3, 4, 10), KEEP, follow(7, 8, 51, "unfollow"), final("following", "r"),
                    final("timeline", "r", item(10))]),
    ("", [follow(1, 2), share(3, 4, 10), KEEP, block(7, 8, 51), final("following", "r"), final("timeline", "r", item(10))]),
    ("", [follow(1, 2), share(3, 4, 10), KEEP, mute(7, 8, 51), final("muted", "r", "a"), final("following", "r"), final("timeline", "r")]),
    ("unentitled", [follow(1, 2), share(3, 4, 10), KEEP, mute(7, 8, 51), final("muted", "r", "a"), final("following", "r"),
                    final("timeline", "r", item(10))]),
    ("", [follow(1, 2), share(3, 4, 10), {**KEEP, "outcome": "unknown", "end": None}, final("following", "r"), final("timeline", "r")]),
    ("", [follow(1, 2), share(3, 4, 10), KEEP, write("delete", 7, 8, author="a", share=10, position=60), final("following", "r"),
          final("timeline", "r")]),
    ("unentitled", [follow(1, 2), KEEP, *stream(6.5, caught_up("t"), shared(60000)), share(7, 7.4, 60000), SETTLED]),
])
def test_what_must_be_said_of_a_history_that_is_kept(expected, records):
    judge(expected, records)


def test_every_violation_begins_with_a_known_word():
    records = [*stream(3, caught_up("t"), gap(9, 19), shared(10), shared(10), deleted(4, 4)), share(9, 10, 9), SETTLED]
    for text in checker.check(records):
        assert re.match(rf"({'|'.join(checker.KINDS)}): ", text), text
