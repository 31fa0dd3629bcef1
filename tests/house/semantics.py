"""Every rule of docs/semantics.md has tests in each way in which readers see the feed.

A cell names tests in backquotes. Each must be a function of tests/integration, and say by its mark `ways` that it looks in
the way of the column. A mark that no row asks for is a finding, too: the rule is missing."""

import re

import tree

DOCUMENT = "docs/semantics.md"
WAYS = ("read", "live", "resumed")
TEST = re.compile(r"`(test_\w+)`")
MARKED = re.compile(r"^@pytest\.mark\.ways\(([^)]*)\)\n(?:@.*\n|[ )].*\n)*def (test_\w+)", re.MULTILINE)


def rows(document):
    """(rule, [cell of each way]) of each row of each table."""
    for line in document.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and not line.startswith("|---") and cells[0] != "rule":
            yield cells[0], cells[1:]


def marked_tests():
    """{test: the ways in which it says to look}."""
    return {test: set(re.findall(r'"(\w+)"', ways)) for path in tree.files(".py") if "integration" in path.parts
            for ways, test in MARKED.findall(tree.read(path))}


def judge(rule, cells, marked):
    if len(cells) != len(WAYS):
        yield f"{rule}: has {len(cells)} ways, not {len(WAYS)}"
        return
    for way, cell in zip(WAYS, cells):
        tests = TEST.findall(cell)
        if not tests:
            yield f"{rule}: no test {way}"
        for test in tests:
            if way not in marked.get(test, ()):
                yield f"{rule}: {test} is no test of tests/integration that is marked to look {way}"


def main():
    document = tree.read(DOCUMENT)
    marked = marked_tests()
    rules = list(rows(document))
    findings = [f"{DOCUMENT}: {wrong}" for rule, cells in rules for wrong in judge(rule, cells, marked)]
    named = set(TEST.findall(document))
    findings += [f"{DOCUMENT}: no rule names {test}, which is marked" for test in marked if test not in named]
    tree.tell(findings, len(rules), "rules")


main()
