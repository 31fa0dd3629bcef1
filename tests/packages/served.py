"""What is served in the system: whether it is ready, and somebody who uses it all the time."""
import threading

from feed_client import Client, Disconnected
from pages import fetch
from wait import wait_until

SERVED = ("127.0.0.1", 7420)


def is_ready(address="127.0.0.1"):
    """Whether the daemon whose pages are there can do what only Redis makes possible."""
    try:
        return fetch(f"http://{address}:9309/readyz")[0] == 200
    except OSError:
        return False


def wait_until_ready():
    wait_until(is_ready, what="the daemon to be ready")


class Visitor(threading.Thread):
    """Within this connections are made one after the other. Each must be served, or told when to come back."""

    def __init__(self):
        super().__init__(daemon=True)
        self._left = threading.Event()
        self.served = 0
        self.failures = []

    def __enter__(self):
        self.start()
        self.wait_for_more()
        return self

    def __exit__(self, *failure):
        try:
            if not failure[0]:
                self.wait_for_more()
        finally:
            self._left.set()
            self.join(30)
        assert not self.is_alive() and not self.failures, self.failures

    def wait_for_more(self):
        before = self.served
        wait_until(lambda: self.served > before + 5 or self.failures, what="visitors to be served")

    def run(self):
        while not self._left.wait(0.005):
            try:
                with Client(SERVED) as client:
                    client.ping()
                self.served += 1
            except Disconnected as end:
                if not end.closing or not end.closing.retry:
                    self.failures.append(end)
            except (OSError, AssertionError) as failure:
                self.failures.append(failure)
