"""Prints the closing line of a test run, `N passed, N failed, N skipped`, out of the JUnit files that ctest and pytest
wrote. A ctest test that is a cmocka program counts as the tests that it ran. Exits 1 if anything failed or nothing ran. A
file without tests is a failure, too, unless --some says that only some tests were wanted."""

import pathlib
import re
import sys
import xml.etree.ElementTree

CMOCKA_OUTCOME = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] (\w+)$", re.MULTILINE)
CMOCKA_RUN = re.compile(r"^\[ RUN +\] (\w+)$", re.MULTILINE)


def outcome_of(case):
    """passed, failed or skipped: of one JUnit test case."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skipped = case.find("skipped")
    if skipped is None:
        return "passed"
    # ctest calls a test skipped, too, whose program is not there.
    return "failed" if "executable" in (skipped.get("message") or "") else "skipped"


def cmocka_outcomes(case):
    """{test: outcome} of a cmocka program's output. A test that began and did not end failed."""
    output = "".join(case.itertext())
    outcomes = {name: "failed" for name in CMOCKA_RUN.findall(output)}
    for word, name in CMOCKA_OUTCOME.findall(output):
        if name in outcomes:
            outcomes[name] = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[word]
    return outcomes


def count_file(path, counts, failures):
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        outcome = outcome_of(case)
        outcomes = cmocka_outcomes(case) or {case.get("name"): outcome}
        if outcome == "failed" and "failed" not in outcomes.values():
            outcomes["the program itself"] = "failed"
        for name, part in outcomes.items():
            counts[part] += 1
            if part == "failed":
                place = case.get("classname")
                failures.append(name if place == name else f"{place}: {name}")


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failures = []
    some = "--some" in sys.argv
    for path in map(pathlib.Path, [argument for argument in sys.argv[1:] if argument != "--some"]):
        before = sum(counts.values())
        if path.is_file():
            count_file(path, counts, failures)
        if not path.is_file() or (sum(counts.values()) == before and not some):
            counts["failed"] += 1
            failures.append(f"{path.stem}: left no results")
    for failure in failures:
        print(f"failed: {failure}")
    print(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


main()
