"""A proxy between feedd and Redis that stops at any command: to hold a daemon there, or to kill it there.

It understands just enough of the Redis protocol to know where a command ends and what it is called.
"""
import os
import signal
import socket
import struct
import threading

# What a daemon also sends while it has nothing to do. These change nothing that another command would not show.
UNCOUNTED = {b"PING", b"XREAD", b"XREADGROUP", b"XAUTOCLAIM", b"XPENDING", b"XINFO"}

LATE = object()


def read_command(stream):
    """The next command as raw bytes and its name, or None at the end."""
    head = stream.readline()
    if not head.startswith(b"*"):
        return None
    raw, words = [head], []
    for _ in range(int(head[1:])):
        length = stream.readline()
        body = stream.read(int(length[1:]) + 2)
        raw += [length, body]
        words.append(body[:-2])
    return b"".join(raw), words[0].upper()


class RedisProxy:
    """Listens on the Unix socket `path` and passes everything on to the one at `target`, except commands whose
    name is in `withheld`, which wait until it is withheld no longer."""

    def __init__(self, path, target, withheld=()):
        self.url = f"unix:{path}"
        self._withheld = frozenset(withheld)
        self.passed = []  # names of the counted commands since the last arming
        self._target = str(target)
        self._changed = threading.Condition()
        self._left = None  # counted commands that may still pass; None: any number
        self._victim = None
        self.stopped = False  # the gate is closed: nothing passes
        self.waiting = set()  # names of withheld commands that have come
        self._late = None  # (name, text): the next such command is delayed, alone, until deliver_late()
        self.late_delivered = threading.Event()
        self._poison = None  # (name, text): whoever sends such a command is killed
        self._instead = None  # what the daemon is told once, in place of the next reply
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    def close(self):
        self.release_all()
        with self._changed:
            self._late = None
            self._changed.notify_all()
        self._listener.close()

    # -- what tests say

    def hold_after(self, commands):
        """Lets so many counted commands pass, then holds everything until release()."""
        self._arm(commands, None)

    def kill_after(self, commands, daemon):
        """Lets so many counted commands pass; the next one never arrives: the daemon is killed instead."""
        self._arm(commands, daemon)

    def poison(self, name, text):
        """From now on, whoever sends a command called so in which this text occurs is killed before it arrives."""
        self._poison = (name, text)

    def release(self):
        """Lets everything pass again. Returns whether the gate had closed."""
        with self._changed:
            was_stopped, self.stopped, self._left, self._victim = self.stopped, False, None, None
            self._changed.notify_all()
        return was_stopped

    def delay_next(self, name, text):
        """The next command called so that holds the text waits until deliver_late(), whatever becomes of its connection;
        others pass."""
        self.late_delivered.clear()
        self._late = (name, text)

    def deliver_late(self):
        with self._changed:
            self._late = None
            self._changed.notify_all()
        assert self.late_delivered.wait(10)

    def say_instead(self, reply):
        """Whatever Redis replies next, on any connection, the daemon hears this."""
        with self._changed:
            self._instead = reply

    def withhold(self, *names):
        """From now on only these commands wait, and the gate is open. Returns whether it had been closed."""
        with self._changed:
            self._withheld, self.waiting = frozenset(names), set()
        return self.release()

    def release_all(self):
        """From now on this is a proxy like any other. Returns whether the gate had closed."""
        return self.withhold()

    def _arm(self, commands, victim):
        with self._changed:
            self._left, self._victim, self.stopped, self.passed = commands, victim, False, []

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
                daemon_side.close()
                continue
            threading.Thread(target=self._pass_commands, args=(daemon_side, redis_side), daemon=True).start()
            threading.Thread(target=self._pass_replies, args=(redis_side, daemon_side), daemon=True).start()

    def _pass_commands(self, daemon_side, redis_side):
        with daemon_side.makefile("rb") as stream:
            try:
                while command := read_command(stream):
                    raw, name = command
                    if self._poison and name == self._poison[0] and self._poison[1] in raw:
                        os.kill(peer_pid(daemon_side), signal.SIGKILL)
                        break
                    late = isinstance(self._late, tuple) and name == self._late[0] and self._late[1] in raw
                    if late:
                        self._wait_until_late()
                    elif not self._admit(name):
                        break
                    redis_side.sendall(raw)
                    if late:
                        self.late_delivered.set()
            except (OSError, ValueError):
                pass
        hang_up(redis_side)

    def _pass_replies(self, redis_side, daemon_side):
        try:
            while data := redis_side.recv(1 << 16):
                with self._changed:
                    instead, self._instead = self._instead, None
                daemon_side.sendall(instead or data)
        except OSError:
            pass
        hang_up(daemon_side)

    def _wait_until_late(self):
        with self._changed:
            self._late = LATE
            while self._late is LATE:
                self._changed.wait()

    def _admit(self, name):
        """Waits at the gate. False: the command must not be passed on any more."""
        with self._changed:
            if self._left is not None and not self.stopped and name not in UNCOUNTED:
                if self._left == 0:
                    self.stopped = True
                    self.passed.append(b"(" + name + b")")
                    if self._victim:
                        os.kill(self._victim.pid, signal.SIGKILL)
                else:
                    self._left -= 1
                    self.passed.append(name)
            dead = self.stopped and self._victim
            while (self.stopped or name in self._withheld) and not dead:
                self.waiting.add(name)
                self._changed.wait()
            return not dead


def peer_pid(connection):
    return struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def hang_up(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
