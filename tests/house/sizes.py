"""No file has grown into two rooms: about 400 lines is one, 500 is the end."""

import tree

MAX_LINES = 500


def main():
    paths = tree.files(".c", ".h", ".py")
    counts = {path: len(tree.read(path).splitlines()) for path in paths}
    findings = [f"{path}: {lines} lines, more than {MAX_LINES}: what are the two things that it does?"
                for path, lines in counts.items() if lines > MAX_LINES]
    tree.tell(findings, len(paths), "files")


main()
