"""feedctl top: on a terminal a live screen, elsewhere one that is printed."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import harness
from harness import wait_until
from test_admin import socket_of

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>])")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command, rows=24, columns=80, term="xterm-256color"):
        self.fd, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(inner)
        self.inner = inner
        self.process = subprocess.Popen([str(word) for word in command], stdin=inner, stdout=inner, stderr=inner,
                                        env={**harness.ENVIRONMENT, "TERM": term, "LC_ALL": "C.UTF-8"})
        self.seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        os.close(self.fd)
        os.close(self.inner)

    def wait_for(self, pattern, timeout=20):
        """Reads until the text that was shown, without what steers the terminal, holds the pattern."""
        deadline = time.monotonic() + timeout
        while not re.search(pattern, ESCAPES.sub(" ", self.seen)):
            left = deadline - time.monotonic()
            assert left > 0, f"no {pattern!r} in {ESCAPES.sub(' ', self.seen)!r}"
            if select.select([self.fd], [], [], left)[0]:
                self.seen += os.read(self.fd, 1 << 16).decode(errors="replace")

    def press(self, keys):
        os.write(self.fd, keys)

    def wait_for_exit(self):
        """The exit code; the terminal must be as it was."""
        def ended():
            if select.select([self.fd], [], [], 0)[0]:
                self.seen += os.read(self.fd, 1 << 16).decode(errors="replace")
            return self.process.poll() is not None
        wait_until(ended)
        assert termios.tcgetattr(self.inner) == self.before
        return self.process.returncode


def top(daemon, *options):
    return [harness.FEEDCTL, "--server", f"unix:{socket_of(daemon)}", "top", *options]


def test_without_a_terminal_one_screen_is_printed_with_rates(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as client:
        client.follow_stream(profile="author")
        process = subprocess.Popen(top(daemon, "--interval", "300"), stdout=subprocess.PIPE, text=True,
                                   env=harness.ENVIRONMENT)
        while process.poll() is None:
            client.share("author")
        shown = process.stdout.read()
        process.stdout.close()
    assert process.returncode == 0 and "\x1b" not in shown
    assert re.search(r"running  up ", shown) and re.search(r"clients 1 ", shown)
    assert int(re.search(r"shares/s +([\d,]+)", shown).group(1).replace(",", "")) > 0
    assert int(re.search(r"deliveries/s +([\d,]+)", shown).group(1).replace(",", "")) > 0
    assert re.search(r"share to sent +p50 \d", shown) and re.search(r"Redis link up", shown)
    assert "slowest clients: none" in shown and re.search(r"hottest subjects\nsubject .*\nauthor ", shown)
    assert max(map(len, shown.splitlines()[1:])) <= 80 and len(shown.splitlines()) <= 24


def test_programs_get_all_of_it_as_json(start_feedd):
    daemon = start_feedd()
    shown = subprocess.run([*top(daemon), "--json"], capture_output=True, text=True, timeout=50, env=harness.ENVIRONMENT)
    assert set(json.loads(shown.stdout)) == {"stats", "slow", "hot", "jobs", "redis"}


def test_on_a_terminal_the_screen_is_alive_until_somebody_leaves(start_feedd):
    daemon = start_feedd()
    with daemon.connect() as client, Terminal(*top(daemon, "--interval", "100")) as terminal:
        terminal.wait_for(r"feedd \d.* running")
        terminal.wait_for(r"hottest subjects\s*: none")
        client.share("somebody")
        terminal.wait_for(r"somebody")
        terminal.press(b"q")
        assert terminal.wait_for_exit() == 0


def test_a_screen_that_is_left_with_ctrl_c_or_ended_by_a_signal_gives_the_terminal_back(start_feedd):
    daemon = start_feedd()
    with Terminal(*top(daemon)) as terminal:
        terminal.wait_for(r"feedd \d.* running")
        terminal.press(b"\x03")
        assert terminal.wait_for_exit() == 0
    with Terminal(*top(daemon)) as terminal:
        terminal.wait_for(r"feedd \d.* running")
        terminal.process.send_signal(signal.SIGTERM)
        terminal.wait_for_exit()


def test_a_daemon_that_goes_is_told_of_and_one_that_comes_back_is_shown_again(start_feedd):
    daemon = start_feedd()
    with Terminal(*top(daemon, "--interval", "100")) as terminal:
        terminal.wait_for(r"feedd \d.* running")
        daemon.stop()
        terminal.wait_for(r"does not answer", timeout=30)
        terminal.seen = ""
        daemon.restart()
        terminal.wait_for(r"up +\d")
        terminal.press(b"q")
        assert terminal.wait_for_exit() == 0


def test_a_terminal_that_nobody_knows_gets_one_screen(start_feedd):
    daemon = start_feedd()
    with Terminal(*top(daemon, "--interval", "100"), term="no-such-terminal") as terminal:
        terminal.wait_for(r"hottest subjects")
        assert terminal.wait_for_exit() == 0
