"""The wall clock of a redis-server or of feedd, which can be set."""
import os

from harness import shim


class WallClock:
    """Programs that run with `environment` are so many seconds ahead of the real time as was set last."""

    def __init__(self, directory):
        self._file = directory / "clock"
        self.environment = {"LD_PRELOAD": str(shim("stepped_clock")), "STEPPED_CLOCK": str(self._file)}
        self.set(0)

    def set(self, seconds_ahead):
        self.ahead = seconds_ahead
        replacement = self._file.with_suffix(".new")
        replacement.write_text(f"{seconds_ahead}\n")
        os.replace(replacement, self._file)

    def step(self, seconds):
        self.set(self.ahead + seconds)
