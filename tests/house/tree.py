"""What the house checks share: the files of the tree, C without its comments and strings, and how findings are told."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = 0
NOT_KEPT = 1
NOT_OURS = {"build", ".git", "__pycache__", ".pytest_cache"}

# Comments, string literals and character literals, as one token each.
TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


def files(*suffixes, under=("",)):
    """The project's own files with one of the suffixes, relative to ROOT, in a stable order."""
    found = set()
    for folder in under:
        for path in (ROOT / folder).rglob("*"):
            relative = path.relative_to(ROOT)
            if path.suffix in suffixes and path.is_file() and not NOT_OURS.intersection(relative.parts):
                found.add(relative)
    return sorted(found)


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def without_comments_and_strings(text):
    """Blanks them out; lines keep their numbers."""
    return TOKEN.sub(lambda token: re.sub(r"[^\n]", " ", token.group()), text)


def tell(findings, looked_at, what):
    """Prints the findings, or that there are none, and ends the check. Looking at nothing is a finding too."""
    if not looked_at:
        findings = [f"found no {what} to look at under {ROOT}"]
    for finding in findings:
        print(finding)
    print(f"{looked_at} {what}, {len(findings)} findings")
    sys.exit(NOT_KEPT if findings else KEPT)
