"""feedbench mix, in its small shape: workloads from the literature, through feedd and on Redis alone."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

FEEDBENCH = os.environ["FEEDBENCH"]
ARMS = ["feedd", "sorted-sets"]


def programs_of(folder):
    """The command lines of all processes that name this folder."""
    lines = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        if str(folder) in line:
            lines.append(line)
    return lines


class Mix(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.work = self.folder / "work"
        self.work.mkdir()

    def mix(self, *arguments):
        """Plays it. Returns the record's scenarios by name, and what was said on standard error."""
        record = self.folder / "record.json"
        result = subprocess.run([FEEDBENCH, "mix", "--quick", "--json", record, *arguments], capture_output=True, text=True,
                                timeout=50, check=False, env={**os.environ, "TMPDIR": str(self.work)})
        self.assertEqual(result.returncode, 0, result.stderr)
        scenarios = json.loads(record.read_text(encoding="utf-8"))["scenarios"]
        return {scenario["name"]: scenario for scenario in scenarios}, result.stderr

    def test_every_workload_is_played_by_both_arms_and_every_check_measured(self):
        scenarios, said = self.mix()
        self.assertEqual(list(scenarios), ["twip", "social-network", "retwis"])
        for name, scenario in scenarios.items():
            self.assertEqual([arm["name"] for arm in scenario["arms"]], ARMS)
            for arm in scenario["arms"]:
                self.assertGreater(arm["medians"].get("operations", 0), 0, (name, arm, said))
                self.assertIn("read_p99_us", arm["medians"], name)
                if arm["medians"]["samples"] >= 1000:  # a slow machine may not come to its first post
                    self.assertIn("post_p50_us", arm["medians"], name)
            self.assertEqual([check["measured"] for check in scenario["checks"]], [True, True], (name, said))

    def test_follows_are_timed_where_there_are_any(self):
        scenarios, _ = self.mix("--scenario", "retwis")
        for arm in scenarios["retwis"]["arms"]:
            self.assertIn("follow_p99_us", arm["medians"])

    def test_nothing_is_left_behind(self):
        self.mix("--scenario", "social-network")
        self.assertEqual(list(self.work.iterdir()), [])
        self.assertEqual(programs_of(self.work), [])

    def test_a_post_that_is_in_no_timeline_makes_the_round_void(self):
        scenarios, said = self.mix("--scenario", "social-network", "--drop", "1")
        for arm in scenarios["social-network"]["arms"]:
            self.assertEqual([played["valid"] for played in arm["rounds"]], [False])
            self.assertIn("is not in the timeline", arm["rounds"][0]["void"], said)


if __name__ == "__main__":
    unittest.main()
