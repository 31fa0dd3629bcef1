"""Prints the closing line of a test run, `N passed, N failed, N skipped`, out of the JUnit files that ctest and pytest
wrote. A ctest test that is a program of cmocka or unittest counts as the tests that it ran. Exits 1 if anything failed or nothing ran. A
file without tests is a failure, too, unless --some says that only some tests were wanted. So is with --rules DOCUMENT a test that it
names and that did not pass."""

import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree

# How cmocka, and unittest when it is verbose, report that a test began, and how one ended.
BEGUN = re.compile(r"^\[ RUN +\] (\w+)$|^(test_\w+) \(.*\) \.\.\. ", re.MULTILINE)
ENDED = re.compile(r"^\[ +(OK|SKIPPED) +\] (\w+)$|^(test_\w+) \(.*\) \.\.\. (ok|skipped)\b", re.MULTILINE)
# How many points a torture test says that it made fail, in one scenario.
TORTURED = re.compile(r"^torture: (\d+) points failed in ", re.MULTILINE)


def outcome_of(case):
    """passed, failed or skipped: of one JUnit test case."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skipped = case.find("skipped")
    if skipped is None:
        return "passed"
    # ctest calls a test skipped, too, whose program is not there.
    return "failed" if "executable" in (skipped.get("message") or "") else "skipped"


def outcomes_within(case):
    """{test: outcome} of the tests that a program of tests ran. One that began and did not end well failed."""
    output = "\n".join(case.itertext())
    outcomes = {cmocka or unittest: "failed" for cmocka, unittest in BEGUN.findall(output)}
    for cmocka_word, cmocka, unittest, unittest_word in ENDED.findall(output):
        word = (cmocka_word or unittest_word).lower()
        outcomes[cmocka or unittest] = "passed" if word == "ok" else "skipped"
    return outcomes


def count_file(path, counts, failures, tortured, passed):
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        tortured.extend(int(points) for points in TORTURED.findall("\n".join(case.itertext())))
        outcome = outcome_of(case)
        outcomes = outcomes_within(case) or {case.get("name"): outcome}
        if outcome == "failed" and "failed" not in outcomes.values():
            outcomes["the program itself"] = "failed"
        for name, part in outcomes.items():
            counts[part] += 1
            if part == "passed":
                passed.add(name.partition("[")[0])
            if part == "failed":
                place = case.get("classname")
                failures.append(name if place == name else f"{place}: {name}")


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failures, tortured, passed = [], [], set()
    parser = argparse.ArgumentParser()
    parser.add_argument("--some", action="store_true")
    parser.add_argument("--rules", type=pathlib.Path)
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    for path in arguments.paths:
        before = sum(counts.values())
        if path.is_file():
            count_file(path, counts, failures, tortured, passed)
        if not path.is_file() or (sum(counts.values()) == before and not arguments.some):
            counts["failed"] += 1
            failures.append(f"{path.stem}: left no results")
    if arguments.rules and not arguments.some:
        for name in sorted(set(re.findall(r"`(test_\w+)`", arguments.rules.read_text(encoding="utf-8"))) - passed):
            counts["failed"] += 1
            failures.append(f"{arguments.rules}: {name} did not pass")
    for failure in failures:
        print(f"failed: {failure}")
    if tortured:
        print(f"torture: {sum(tortured)} points failed in {len(tortured)} scenarios")
    print(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


main()
