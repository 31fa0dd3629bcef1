"""A proxy between feedd and Redis that stops at any command: to hold a daemon there, or to kill it there.

It understands just enough of the Redis protocol to know where a command ends and what it is called.
"""
import os
import signal
import socket
import threading

# What a daemon also sends while it has nothing to do. These change nothing that another command would not show.
UNCOUNTED = {b"PING", b"XREAD", b"XREADGROUP", b"XAUTOCLAIM", b"XPENDING", b"XINFO"}


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
    """Listens on the Unix socket `path` and passes everything on to the one at `target`, except commands called
    `withheld`, which wait until release_all()."""

    def __init__(self, path, target, withheld=None):
        self.url = f"unix:{path}"
        self.withheld = withheld
        self.passed = []  # names of the counted commands since the last arming
        self._target = str(target)
        self._changed = threading.Condition()
        self._left = None  # counted commands that may still pass; None: any number
        self._victim = None
        self.stopped = False  # the gate is closed: nothing passes
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
        self._listener.close()

    # -- what tests say

    def hold_after(self, commands):
        """Lets so many counted commands pass, then holds everything until release()."""
        self._arm(commands, None)

    def kill_after(self, commands, daemon):
        """Lets so many counted commands pass; the next one never arrives: the daemon is killed instead."""
        self._arm(commands, daemon)

    def release(self):
        """Lets everything pass again. Returns whether the gate had closed."""
        with self._changed:
            was_stopped, self.stopped, self._left, self._victim = self.stopped, False, None, None
            self._changed.notify_all()
        return was_stopped

    def release_all(self):
        """From now on this is a proxy like any other. Returns whether the gate had closed."""
        self.withheld = None
        return self.release()

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
                    if not self._admit(name):
                        break
                    redis_side.sendall(raw)
            except (OSError, ValueError):
                pass
        hang_up(redis_side)

    @staticmethod
    def _pass_replies(redis_side, daemon_side):
        try:
            while data := redis_side.recv(1 << 16):
                daemon_side.sendall(data)
        except OSError:
            pass
        hang_up(daemon_side)

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
            while (self.stopped or name == self.withheld) and not dead:
                self._changed.wait()
            return not dead


def hang_up(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
