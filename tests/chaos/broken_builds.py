"""feedd with one of its safeguards taken out, again and again: the chaos run must notice each.

    python3 tests/chaos/broken_builds.py [NAME]... [--minutes N] [--seeds N]

Each is built from a copy of this tree in which a few lines are others, and is run with one seed after another until the
checker finds something wrong with what the people saw. Exit status 1 if it found nothing with any of them.
"""
import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The list is fetched, and only then, at the next tick, is it looked up how far the logs are applied.
LATE_WATERMARK = """
struct late {
    struct timeline_call *call;
    struct timeline timeline;
    size_t capacity;
    bool looked_up;
};

static void merge_late(void *context)
{
    struct late late = *(struct late *)context;
    struct feed *feed = late.call->feed;

    if (!late.looked_up) {
        ((struct late *)context)->looked_up = true;
        feed_call_later(feed, merge_late, context);
        return;
    }
    free(context);
    if (add_from_rings(feed, late.call->reader, feed->applied, &late.timeline, &late.capacity) < 0) {
        free(late.timeline.ids);
        call_end(late.call, FEED__ERROR_CODE__UNAVAILABLE, NULL, false);
        return;
    }
    normalize(&late.timeline, (size_t)feed->settings->timeline_cap);
    call_end(late.call, FEED_OK, &late.timeline, false);
}

/* The answer to LRANGE"""

# name -> what is put in the place of what, in which file.
BREAKS = {
    "no-edge-entry": [(
        "daemon/store/lua/edge.lua",
        "text(log_append(log, 'k', follow and 'edge' or 'unedge', 's', subject, 'r', reader, 'v', version, 'h', kept))",
        "text(log.last)",
    )],
    "no-rebuild-marker": [(
        "daemon/store/lua/timeline_begin.lua",
        "  redis.call('RPUSH', KEYS[1], mark)\n  redis.call('EXPIRE', KEYS[1], ARGV[3])\n",
        "",
    ), (
        "daemon/store/lua/timeline_finish.lua",
        "if redis.call('LINDEX', KEYS[1], -1) ~= ARGV[1] then return 0 end\n",
        "redis.call('DEL', KEYS[1])\nredis.call('RPUSH', KEYS[1], ARGV[1])\n",
    )],
    "acknowledged-before-answered": [(
        "daemon/feed/jobs.c",
        "    case LOG_SHARE:\n        fanout_begin(feed, job);\n",
        "    case LOG_SHARE:\n        acknowledge(feed, job->id);\n        fanout_begin(feed, job);\n",
    ), (
        "daemon/feed/jobs.c",
        "void job_queue_add(",
        "static void acknowledge(struct feed *feed, uint64_t id);\n\nvoid job_queue_add(",
    )],
    "watermark-after-fetch": [(
        "daemon/feed/timeline.c",
        "\n/* The answer to LRANGE",
        LATE_WATERMARK,
    ), (
        "daemon/feed/timeline.c",
        "    int failed = timeline.ids ? add_from_rings(feed, call->reader, feed->applied, &timeline, &capacity) : -ENOMEM;\n",
        "    int failed = timeline.ids ? 0 : -ENOMEM;\n",
    ), (
        "daemon/feed/timeline.c",
        "    if (failed < 0)\n        fail(call, FEED__ERROR_CODE__UNAVAILABLE);\n    else\n        merge_bigs(call);\n",
        "    struct late *late = malloc(sizeof(*late));\n"
        "    (void)merge_bigs;\n"
        "    *late = (struct late){call, timeline, capacity, false};\n"
        "    feed_call_later(feed, merge_late, late);\n",
    )],
    "no-link-generation": [(
        "daemon/store/lua/lib_log.lua",
        "  if held[1] ~= ARGV[2] then\n",
        "  if not held[1] then\n",
    )],
}


def changed_files(name):
    """{path: text} of the files in which a break changes something. Each place must be there, once."""
    files = {}
    for path, old, new in BREAKS[name]:
        text = files.get(path) or (ROOT / path).read_text()
        if text.count(old) != 1:
            raise ValueError(f"{name}: {path} has {text.count(old)} places that read {old!r}")
        files[path] = text.replace(old, new)
    return files


def build(name, directory):
    """Builds the broken feedd in this directory. Returns its path."""
    source, built = directory / "source", directory / "build"
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for path in filter(None, listed.split("\0")):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, source / path)
    for path, text in changed_files(name).items():
        (source / path).write_text(text)
    for command in (["cmake", "-S", source, "-B", built, "-G", "Ninja", "-DBUILD_TESTING=OFF", "-DCMAKE_C_FLAGS=-O1"],
                    ["cmake", "--build", built, "--target", "feedd"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{name} cannot be built:\n{done.stdout}{done.stderr}")
    return built / "bin" / "feedd"


def is_caught(name, minutes, seeds):
    with tempfile.TemporaryDirectory(prefix="feedd-broken-") as directory:
        directory = Path(directory)
        feedd = build(name, directory)
        for seed in range(1, seeds + 1):
            counts = directory / f"{seed}.json"
            run = subprocess.run([sys.executable, "-B", ROOT / "tests/chaos/chaos.py", "--feedd", feedd, "--seed", str(seed),
                                  "--minutes", str(minutes), "--counts", counts, "--discard"], capture_output=True, text=True)
            if not counts.is_file():
                sys.exit(f"{name}: the chaos run itself failed:\n{run.stdout}{run.stderr}")
            counted = json.loads(counts.read_text())
            found = counted["violations"] - counted["complaints"]  # a run that did not come to its end shows nothing
            first = next((line for line in run.stdout.splitlines() if not line.startswith(("complaint", " "))), "")
            print(f"{name}, seed {seed}: {found} violations. {first if found else ''}"[:300], flush=True)
            if found:
                return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(BREAKS)} (all)")
    parser.add_argument("--minutes", type=float, default=0.5, help="of chaos with each seed (0.5)")
    parser.add_argument("--seeds", type=int, default=12, help="how many are tried before it is given up (12)")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in BREAKS:
            parser.error(f"there is no broken build {name!r}; there are {', '.join(BREAKS)}")
    names = arguments.names or list(BREAKS)
    missed = [name for name in names if not is_caught(name, arguments.minutes, arguments.seeds)]
    for name in missed:
        print(f"not caught: {name}")
    print(f"{len(names) - len(missed)} passed, {len(missed)} failed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
