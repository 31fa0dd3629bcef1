"""Links from one document to another lead somewhere: to a file of the tree, and to a heading where they name one."""

import re

import tree

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def anchors(text):
    """What the headings are called in links, as forges and editors make it."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def judge(path, target, anchor):
    if "://" in target:
        return None
    file = (tree.ROOT / path.parent / target).resolve() if target else tree.ROOT / path
    if not file.exists():
        return f"there is no {target}"
    if anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
        return f"{target or path} has no heading #{anchor}"
    return None


def main():
    paths = tree.files(".md")
    findings = []
    for path in paths:
        for target, anchor in LINK.findall(tree.read(path)):
            wrong = judge(path, target, anchor)
            if wrong:
                findings.append(f"{path}: {wrong}")
    tree.tell(findings, len(paths), "documents")


main()
