"""The wall clock of a redis-server, which can be set."""
import os
import subprocess

from environment import ROOT


class WallClock:
    """Programs that run with `environment` are so many seconds ahead of the real time as was set last."""

    def __init__(self, directory):
        library = directory / "libstepped_clock.so"
        source = ROOT / "tests" / "integration" / "stepped_clock.c"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
        self._file = directory / "clock"
        self.environment = {"LD_PRELOAD": str(library), "STEPPED_CLOCK": str(self._file)}
        self.set(0)

    def set(self, seconds_ahead):
        replacement = self._file.with_suffix(".new")
        replacement.write_text(f"{seconds_ahead}\n")
        os.replace(replacement, self._file)
