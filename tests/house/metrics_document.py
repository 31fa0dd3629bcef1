"""docs/metrics.md lists exactly what metrics.def holds. With --write it is made so."""

import re
import sys

import tree

TABLE = "daemon/base/metrics.def"
DOCUMENT = "docs/metrics.md"
ROW = re.compile(r'^METRIC(_BY)?\((\w+), (\w+), (?:(\w+), \d+, )?((?:\s*"(?:[^"\\]|\\.)*")+)\)$', re.MULTILINE)
UNITS = {"_at_ms": "_time_seconds", "_ms": "_seconds", "_us": "_seconds"}
HEADING = "| metric | type | labels | |\n|---|---|---|---|\n"


def exposed(name, kind):
    """As metrics.c calls it."""
    for unit, seconds in UNITS.items():
        name = re.sub(f"{unit}$", seconds, name)
    return ("" if name.startswith("process_") else "feedd_") + name + ("_total" if kind == "COUNTER" else "")


def rows():
    text = tree.read(TABLE)
    found = [(name, kind, label, "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', words)))
             for _, name, kind, label, words in ROW.findall(text)]
    assert len(found) == len(re.findall(r"^METRIC", text, re.MULTILINE)), "a row of metrics.def is not understood"
    return found


def line(row):
    name, kind, label, words = row
    return f"| `{exposed(name, kind)}` | {kind.lower()} | {f'`{label}`' if label else ''} | {words} |"


def main():
    wanted = [line(row) for row in rows()]
    text = tree.read(DOCUMENT)
    before, _, table = text.partition(HEADING)
    table, _, after = table.partition("\n\n")
    if "--write" in sys.argv[1:]:
        (tree.ROOT / DOCUMENT).write_text(before + HEADING + "\n".join(wanted) + "\n\n" + after, encoding="utf-8")
        return
    stands = table.strip().splitlines()
    findings = [f"{DOCUMENT} lacks: {row}" for row in wanted if row not in stands]
    findings += [f"{DOCUMENT} has what {TABLE} has not: {row}" for row in stands if row not in wanted]
    if not findings and stands != wanted:
        findings = [f"{DOCUMENT} has the metrics in another order than {TABLE}"]
    tree.tell(findings, len(wanted), "metrics")


main()
