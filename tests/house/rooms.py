"""Each room includes only what it may use.

A room is the folder that a file lies in. What it may include is in ROOMS; whose header a library is, is in LIBRARIES. An
include that is in neither list is a finding, as is a quoted include that no room holds.
"""

import re

import tree

# Room: its folder, and the rooms that it may include besides itself.
ROOMS = {
    "server": ("daemon", {"commands", "monitor", "net", "feed", "store", "base", "proto"}),
    "monitor": ("daemon/monitor", {"net", "base"}),
    "commands": ("daemon/commands", {"net", "feed", "store", "base", "proto"}),
    "net": ("daemon/net", {"base", "proto"}),
    "feed": ("daemon/feed", {"store", "base", "proto"}),
    "store": ("daemon/store", {"base", "proto"}),
    "base": ("daemon/base", {"proto"}),
    "man": ("daemon/man", {"base"}),
    "proto": ("proto", set()),
    "libfeed": ("clients/libfeed", {"proto"}),
    "feedctl": ("clients/feedctl", {"libfeed", "proto"}),
    "feedbench": ("clients/feedbench", {"feedctl", "libfeed", "proto"}),
}

# Headers that only some rooms may include: Redis belongs to the store, sockets to the network and the clients.
LIBRARIES = {
    "hiredis/": {"store"},
    "sys/socket.h": {"net", "store", "libfeed", "feedbench"},
    "event2/http.h": {"monitor"},
    "netinet/": {"net", "store", "base", "libfeed", "feedbench"},
    "systemd/": {"server", "base"},
}

# What the build makes, and whose it is.
GENERATED = {"feed.pb-c.h": "proto", "lua_scripts.h": "store"}

# Where included headers are looked for, besides the includer's own folder: one order for each part of the tree, as both
# the daemon and the client library have a feed/feed.h.
INCLUDE_PATHS = {
    "daemon": ["daemon", "proto"],
    "proto": ["proto"],
    "clients": ["clients/libfeed/include", "clients/libfeed", "clients/feedctl", "proto", "daemon"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def room_of(path):
    """The room with the longest folder that holds the path."""
    holders = [(len(folder), room) for room, (folder, _) in ROOMS.items() if path.as_posix().startswith(folder + "/")]
    return max(holders)[1] if holders else None


def find_header(includer, name):
    for folder in [includer.parent, *INCLUDE_PATHS[includer.parts[0]]]:
        candidate = (tree.ROOT / folder / name).resolve()
        if candidate.is_file() and candidate.is_relative_to(tree.ROOT):
            return candidate.relative_to(tree.ROOT)
    return None


def judge(path, room, quote, name):
    """What is wrong with this include, or None."""
    for prefix, allowed in LIBRARIES.items():
        if name.startswith(prefix):
            return None if room in allowed else f"only {', '.join(sorted(allowed))} may include <{name}>"
    header = find_header(path, name)
    target = GENERATED.get(name) or (header and room_of(header))
    if not target:
        return f'"{name}" lies in no room' if quote == '"' else None
    if target == room or target in ROOMS[room][1]:
        return None
    return f'{room} may not include {target} ("{name}")'


def main():
    paths = [path for path in tree.files(".c", ".h", ".def") if room_of(path)]
    findings = []
    for path in paths:
        text = tree.read(path)
        for match in INCLUDE.finditer(text):
            wrong = judge(path, room_of(path), *match.groups())
            if wrong:
                line = text.count("\n", 0, match.start(1)) + 1
                findings.append(f"{path}:{line}: {wrong}")
    tree.tell(findings, len(paths), "C files")


main()
