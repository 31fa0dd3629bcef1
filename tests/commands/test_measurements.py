"""feedbench's measurements, on a small scale: whether a bar is met says nothing here, whether it was measured does."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

FEEDBENCH = os.environ["FEEDBENCH"]
TIMEOUT_S = 100
# feedbench waits until the memory of a server does not change any more. With stacks that are kept it always does.
SANITIZER_OPTIONS = os.environ.get("ASAN_OPTIONS", "") + ":detect_stack_use_after_return=0"
HAS_REDIS = shutil.which("redis-server", path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")


def processes_that_name(text):
    """The command lines, of all processes, that have the text in them."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


@unittest.skipUnless(HAS_REDIS, "redis-server is not installed")
class Measurement(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.work = self.folder / "work"
        self.work.mkdir()

    def measure(self, *arguments):
        """The result of the run, and its record."""
        record = self.folder / "record.json"
        result = subprocess.run([FEEDBENCH, *arguments, "--quick", "--json", record], capture_output=True, text=True,
                                timeout=TIMEOUT_S, check=False,
                                env={**os.environ, "ASAN_OPTIONS": SANITIZER_OPTIONS, "TMPDIR": str(self.work)})
        self.assertEqual(list(self.work.iterdir()), [], "directories were left behind")
        self.assertEqual(processes_that_name(str(self.work)), [], "processes were left behind")
        self.assertTrue(record.exists(), result.stderr)
        return result, json.loads(record.read_text(encoding="utf-8"))

    def check_is_whole(self, result, record, scenarios):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn(" 1 rounds", result.stdout)
        self.assertEqual([scenario["name"] for scenario in record["scenarios"]], scenarios)
        self.assertGreater(record["environment"]["cpus"], 0)
        self.assertIn("redis", record["environment"]["versions"])
        for scenario in record["scenarios"]:
            self.assertTrue(scenario["checks"])
            absent = [arm["name"] for arm in scenario["arms"] if "is not installed" in arm.get("skipped", "")]
            for arm in scenario["arms"]:
                if arm["name"] not in absent:
                    self.assertTrue(all(one["valid"] for one in arm["rounds"]) and arm["rounds"], arm)
            for check in scenario["checks"]:
                self.assertTrue(check["measured"] or absent, check)

    def test_live_measures_every_bar(self):
        result, record = self.measure("live")
        self.check_is_whole(result, record, ["flood-1000", "flood-10000", "home-1000", "home-10000", "paced", "single",
                                             "sparse"])

    def test_fanout_measures_every_bar(self):
        result, record = self.measure("fanout")
        self.check_is_whole(result, record, ["apart", "shared", "beside"])

    def test_read_measures_every_bar(self):
        self.check_is_whole(*self.measure("read"), ["home-50"])

    def test_publish_measures_every_bar(self):
        self.check_is_whole(*self.measure("publish"), ["alone"])

    def test_idle_measures_every_bar(self):
        self.check_is_whole(*self.measure("idle"), ["subscribers", "followed", "timeline"])

    def test_herd_measures_every_bar_and_loses_nothing(self):
        self.check_is_whole(*self.measure("herd"), ["killed"])

    def test_a_lost_delivery_voids_the_round_and_misses_the_bars(self):
        for command, scenario in [("live", "paced"), ("herd", "killed"), ("idle", "subscribers"), ("fanout", "beside")]:
            result, record = self.measure(command, "--scenario", scenario, "--drop", "3", "--check")
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn("is void", result.stderr)
            played = record["scenarios"][0]
            self.assertFalse(played["arms"][0]["rounds"][0]["valid"])
            self.assertFalse(any(check["measured"] for check in played["checks"]))


if __name__ == "__main__":
    unittest.main()
