"""feedctl(1) lists exactly what a check may find, as check.def holds it. With --write it is made so."""

import re
import sys

import tree

TABLE = "proto/check.def"
DOCUMENT = "clients/feedctl/feedctl.1"
ROW = re.compile(r'^CHECK\(\w+, "([^"]*)",\s+"([^"]*)",\s+"([^"]*)"\)$', re.MULTILINE)
HEADING = '.Sh FINDINGS\n'
LIST, END = '.Bl -tag -width Ds\n', '.El\n'


def sentence(words):
    return words[0].upper() + words[1:] + "."


def item(row):
    word, meaning, mended = row
    return f".It Li {word}\n{sentence(meaning)}\nRepair: {mended}.\n"


def main():
    text = tree.read(TABLE)
    rows = ROW.findall(text)
    assert len(rows) == len(re.findall(r"^CHECK", text, re.MULTILINE)), f"a row of {TABLE} is not understood"
    wanted = "".join(map(item, rows))
    before, heading, after = tree.read(DOCUMENT).partition(HEADING)
    introduction, start, after = after.partition(LIST)
    stands, end, after = after.partition(END)
    if "--write" in sys.argv[1:]:
        (tree.ROOT / DOCUMENT).write_text(before + heading + introduction + start + wanted + end + after, encoding="utf-8")
        return
    findings = [f"{DOCUMENT} lacks, or says otherwise: {item(row)}" for row in rows if item(row) not in stands]
    if not findings and stands != wanted:
        findings = [f"{DOCUMENT} lists something else than {TABLE}, or in another order"]
    tree.tell(findings, len(rows), "kinds of findings")


main()
