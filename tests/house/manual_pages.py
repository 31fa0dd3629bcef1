"""The manual pages tell of what they are looked up for: every variable of the environment, every kind of event, every function
that an example calls; and no words of theirs run together."""

import re
import shlex

import tree

# Whose variables each page tells.
ENVIRONMENTS = {"daemon/man/feedd.8": "daemon", "clients/feedctl/feedctl.1": "clients/feedctl"}
VARIABLE = re.compile(r'\bgetenv\("(\w+)"\)')

LIBRARY_PAGE = "clients/libfeed/libfeed.3"
LIBRARY_HEADER = "clients/libfeed/include/feed/feed.h"

# Their words are set in two fonts in turn, with nothing between them.
ALTERNATING = re.compile(r"^\.(?:BR|RB|BI|IB|IR|RI) (.*)$", re.MULTILINE)


def judge_environment(page, folder):
    section = re.search(r"^\.S[Hh] ENVIRONMENT\n(.*?)^\.S[Hh] ", tree.read(page), re.MULTILINE | re.DOTALL).group(1)
    read = {name for path in tree.files(".c", under=(folder,)) for name in VARIABLE.findall(tree.read(path))}
    return [f"{page}: ENVIRONMENT does not tell of {name}" for name in sorted(read) if not re.search(rf"\b{name}\b", section)]


def judge_library():
    page = tree.read(LIBRARY_PAGE)
    synopsis, example = page.split(".Sh SYNOPSIS")[1].split(".Sh DESCRIPTION")[0], page.split(".Sh EXAMPLES")[1]
    declared = set(re.findall(r"^\.Fn (\w+)", synopsis, re.MULTILINE))
    called = {name for name in re.findall(r"\b(feed_\w+)\(", example) if not name.startswith("feed_call_")}
    events = set(re.findall(r"^ +(FEED_EVENT_\w+)", tree.read(LIBRARY_HEADER), re.MULTILINE))
    return [f"{LIBRARY_PAGE}: SYNOPSIS lacks {name}, which the example calls" for name in sorted(called - declared)] + \
        [f"{LIBRARY_PAGE}: does not tell of {name}" for name in sorted(events) if not re.search(rf"\b{name}\b", page)]


def judge_fonts(page):
    """After a comma or colon without a space there is no further word."""
    for line in ALTERNATING.findall(tree.read(page)):
        words = shlex.split(line.replace("\\-", "-").replace("\\", ""))
        for before, after in zip(words, words[1:]):
            if re.search(r"[,;:]$", before) and after[:1].isalnum():
                yield f"{page}: {before!r} and {after!r} run together"


def main():
    pages = tree.files(".1", ".3", ".5", ".8")
    findings = [finding for page in pages for finding in judge_fonts(page)]
    for page, folder in ENVIRONMENTS.items():
        findings += judge_environment(page, folder)
    tree.tell(findings + judge_library(), len(pages), "manual pages")


main()
