"""A proxy between feedd and Redis that numbers the commands of each link and strikes at one of them: either before Redis gets
it, or when Redis has carried it out and its answer has not reached the daemon.
"""
import collections
import os
import socket
import threading

from redis_proxy import hang_up, peer_pid, read_command  # noqa: F401  (peer_pid is for those who strike)

BEFORE, AFTER = "before", "after"


def read_reply(stream):
    """The next reply as raw bytes, b"" at the end."""
    head = stream.readline()
    if head[:1] == b"$" and head[1:2] != b"-":
        return head + stream.read(int(head[1:]) + 2)
    if head[:1] == b"*" and head[1:2] != b"-":
        return head + b"".join(read_reply(stream) for _ in range(int(head[1:])))
    return head


class Connection:
    """One connection of the daemon, and which of its links it is."""

    def __init__(self, daemon_side, redis_side):
        self.daemon_side, self.redis_side = daemon_side, redis_side
        self.link = None
        self.opening = 0   # EVALSHAs that opening the store takes and that are still to come
        self.sent = 0      # commands, those that are not counted included
        self.strike_at = None  # the number of the command whose answer is held back


class PointProxy:
    """Listens on the Unix socket `path` and passes everything on to the one at `target`. `counts` tells how many commands
    each link has sent since arm(): opening, commands, applied (the samples of how far the log is), bulk, tail, jobs."""

    def __init__(self, path, target, partitions=1):
        self.url = f"unix:{path}"
        self._target = str(target)
        self._partitions = partitions
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self.arm(None)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def arm(self, point, strike=None):
        """Counts from 0 again. At `point`, (link, number, BEFORE or AFTER), calls `strike(connection)`, once; the command
        or its answer is then dropped together with its connection."""
        with self._lock:
            self.counts = collections.Counter()
            self._point, self._strike = point, strike
            self.struck = threading.Event()
            self.reached = False  # the command has come; with AFTER, its answer may still be under way

    def end(self):
        """From here on it strikes no more, except by an answer that is still to come. Returns whether the point was reached."""
        with self._lock:
            self._point = None
            return self.reached

    # -- what the threads do

    def _accept(self):
        while True:
            try:
                daemon_side, _ = self._listener.accept()
            except OSError:
                return
            redis_side = socket.socket(socket.AF_UNIX)
            try:
                redis_side.connect(self._target)
            except OSError:
                redis_side.close()
                daemon_side.close()
                continue
            connection = Connection(daemon_side, redis_side)
            for work in (self._pass_commands, self._pass_replies):
                threading.Thread(target=work, args=(connection,), daemon=True).start()

    def _link_of(self, connection, name, raw):
        if connection.link is None:
            connection.link = {b"INFO": "commands", b"XREAD": "tail", b"XREADGROUP": "jobs"}.get(name, "bulk")
            connection.opening = 1 + self._partitions if connection.link == "commands" else 0
        if connection.opening:
            connection.opening -= name == b"EVALSHA"
            return "opening"
        return "applied" if name == b"EVALSHA" and b"\r\ntries:" in raw and b"job:" not in raw and \
            connection.link == "commands" else connection.link

    def _comes(self, connection, raw, name):
        """Counts a command. Returns whether it is to be passed on."""
        with self._lock:
            connection.sent += 1
            if name == b"PING" or (name == b"INFO" and b"\r\nserver\r\n" in raw):  # how every link greets
                return True
            link = self._link_of(connection, name, raw)
            self.counts[link] += 1
            if self.reached or not self._point or self._point[:2] != (link, self.counts[link]):
                return True
            self.reached = True
            if self._point[2] == AFTER:
                connection.strike_at = connection.sent
                return True
        self._strike_now(connection)
        return False

    def _strike_now(self, connection):
        self._strike(connection)
        self.struck.set()

    def _pass_commands(self, connection):
        with connection.daemon_side.makefile("rb") as stream:
            try:
                while (command := read_command(stream)) and self._comes(connection, *command):
                    connection.redis_side.sendall(command[0])
            except (OSError, ValueError):
                pass
        hang_up(connection.redis_side)

    def _pass_replies(self, connection):
        answered = 0
        with connection.redis_side.makefile("rb") as stream:
            try:
                while reply := read_reply(stream):
                    answered += 1
                    if answered == connection.strike_at:
                        self._strike_now(connection)
                        break
                    connection.daemon_side.sendall(reply)
            except (OSError, ValueError):
                pass
        hang_up(connection.daemon_side)


def kill_daemon(connection):
    os.kill(peer_pid(connection.daemon_side), 9)
