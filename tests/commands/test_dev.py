"""./dev and .ci/run: what they say when they are called wrongly, and that the shell understands them."""

import pathlib
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ["dev", ".ci/run", "tests/packages/boot.sh", *(f"systemd/debian/{name}" for name in ("postinst", "prerm", "postrm"))]


def run_in_root(*arguments):
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
                          stdin=subprocess.DEVNULL)


class Dev(unittest.TestCase):
    def test_help_lists_the_commands(self):
        result = run_in_root("./dev", "help")
        self.assertEqual(result.returncode, 0)
        for command in ("demo", "build", "test", "check"):
            self.assertIn(f"\n  {command}", result.stdout)

    def test_wrong_usage_exits_with_2_and_shows_the_usage(self):
        for arguments in ([], ["bild"], ["build", "all"], ["demo", "--seconds"], ["demo", "--seconds", "0"],
                          ["demo", "--seconds", "soon"], ["demo", "loudly"], ["test", "one", "two"], ["check", "one", "two"]):
            result = run_in_root("./dev", *arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertIn("Usage: ./dev COMMAND", result.stderr)

    def test_the_shell_understands_the_scripts(self):
        for script in SCRIPTS:
            self.assertEqual(run_in_root("bash", "-n", script).stderr, "")

    @unittest.skipUnless(shutil.which("shellcheck"), "shellcheck is not installed")
    def test_shellcheck_has_nothing_to_say(self):
        self.assertEqual(run_in_root("shellcheck", *SCRIPTS).stdout, "")


if __name__ == "__main__":
    unittest.main()
