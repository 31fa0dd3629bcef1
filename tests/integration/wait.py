"""The one place that polls."""
import time


def wait_until(condition, timeout=15, what="the condition"):
    """Polls until `condition()` is truthy, and returns that."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited {timeout} s in vain for {what() if callable(what) else what}"
        time.sleep(0.005)
    return result
