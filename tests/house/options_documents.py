"""The documents name only options that exist. (That each option is described needs no check: feedd.conf(5) is generated
from options.def.)"""

import re

import tree

TABLE = "daemon/base/options.def"
FLAGS_ONLY = {"config", "help", "version", "print-config", "print-defaults", "check-config"}

# Files in which every flag is feedd's.
FEEDD_FILES = ["daemon/man/feedd.8", "systemd/feedd.service.in", "systemd/feedd@.service.in"]

KEY = re.compile(r'^OPTION\(\w+, "([\w.]+)"', re.MULTILINE)
FILES = (".c", ".h", ".md", ".lua", ".def", ".sock")  # what looks like an option of a section, and is a file
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")


def main():
    keys = set(KEY.findall(tree.read(TABLE)))
    flags = FLAGS_ONLY | {re.sub("[._]", "-", key) for key in keys}
    sections = {key.split(".")[0] for key in keys if "." in key}
    mention = re.compile(rf"(?<![\w./-])((?:{'|'.join(sorted(sections))})\.[a-z_]+)\b(?![./-]\w|\()")
    paths = [path for path in tree.files(".md", ".1", ".3", ".5", ".8", ".in") if path.name != "CHANGELOG.md"]
    findings = []
    for path in paths:
        text = tree.read(path).replace("\\-", "-").replace("\\&", "")
        for match in mention.finditer(text):
            if match.group(1) not in keys and not match.group(1).endswith(FILES):
                findings.append(f"{path}: there is no option {match.group(1)}")
        if path.as_posix() in FEEDD_FILES:
            findings += [f"{path}: there is no flag --{flag}" for flag in FLAG.findall(text) if flag not in flags]
    tree.tell(findings, len(paths), "documents")


main()
