"""A proxy between a daemon and Redis that passes bytes on, late, not at all, or not to the end."""
import socket
import threading


class FaultyLink:
    """Listens on the Unix socket `path`; passes everything on to the one at `target` as its state says. `target` may
    change: it is for new connections."""

    def __init__(self, path, target):
        self.url = f"unix:{path}"
        self.target = target
        self._changed = threading.Condition()
        self._delay_s = 0
        self._frozen = False
        self._stranded = 0   # the connections up to this number are frozen
        self._connections = 0
        self._cut = False
        self._closed = False
        self._open = set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Ends all connections and every new one."""
        with self._changed:
            self._cut = True
            for connection in self._open:
                hang_up(connection)
            self._changed.notify_all()

    def freeze(self):
        """Passes nothing on, and says nothing about it."""
        self._set(frozen=True)

    def strand(self):
        """Holds what comes on the connections that are open now, even if they are given up meanwhile; new ones work."""
        with self._changed:
            self._stranded = self._connections

    def slow(self, delay_s):
        """Everything takes so much longer, either way."""
        self._set(delay_s=delay_s)

    def mend(self):
        """Passes everything on again, first of all what was held."""
        self._set()

    def close(self):
        self._closed = True
        self._listener.close()
        self.cut()

    def _set(self, delay_s=0, frozen=False):
        with self._changed:
            self._delay_s, self._frozen, self._stranded, self._cut = delay_s, frozen, 0, False
            self._changed.notify_all()

    def _accept(self):
        while not self._closed:
            try:
                daemon_side, _ = self._listener.accept()
            except OSError:
                return
            redis_side = socket.socket(socket.AF_UNIX)
            try:
                redis_side.connect(str(self.target))
            except OSError:
                daemon_side.close()
                redis_side.close()
                continue
            with self._changed:
                if self._cut:
                    daemon_side.close()
                    redis_side.close()
                    continue
                self._open |= {daemon_side, redis_side}
                self._connections += 1
                number = self._connections
            for source, target in ((daemon_side, redis_side), (redis_side, daemon_side)):
                threading.Thread(target=self._pass, args=(source, target, number), daemon=True).start()

    def _pass(self, source, target, number):
        try:
            while data := source.recv(1 << 16):
                with self._changed:
                    if self._delay_s:
                        self._changed.wait(self._delay_s)
                    while (self._frozen or number <= self._stranded) and not self._cut:
                        self._changed.wait()
                target.sendall(data)
        except OSError:
            pass
        hang_up(target)
        with self._changed:
            self._open.discard(source)


def hang_up(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
