"""Starts and ends the programs under test: feedd, redis-server, feedctl.

Whatever is started here ends here: a daemon by SIGTERM with exit status 0 and no sanitizer report, a directory without
a process that still uses it. Nothing sleeps except wait_until().
"""
import atexit
import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import redis as redis_package

from feed_client import Client
from wait import wait_until

HERE = Path(__file__).resolve().parent
FEEDD = FEEDCTL = Path()  # set at the start of the session
RUNNING = []              # every server that has not been stopped
LOGS = {}                 # epoch of a store -> its logs

ENVIRONMENT = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1", "ASAN_OPTIONS": "print_legend=0"}
SANITIZER_REPORT = re.compile(r"(Address|Leak|UndefinedBehavior)Sanitizer|runtime error:")
LOG_PAIR = re.compile(r'([\w-]+)=("(?:[^"\\]|\\.)*"|\S*)')


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@functools.cache
def shim(name):
    """A library of this directory to be preloaded into a redis-server or feedd, whichever build that is: without the sanitizers,
    which come later than it."""
    directory = Path(tempfile.mkdtemp(prefix="feedd-shim"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    library = directory / f"lib{name}.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", library, HERE / f"{name}.c"], check=True)
    return library


def log_fields(line):
    """The key=value pairs of one log line."""
    return {key: value.strip('"') for key, value in LOG_PAIR.findall(line)}


def log_keys(store):
    """The logs of a store. They are looked for once: in a large store that takes long."""
    epoch, partitions = store.hmget("feedd", "epoch", "partitions")
    if epoch and len(LOGS.get(epoch, ())) < int(partitions):
        LOGS[epoch] = sorted(store.keys("log:*"))
    return LOGS.get(epoch, [])


def jobs_done(store):
    """Whether every entry of every log is applied, or parked."""
    for log in log_keys(store):
        group = store.xinfo_groups(log)[0]
        if group["pending"] or group["last-delivered-id"] != store.xinfo_stream(log)["last-generated-id"]:
            return False
    return True


def all_carried_out(store):
    """Whether every entry is applied, and none parked. Looked at again, as what was parked may have come back into its log."""
    parked = [f"parked{log[3:]}" for log in log_keys(store)]
    return jobs_done(store) and not store.exists(*parked) and jobs_done(store)


def check_stored(store, reader, expected):
    """The list in Redis, if there is one, vouches for `expected` and holds it. Reads through a daemon do not show that:
    it adds what it does not know to be pushed yet."""
    for key in store.keys(f"timeline:*:{reader}"):
        *ids, header = store.lrange(key, 0, -1)
        missing = set(expected) - {int(one) for one in ids}
        assert not missing, f"{key} lacks {sorted(missing)}"
        floor = -int(header.split()[0])
        assert floor == 0 or floor < min(expected), f"{key} says {header}"


# --------------------------------------------------------------------------------------------------------- processes

# Becomes a program to which sockets are handed over as systemd does it, from descriptor 3 on.
HAND_OVER = """
import fcntl, os, sys
count = int(sys.argv[1])
kept = [fcntl.fcntl(int(word), fcntl.F_DUPFD, 100) for word in sys.argv[2:2 + count]]
for place, descriptor in enumerate(kept):
    os.dup2(descriptor, 3 + place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count))
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""


def hand_over(sockets, command):
    descriptors = [str(one.fileno()) for one in sockets]
    return [sys.executable, "-c", HAND_OVER, str(len(sockets)), *descriptors, *command] if sockets else command


class Server:
    """A running program, its pid and its log. `environment` adds to ours; `sockets` are handed over."""

    def __init__(self, name, command, log_from, environment=None, sockets=()):
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, log_from: subprocess.PIPE}
        self.name = name
        self.lines = []
        command = ["setpriv", "--pdeathsig", "KILL", *hand_over(sockets, command)]  # if this process is killed, nothing stays behind
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                                        errors="backslashreplace", env={**ENVIRONMENT, **(environment or {})},
                                        pass_fds=[one.fileno() for one in sockets], **streams)
        self.pid = self.process.pid
        self._news = threading.Condition()
        self._log_ended = False
        self._reader = threading.Thread(target=self._read_log, args=(getattr(self.process, log_from),), daemon=True)
        self._reader.start()
        RUNNING.append(self)

    def _read_log(self, pipe):
        with pipe:
            for line in pipe:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._log_ended = True
            self._news.notify_all()

    def log_tail(self, lines=60):
        """The end of the log; of a sanitizer's report its beginning."""
        reports = [index for index, line in enumerate(self.lines) if SANITIZER_REPORT.search(line)]
        start = max(reports[0] - 5, 0) if reports else max(len(self.lines) - lines, 0)
        return "\n".join(self.lines[start:start + lines])

    def wait_for_line(self, pattern, timeout=20, after=0):
        """The first log line at or after index `after` in which `pattern` is found."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                for line in self.lines[after:]:
                    if expression.search(line):
                        return line
                after = max(after, len(self.lines))
                left = deadline - time.monotonic()
                assert left > 0 and not self._log_ended, \
                    f"{self.name}: no line with {pattern!r} in its log:\n{self.log_tail()}"
                self._news.wait(left)

    def wait_for_exit(self, timeout=20):
        """Returns the exit status when the process and everything that inherited its log are gone."""
        status = self.process.wait(timeout)
        self._reader.join(timeout)
        assert not self._reader.is_alive(), f"{self.name}: something that it started still runs"
        if self in RUNNING:
            RUNNING.remove(self)
        return status

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """SIGKILL, unless somebody else has sent it already."""
        if self.running():
            self.signal(signal.SIGKILL)
        assert self.wait_for_exit() == -signal.SIGKILL, self.log_tail()

    def finish(self):
        """At the end of a test: stops what runs. What has ended must have been ended by the test."""
        if self in RUNNING:
            self.stop()


class RedisServer(Server):
    """A redis-server with an append-only file, on a Unix socket and, if asked, a port."""

    def __init__(self, directory, *options, port=0, password=None, environment=None):
        self.directory = Path(directory)
        self.socket_path = self.directory / "redis.sock"
        self.port = port
        self.password = password
        self._options = options
        self._environment = environment
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--unixsocket", self.socket_path,
                   "--dir", self.directory, "--save", "", "--appendonly", "yes", "--logfile", "", *options]
        super().__init__("redis-server", command + (["--requirepass", password] if password else []), "stdout",
                         environment)
        self.wait_for_line("[Rr]eady to accept connections")

    @property
    def url(self):
        return f"unix:{self.socket_path}"

    def client(self, db=0):
        return redis_package.Redis(unix_socket_path=str(self.socket_path), password=self.password, db=db,
                                   decode_responses=True, encoding_errors="replace")

    def stop(self):
        self.signal(signal.SIGTERM)
        assert self.wait_for_exit() == 0, self.log_tail()

    def restart(self):
        """The same server again, after stop() or kill(): returns the new one."""
        return RedisServer(self.directory, *self._options, port=self.port, password=self.password,
                           environment=self._environment)


class Feedd(Server):
    """A feedd that listens on a free port of 127.0.0.1. `wait_for` is the log event to wait for, or None."""

    def __init__(self, state_dir, *flags, wait_for="ready", environment=None, sockets=()):
        self.state_dir = Path(state_dir)
        self.flags = flags
        command = [FEEDD, "--listen", "127.0.0.1:0", "--http-listen", "", "--state-dir", self.state_dir, *flags]
        super().__init__("feedd", command, "stderr", environment, sockets)
        if wait_for:
            self.wait_for_event(wait_for)

    def wait_for_event(self, event, timeout=20, after=0):
        return log_fields(self.wait_for_line(rf"\bevent={event}(\s|$)", timeout, after))

    @property
    def address(self):
        host, _, port = self.wait_for_event("listening")["address"].rpartition(":")
        return host, int(port)

    @property
    def server_flag(self):
        return "%s:%d" % self.address

    @property
    def http_url(self):
        return "http://" + self.wait_for_event("listening-for-http")["address"]

    def connect(self, **options):
        return Client(self.address, **options)

    def private_redis(self):
        """A client of the private Redis."""
        path = next(path for path in self.state_dir.rglob("redis.sock"))
        return redis_package.Redis(unix_socket_path=str(path), decode_responses=True, encoding_errors="replace")

    def stop(self):
        """SIGTERM. Returns the counters of `event=stopped`."""
        self.signal(signal.SIGTERM)
        status = self.wait_for_exit()
        self.check_log()
        assert status == 0, f"feedd ended with {status}:\n{self.log_tail()}"
        return {key: int(value) for key, value in self.wait_for_event("stopped").items() if value.isdigit()}

    def kill(self):
        super().kill()
        self.check_log()

    def wait_for_refusal(self):
        """For a daemon that must not start: its log, when it has ended with an exit status that says so."""
        try:
            status = self.wait_for_exit()
        except subprocess.TimeoutExpired:
            raise AssertionError(f"feedd does not end:\n{self.log_tail()}") from None
        self.check_log()
        assert status > 0, f"feedd ended with {status}:\n{self.log_tail()}"
        return self.log_tail()

    def check_log(self):
        assert not any(SANITIZER_REPORT.search(line) for line in self.lines), self.log_tail()

    def restart(self):
        """The same daemon again, after stop() or kill(): returns the new one."""
        return Feedd(self.state_dir, *self.flags)


# ------------------------------------------------------------------------------------------------------------ scopes

def processes_using(path):
    """The command lines of all processes in which `path` occurs."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(path) in line:
                lines.append(line)
    return lines


@contextlib.contextmanager
def work_directory():
    path = Path(tempfile.mkdtemp(prefix="feedd-test-"))
    try:
        yield path
        wait_until(lambda: not processes_using(path), what=f"the end of {processes_using(path)}")
    finally:
        shutil.rmtree(path)


class Servers:
    """Starts servers below one directory; at the end those that run must stop cleanly, the latest first."""

    def __init__(self, directory):
        self.directory = directory

    def __enter__(self):
        self._before = list(RUNNING)
        return self

    def __exit__(self, *failure):
        mine = [server for server in RUNNING if server not in self._before]
        try:
            for server in reversed(mine):
                server.finish()
        finally:
            for server in mine:
                if server.running():
                    server.process.kill()
                    server.wait_for_exit()

    def start_feedd(self, *flags, state="state", **options):
        return Feedd(self.directory / state, *flags, **options)

    def start_redis(self, *options, name="redis", **named):
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        return RedisServer(directory, *options, **named)


class SharedDaemon:
    """A daemon that many tests use. Should it die in one of them, the next one gets a new one, and the end is red."""

    def __init__(self, servers, partitions, *flags):
        self._servers = servers
        self._partitions = partitions
        self._flags = flags
        self._states = 0
        self._dead = []
        self._daemon = None

    def get(self):
        if self._daemon and not self._daemon.running():
            self._daemon.wait_for_exit()
            self._dead.append(self._daemon)
            self._daemon = None
        if not self._daemon:
            self._states += 1
            self._daemon = self._servers.start_feedd(*self._flags, state=f"state{self._partitions}-{self._states}")
        return self._daemon

    def check(self):
        self.get()
        assert not self._dead, "the shared daemon died:\n" + "\n\n".join(daemon.log_tail() for daemon in self._dead)


class SharedDaemons(dict):
    """{partitions: SharedDaemon}, each of them made when it is first asked for: tests of both come in any order."""

    def __init__(self, servers):
        super().__init__()
        self._servers = servers

    def __missing__(self, partitions):
        flags = []
        if partitions > 1:
            redis = self._servers.start_redis(name=f"redis{partitions}")
            flags = ["--redis-url", redis.url, "--store-partitions", str(partitions)]
        self[partitions] = SharedDaemon(self._servers, partitions, *flags)
        return self[partitions]

    def check(self):
        for daemon in self.values():
            daemon.check()


class Connections:
    """Opens connections to one daemon and closes them at the end."""

    def __init__(self, daemon):
        self._daemon = daemon
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._stack.__enter__()
        return lambda **options: self._stack.enter_context(self._daemon.connect(**options))

    def __exit__(self, *failure):
        return self._stack.__exit__(*failure)
