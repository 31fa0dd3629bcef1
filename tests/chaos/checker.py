"""Judges a recorded history by what proto/PROTOCOL.md promises, and by nothing else.

    python3 checker.py HISTORY.jsonl

Each check looks at one part (all writes, one author's profile, one reader's timeline, one reader's stream) and returns
its violations, sentences that begin with one of the words of KINDS.
"""
import collections
import sys

from dialogues import DialogueStream, check_dialogue
from facts import NEVER, RELATIONS, partition_of
from history import History, load, name_of
from inboxes import InboxStream, check_inbox
from streams import HomeStream

KINDS = ("lost", "silent", "twice", "order", "invented", "unentitled", "inconsistent", "gap", "refused", "complaint")


def check(records):
    """All violations of a history."""
    history = History(records)
    found = [f"complaint: {text}" for text in history.complaints] + check_writes(history)
    for relation, verb in RELATIONS.items():
        for reader, reads in sorted(history.named[relation].items()):
            found += check_names(reader, verb, reads, history.pairs[relation], history.asked_for[relation][reader])
    for read in history.reads:
        found += check_read(history, read)
    for reader in sorted(history.streams):
        found += check_stream(history, reader)
    for stream, connections in history.dialogues.items():
        found += check_chains(history, DialogueStream, stream, connections)
    for subject, connections in history.inboxes.items():
        found += check_chains(history, InboxStream, subject, connections)
    return found


# ------------------------------------------------------------------------------------------------------------ writes

def check_writes(history):
    found = [f"inconsistent: {text}" for text in history.conflicts]
    positions = {}  # (log owner, partition) -> (begin, end, position, what) of each write that made an entry
    latest = {}     # (connection, author) -> the latest id
    for write in history.writes:
        owner = write["reader"] if "reader" in write else write["author"]
        if write["what"] == "share":
            found += check_order_sent(history, write, latest)
        if write.get("refused") and not may_be_refused(history, write):
            found.append(f"refused: a {write['what']} of {owner} with {write['refused']}: {write}")
        if write["what"] == "follow" and write["outcome"] == "done" and history.are_apart(
                write["reader"], write["subject"], write["begin"], write["end"]):
            found.append(f"unentitled: {owner} follows {write['subject']}, though a block stands between them: {write}")
        if write["outcome"] == "done" and not write["repeated"] and write["position"]:
            positions.setdefault((owner, partition_of(write["position"])), []).append(
                (write["begin"], write["end"], write["position"], write["what"]))
    for (owner, _), entries in positions.items():
        found += check_positions(owner, entries)
    return found


def may_be_refused(history, write):
    """What is gone cannot be deleted, edited, re-shared or talked about, but for a deletion that is repeated; and while a block
    stands between two neither can follow, re-share or answer the other."""
    if write["refused"] == "FORBIDDEN":
        return any(history.may_be_apart(*pair, write["begin"], write["end"]) for pair in ends_of(history, write))
    concerned = [history.by_id[write[field]] for field in ("share", "comment", "parent", "origin", "asked") if write.get(field)]
    if write["what"] == "delete":
        return write["refused"] == "NOT_FOUND" and any(
            one.loss and one.loss.begin < write["end"] or one.dropped_from < write["end"] for one in concerned)
    return write["what"] in ("comment", "uncomment", "edit", "reshare") and write["refused"] == "NOT_FOUND" and any(
        one.may_be_gone(write["end"]) for one in concerned)


def ends_of(history, write):
    """Between whom a block keeps this from being done."""
    if write["what"] == "follow":
        return [(write["reader"], write["subject"])]
    if write["what"] == "reshare":
        return [(write["author"], history.by_id[write["origin"]].author)]
    if write["what"] == "comment":
        parent = history.by_id.get(write["parent"])
        return [(write["commenter"], write["author"])] + ([(write["commenter"], parent.by)] if parent else [])
    return []


def made_by(history, write):
    """The id of the share that this very attempt made, 0 if it made none or that cannot be said: another attempt, before
    or after it on whatever connection, may have."""
    if write["outcome"] == "done" and not write["repeated"]:
        return write["id"]
    name = write["author"], name_of(write)
    if write["outcome"] == "unknown" and history.attempts[name] == 1 and len(history.items[name]) == 1:
        return history.items[name][0].id or 0
    return 0


def check_order_sent(history, write, latest):
    """Shares of one author, sent on one connection, are made in that order: also one whose outcome was not told."""
    share_id, batch = made_by(history, write), (write["connection"], write["author"])
    if share_id == 0:
        return []
    before = latest.get(batch, 0)
    latest[batch] = share_id
    if share_id > before:
        return []
    return [f"order: share {share_id} of {write['author']} was sent after {before} on one connection"]


def check_positions(owner, entries):
    """What began after something else was acknowledged stands behind it in the log, and no two at one place."""
    found = []
    ended = sorted(entries, key=lambda entry: entry[1])
    latest, next_ended = 0, 0
    for begin, _, position, what in sorted(entries):
        while ended[next_ended][1] < begin:
            latest = max(latest, ended[next_ended][2])
            next_ended += 1
        if position <= latest:
            found.append(f"order: a {what} of {owner} at {position} began after {latest} was acknowledged")
    if len({position for _, _, position, _ in entries}) != len(entries):
        found.append(f"inconsistent: two writes of {owner} have one position")
    return found


# ------------------------------------------------------------------------------------------------------------- reads

def check_names(reader, verb, reads, pairs, asked_for):
    """The final reads of whom a reader follows, mutes or blocks, agree with each other and with what was acknowledged."""
    found = []
    for read in reads:
        names = set(read["items"])
        if len(names) != len(read["items"]):
            found.append(f"twice: a name among those whom {reader} {verb}s at {read['daemon']}")
        if names != set(reads[0]["items"]):
            found.append(f"inconsistent: {reader} {verb}s {names ^ set(reads[0]['items'])} at one daemon only")
        for subject in names | asked_for:
            pair = pairs[reader, subject]
            if subject in names and not pair.possibly(read["begin"], read["end"]):
                found.append(f"unentitled: {reader} is said to {verb} {subject}, which it does not")
            if subject not in names and pair.surely(read["begin"], read["end"]):
                found.append(f"lost: {reader} {verb}s {subject}, which is not said")
    return found


def check_read(history, read):
    """A page of shares: each once, newest first, all of them real; if final, complete."""
    if read["what"] == "dialogue":
        return check_dialogue(history, read)
    if read["what"] == "inbox":
        return check_inbox(history, read)
    if read["what"] not in ("timeline", "profile"):
        return []
    where = f"the {'final ' if read['final'] else ''}{read['what']} of {read['of']} at {read['daemon']}"
    found, seen, previous = [], set(), NEVER
    roots = {}  # -> the author of the entry
    for share_id, author, url, version, origin, _ in read["items"]:
        share = history.by_id.get(share_id)
        if share_id in seen:
            found.append(f"twice: {share_id} in {where}")
        elif read["what"] == "timeline" and (other := roots.get(origin or share_id)) and not any(
                sees_change(history, read, one) for one in (author, other)):
            found.append(f"twice: entries of {origin or share_id} in {where}")
        elif share_id > previous:
            found.append(f"order: {share_id} after {previous} in {where}")
        if not share or (share.author, share.name, share.origin) != (author, url, origin) or share.begin > read["end"]:
            found.append(f"invented: {share_id} ({author}, {url}) in {where}; it is {share}")
        elif not may_be_read(history, read, share):
            found.append(f"unentitled: {share} in {where}")
        elif share.loss and share.loss.end < read["begin"]:
            found.append(f"unentitled: {share}, which the store had lost, in {where}")
        elif not share.may_say(version, read["end"]):
            found.append(f"invented: {version} as what {share} says in {where}")
        elif read["final"] and not share.may_say_in_the_end(version):
            found.append(f"lost: an edit of {share}, which says {version} in {where}, not one of {sorted(share.edits)}")
        elif read["final"] and version != history.versions[share_id]:
            found.append(f"inconsistent: {share} says {version} in {where}, and {history.versions[share_id]} elsewhere")
        seen.add(share_id)
        roots[origin or share_id] = author
        previous = share_id
    # What is older than a page that is not the last one, or than what the timeline holds, need not be on it.
    oldest = 0 if read["page_end"] == "END" else min(seen, default=NEVER)
    for share_id in read.get("must", ()):
        share = history.by_id[share_id]
        if share_id >= oldest and share_id not in seen and not share.may_be_deleted(read["end"]) and not (
                share.loss and share.loss.begin < read["end"]):
            found.append(f"lost: {share_id}, acknowledged on the same connection, is not in {where}")
    if read["final"]:
        found += check_complete(history, read, seen, where)
    return found


def sees_change(history, read, author):
    """Whether it may have changed while this was read whether the reader sees an author: what one entry is may then differ between
    what was looked at earlier and later."""
    pairs = [history.pairs["following"][read["of"], author], *history.hidden_by(read["of"], author)]
    return any(pair.may_change(read["begin"], read["end"]) for pair in pairs)


def may_be_read(history, read, share):
    if read["final"] and share.deleted:
        return False
    if share.author == read["of"]:
        return True
    if read["what"] == "profile":
        return False
    if read["final"]:
        return not is_hidden_at_end(history, read["of"], share) and (
            share.author in history.follows_at_end(read["of"]) or history.kept_at_end(read["of"], share) is not False)
    pair = history.pairs["following"][read["of"], share.author]
    return pair.possibly(share.begin, read["end"]) or pair.may_keep(share, read["end"])


def check_complete(history, read, seen, where):
    """A final read holds every share that belongs there, as far as the profiles reach, and says whether there were more."""
    authors = [read["of"]] if read["what"] == "profile" else sorted(history.seen_at_end(read["of"]))
    cap = history.settings["profile_cap"]
    if read["page_end"] not in ("END", "CAPPED"):
        return [f"lost: {where} ends in {read['page_end']}"]
    kept = set() if read["what"] == "profile" else history.asked_for["following"][read["of"]] - set(authors)
    if read["page_end"] == "CAPPED" and all(len(history.by_author[author]) <= cap for author in (*authors, *kept)):
        return [f"lost: {where} is said to be capped, but no profile ever held more than {cap} shares"]
    if read["page_end"] == "END" and any(surely_made(history, author) > cap + cap // 64 for author in authors):
        return [f"lost: {where} is said to be all, but a profile has dropped shares"]
    there = [share for author in authors for share in belonging(history, author)]
    if read["what"] == "timeline":
        there += [share for author in kept for share in belonging(history, author) if history.kept_at_end(read["of"], share)]
        return check_entries(history, read, {*authors, *kept}, there, where)
    return [f"lost: {share} is not in {where}" for share in there if share.id not in seen]


def check_entries(history, read, authors, there, where):
    """In a home timeline an origin and its re-shares are one entry, which says how many re-shared it: the origin, if the
    reader sees that, and else the first re-share. Where some of them may be there or not, either may be so."""
    found, sharers = [], {item[0]: item[-1] for item in read["items"]}
    may_be = collections.Counter(share.origin for author in authors for share in history.by_author[author]
                                 if not share.loss and not share.deleted and may_be_read(history, read, share))
    groups = collections.defaultdict(list)
    for share in there:
        if not is_hidden_at_end(history, read["of"], share):
            groups[share.root].append(share)
    for root, group in groups.items():
        entry = min(group, key=lambda share: (share.origin, share.id))
        count = sum(share.origin != 0 for share in group)
        origin = history.by_id[root]
        may_lead = origin not in group and may_be_read(history, read, origin)
        if origin.dropped_from < NEVER or may_lead or count < may_be[root] and entry.origin:
            continue
        if entry.id not in sharers:
            found.append(f"lost: {entry} is not in {where}")
        elif not count <= sharers[entry.id] <= may_be[root]:
            found.append(f"inconsistent: {entry} is re-shared by {sharers[entry.id]} in {where}, not by {count} to {may_be[root]}")
    return found


def is_hidden_at_end(history, reader, share):
    """Whether it is of somebody whom the reader does not see, or a re-share of what such a one shared."""
    hidden = history.hidden_at_end(reader)
    return share.author in hidden or share.origin and share.under.author in hidden


def surely_made(history, author):
    """How many shares its profile must have held, at least."""
    return sum(not share.loss and not share.may_be_deleted() for share in history.by_author[author])


def belonging(history, author):
    """The shares of an author that stand on its profile, and in the timelines of all who follow it, whenever they began to.
    A deletion without an answer is judged by the profile: there the share is or it is not, and so it must be everywhere. A
    re-share of what its profile has dropped may still show where that is in memory."""
    shares = [share for share in history.by_author[author] if not share.loss]
    kept = history.profiles[author]
    for rank, share in enumerate(reversed(shares)):
        if share.origin and share.under.dropped_from < NEVER:
            continue
        if rank < history.settings["profile_cap"] and not share.deleted \
                and (not share.may_be_deleted_in_the_end() or share.id in kept):
            yield share


# ----------------------------------------------------------------------------------------------------------- streams

def check_stream(history, reader):
    """The home stream of a reader, or the stream of a profile."""
    return check_chains(history, HomeStream, reader, history.streams[reader])


def check_chains(history, kind, name, connections):
    return [text for chain in history.chains(connections) for text in kind(history, name, chain).run()]


def main():
    records = load(sys.argv[1])
    found = check(records)
    for text in found:
        print(text)
    print(f"{len(records)} records, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
