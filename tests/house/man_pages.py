"""Man pages render without a warning: those of the tree, and those that the build in argv[1] generated."""

import pathlib
import shutil
import subprocess
import sys

import tree

SECTIONS = (".1", ".3", ".5", ".8")


def warnings_of(path):
    result = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", str(path)], capture_output=True, text=True,
                            timeout=30, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}, check=False)
    lines = result.stderr.splitlines()
    return lines if lines or result.returncode == 0 else [f"man ended with {result.returncode}"]


def main():
    if not shutil.which("man") or not shutil.which("groff"):
        print("man is not installed")
        sys.exit(tree.CANNOT_LOOK)
    pages = [tree.ROOT / path for path in tree.files(*SECTIONS)]
    pages += [path for path in pathlib.Path(sys.argv[1], "daemon/man").rglob("*") if path.suffix in SECTIONS]
    findings = [f"{page.name}: {line}" for page in pages for line in warnings_of(page)]
    tree.tell(findings, len(pages), "man pages")


main()
