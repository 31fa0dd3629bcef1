"""Nothing calls a function that has a bounded form, blocks the loop, or makes a test wait for time."""

import re

import tree

# Suffixes, folders ("" is everywhere), functions, and what to do instead. In tests, files named wait* hold the one polling
# loop that the others wait with.
BANS = [
    ((".c", ".h"), "", "strcpy strcat sprintf vsprintf gets strtok alloca", "use the bounded form"),
    ((".c", ".h"), "", "system popen", "no shell: posix_spawn or fork and exec"),
    ((".c", ".h"), "daemon", "sleep usleep nanosleep", "nothing may block the loop: use a timer"),
    ((".c", ".h"), "tests", "sleep usleep nanosleep", "wait for a condition"),
    ((".py",), "tests", "time.sleep asyncio.sleep os.system", "wait for a condition"),
]


def calls(functions):
    names = "|".join(re.escape(name) for name in functions.split())
    return re.compile(rf"(?<![\w.])({names})\s*\(")


def main():
    findings = []
    looked_at = set()
    for suffixes, folder, functions, instead in BANS:
        pattern = calls(functions)
        for path in tree.files(*suffixes, under=(folder,)):
            looked_at.add(path)
            if folder == "tests" and path.name.startswith("wait"):
                continue
            text = tree.read(path)
            if path.suffix != ".py":
                text = tree.without_comments_and_strings(text)
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                findings.append(f"{path}:{line}: {match.group(1)}(): {instead}")
    tree.tell(findings, len(looked_at), "files")


main()
