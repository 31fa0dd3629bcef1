"""Judges dialogues: what people said under shares, read and streamed."""
from facts import NEVER
from history import name_of
from streams import StreamCheck

AROUND = 1000  # comments around a subject that are remembered


class DialogueStream(StreamCheck):
    """The comments under one share, or under all shares of a subject. `name`: the kind, of which share or subject, and
    who looks."""
    items = ("commented",)
    deletions = {"comment_deleted": "comment", "deleted": "share"}

    def authors(self):
        kind, of, _ = self.name
        if kind == "dialogue_around":
            return {of}
        return {self.history.by_id[of].author} if of in self.history.by_id else set()

    def items_of(self, author):
        kind, of, _ = self.name
        said = self.history.said[author]
        return said if kind == "dialogue_around" else [comment for comment in said if comment.share == of]

    def check_entitled(self, item, event, connection):
        if item.id not in {one.id for one in self.items_of(item.author)} or event["parent"] != item.parent:
            self.say(f"invented: {item}, which belongs elsewhere,")
        if self.hides(self.name[2], item.by, item.begin, event["at"]):
            self.say(f"unentitled: {item} of one who was muted or blocked, at {event['at']},")

    def sees(self, item, since, until):
        """Whether who looks surely saw who said it all that time."""
        return not self.may_hide(self.name[2], item.by, since, until)

    def check_refusal(self, event):
        """There is no dialogue under what is gone."""
        kind, of, _ = self.name
        if event["code"] != "NOT_FOUND":
            super().check_refusal(event)
        elif kind != "dialogue" or not self.history.by_id[of].may_be_gone(event["at"]):
            self.say(f"refused: a subscription with {event['code']}")
        self.refused = True

    def room(self):
        return AROUND if self.name[0] == "dialogue_around" else NEVER


def check_dialogue(history, read):
    """All comments under a share, oldest first: each once, real, and all that were acknowledged. One that was deleted may have
    left its place, where somebody replied to it; the numbers count the others."""
    where = f"the final dialogue of {read['of']} at {read['daemon']}"
    share = history.by_id[read["of"]]
    if not read["there"]:
        return [] if share.may_be_gone(read["end"]) else [f"lost: {where} is not there, though {share} is"]
    found, seen, previous = [], set(), 0
    mine = [comment for comment in history.said[share.author] if comment.share == share.id]
    parents = {comment.parent for comment in mine}
    if read["items"] != history.talk[share.id]:
        found.append(f"inconsistent: {where} is another one elsewhere")
    if share.deleted or share.loss:
        found.append(f"unentitled: {where}, although {share} is gone")
    for comment_id, commenter, parent, text in read["items"]:
        comment = history.by_id.get(comment_id)
        if comment_id in seen:
            found.append(f"twice: {comment_id} in {where}")
        elif comment_id < previous:
            found.append(f"order: {comment_id} after {previous} in {where}")
        if not comment or comment.share != share.id or comment.parent != parent \
                or commenter and comment.name != name_of({"commenter": commenter, "share": share.id, "text": text}):
            found.append(f"invented: {comment_id} ({commenter}, {text}) in {where}; it is {comment}")
        elif comment.loss or (commenter and comment.deleted):
            found.append(f"unentitled: {comment} in {where}")
        elif not commenter and not (comment.deletions and comment_id in parents):
            found.append(f"lost: {comment}, of which the place is left, in {where}")
        seen.add(comment_id)
        previous = comment_id
    there = sum(1 for _, commenter, _, _ in read["items"] if commenter)
    if any(count != there for count in read["counts"]):
        found.append(f"inconsistent: {where} has {there} comments, and is said to have {read['counts']}")
    return found + [f"lost: {comment} is not in {where}" for comment in mine
                    if not comment.loss and not comment.may_be_deleted() and comment.id not in seen]
