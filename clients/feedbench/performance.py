"""Writes docs/performance.md out of the records that feedbench left: `performance.py DIRECTORY OUT`."""
import json
import sys
from pathlib import Path

ORDER = ["live", "fanout", "read", "publish", "idle", "herd", "mix"]
HEADINGS = {
    "operations_per_cpu_s": "per CPU-second", "operations_per_redis_cpu_s": "per Redis-CPU-second",
    "operations_per_s": "per second", "server_cpu_s": "server CPU, s", "redis_cpu_s": "of it Redis, s",
    "generator_cpu_s": "generator CPU, s", "bytes_per_send": "bytes a send", "p50_us": "p50, µs", "p99_us": "p99, µs",
    "max_us": "worst, µs", "memory_bytes_each": "bytes each", "redis_commands_each": "Redis commands each",
}
INTRODUCTION = """# Performance

What feedd does beside what people would use instead, in one run on one machine. Ratios within a run are what counts:
absolute figures drift with the machine. `./dev bench` writes this page; `feedbench(1)` says what each scenario measures
and when a round is void. Each figure is the median of the rounds that count; behind a bar's value stand the lowest and
the highest round.
"""


def number(value):
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.3f}"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def checks(found):
    if not found:
        return []
    lines = ["", row(["bar", "value", "lowest to highest", ""]), row(["---"] * 4)]
    for one in found:
        verdict = "met" if one["met"] else "**missed**" if one["measured"] else "not measured"
        value = number(one["value"]) if one["measured"] else "–"
        spread = f"{number(one['lowest'])} to {number(one['highest'])}" if one["measured"] else "–"
        lines.append(row([f"{one['name']}, {one['sense']} {number(one['bar'])}", value, spread, verdict]))
    return lines


def scenario(one):
    lines = ["", f"### {one['name']}: {one['title']}", ""]
    shape = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in one["shape"].items())
    lines += [f"Counted are {one['operation']}. {shape}.", ""]
    lines += [row([""] + [HEADINGS.get(name, name.replace("_", " ")) for name in one["columns"]]),
              row(["---"] * (1 + len(one["columns"])))]
    for arm in one["arms"]:
        if arm.get("skipped"):
            lines.append(row([arm["name"], f"skipped: {arm['skipped']}"] + [""] * (len(one["columns"]) - 1)))
            continue
        void = sum(not each.get("valid") for each in arm["rounds"])
        name = arm["name"] + (f" ({void} of {len(arm['rounds'])} rounds void)" if void else "")
        lines.append(row([name] + [number(arm["medians"].get(column)) for column in one["columns"]]))
    return lines + checks(one["checks"])


def environment(record):
    about = record["environment"]
    lines = ["", "## The machine", "", f"- {about['cpu']}, {about['cpus']} CPUs, {about['memory']} of memory, "
             f"{about['kernel']}", f"- measured on {about['date'][:10]}, at commit {about['commit']}"]
    return lines + [f"- {name}: {version.split(' sha=')[0]}" for name, version in about["versions"].items()]


def main():
    records = [json.loads(path.read_text()) for path in sorted(Path(sys.argv[1]).glob("*.json"))]
    records.sort(key=lambda record: (ORDER.index(record["command"]), record["settings"]["sweep"]))
    lines = [INTRODUCTION.rstrip()] + environment(records[0])
    lines += ["", "## The commands", ""]
    lines += ["    feedbench " + " ".join(word for word in record["arguments"] if not word.endswith((".json", "--json")))
              for record in records]
    settings = records[0]["settings"]
    lines += ["", f"{settings['rounds']} interleaved rounds, {settings['warm_up_ms']} ms of warm-up and "
              f"{settings['measure_ms']} ms measured, unless a command says otherwise. Both sides use the same settings of "
              "Redis: an append-only file, synced every second, and list nodes of 138 entries, as feedd's private Redis has "
              "them."]
    for record in records:
        lines += ["", f"## {record['command']}{', growth' if record['settings']['sweep'] else ''}"]
        for one in record["scenarios"]:
            lines += scenario(one)
        lines += checks(record["checks"])
    Path(sys.argv[2]).write_text("\n".join(lines) + "\n")


main()
