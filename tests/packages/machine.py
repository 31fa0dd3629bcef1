"""A system of its own, booted by systemd over a copy of this one (boot.sh): where packages are installed and services run."""
import contextlib
import ctypes
import os
import subprocess
import tempfile
from pathlib import Path

from wait import wait_until

BOOT = Path(__file__).with_name("boot.sh")
CLONE_NEWNET = 0x40000000
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


class CannotBoot(Exception):
    """The kernel, or the rights that we have, do not allow it."""


class Failed(AssertionError):
    """A command in the system, with what it said."""


def join_network(namespace):
    """Takes this thread, and those that it starts, into a network namespace: an open file."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Machine:
    """Runs from its making until close()."""

    def __init__(self):
        if os.geteuid() != 0:
            raise CannotBoot("a system can be booted by root alone")
        self._namespace = None
        self._errors = tempfile.TemporaryFile("w+")
        # It ends with the pipe to its standard input, however we end.
        self._boot = subprocess.Popen(["bash", str(BOOT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                                      text=True)
        try:
            parent = self._boot.stdout.readline().strip()
            if self._boot.stdout.readline() != "booting\n":
                raise CannotBoot(f"no other system can be booted here: {self._complaint()}")
            self.pid = int(Path(f"/proc/{parent}/task/{parent}/children").read_text())
            self._namespace = os.readlink(f"/proc/{self.pid}/ns/pid")
            wait_until(self._has_booted, timeout=60, what="systemd to have booted")
        except BaseException:
            self.close()
            raise

    def _has_booted(self):
        """Whether everything is well with what it starts of its own is not ours to judge."""
        return self.ask("systemctl", "is-system-running") in ("running", "degraded")

    def _complaint(self):
        self._errors.seek(0)
        return " ".join(self._errors.read().split())

    def close(self):
        """Ends all that runs in the system. Nothing of it is left: no process, no cgroup, no file."""
        with contextlib.suppress(BrokenPipeError):
            self._boot.stdin.close()
        self._boot.wait(60)
        self._boot.stdout.close()
        self._errors.close()
        name = f"feedd-boot-{self._boot.pid}"
        left = [*self._processes(), *Path(tempfile.gettempdir()).glob(name),
                *Path("/sys/fs/cgroup").glob(name), *Path("/sys/fs/cgroup").glob(f"*/{name}")]
        assert not left, f"the system left {left}"

    def _processes(self):
        """Those of the system, by their pids out here."""
        for entry in Path("/proc").glob("[0-9]*/ns/pid"):
            with contextlib.suppress(OSError):
                if os.readlink(entry) == self._namespace:
                    yield entry.parent.parent

    @contextlib.contextmanager
    def network(self):
        """Within this its addresses are ours."""
        with open("/proc/thread-self/ns/net", "rb") as ours, open(f"/proc/{self.pid}/ns/net", "rb") as its:
            join_network(its)
            try:
                yield
            finally:
                join_network(ours)

    def path(self, name):
        """A file of the system, as it is seen out here. (Absolute links would lead elsewhere.)"""
        return Path(f"/proc/{self.pid}/root{name}")

    def run(self, *command, timeout=60):
        """Runs a command in the system; returns what it printed."""
        words = ["nsenter", "-a", "-t", str(self.pid), *map(str, command)]
        result = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ENVIRONMENT,
                                timeout=timeout, check=False)
        if result.returncode != 0:
            raise Failed(result.stdout + result.stderr)
        return result.stdout.strip()

    def ask(self, *command):
        """As run(), whether the command succeeds or not."""
        try:
            return self.run(*command)
        except Failed as failure:
            return str(failure).strip()

    def property(self, unit, name):
        return self.run("systemctl", "show", "--property", name, "--value", unit)

    def active(self, *units):
        """Whether all of them are."""
        return all(self.property(unit, "ActiveState") == "active" for unit in units)

    def journal(self, *matches):
        """The messages that fit."""
        return self.run("journalctl", "--quiet", "--no-pager", "--output", "cat", *matches).splitlines()
