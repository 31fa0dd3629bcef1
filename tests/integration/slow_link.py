"""A proxy between feedd and Redis that passes everything on, a while later: a network that is far away, not narrow."""
import queue
import socket
import threading
import time

from redis_proxy import hang_up


class SlowLink:
    """Listens on the Unix socket `path`; what comes reaches the one at `target` after `delay_s`, and so do the answers."""

    def __init__(self, path, target, delay_s):
        self.url = f"unix:{path}"
        self._target = str(target)
        self._delay_s = delay_s
        self._closed = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self._closed.set()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                daemon_side, _ = self._listener.accept()
            except OSError:
                return
            redis_side = socket.socket(socket.AF_UNIX)
            redis_side.connect(self._target)
            for source, sink in ((daemon_side, redis_side), (redis_side, daemon_side)):
                under_way = queue.Queue()
                threading.Thread(target=self._take, args=(source, under_way), daemon=True).start()
                threading.Thread(target=self._deliver, args=(under_way, sink), daemon=True).start()

    def _take(self, source, under_way):
        data = True
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            under_way.put((time.monotonic() + self._delay_s, data))

    def _deliver(self, under_way, sink):
        while True:
            due, data = under_way.get()
            self._closed.wait(max(due - time.monotonic(), 0))
            try:
                if not data:
                    raise OSError
                sink.sendall(data)
            except OSError:
                hang_up(sink)
                return
