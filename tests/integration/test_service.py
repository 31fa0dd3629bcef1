"""feedd as a service of systemd, whose part is played here: what it is told, what it hands over."""
import re
import signal
import socket
import threading

import pytest

from feed_client import Client, Disconnected
from harness import wait_until

WATCHDOG_US = 300_000


class Manager:
    """The socket that a service tells its manager things on. Remembers every message as a list of lines."""

    def __init__(self, directory):
        self.messages = []
        self.environment = {"NOTIFY_SOCKET": str(directory / "notify"), "WATCHDOG_USEC": str(WATCHDOG_US)}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.environment["NOTIFY_SOCKET"])
        self._socket.settimeout(0.1)
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ended:
            try:
                self.messages.append(self._socket.recv(4096).decode().splitlines())
            except TimeoutError:
                pass

    def close(self):
        self._ended = True
        self._thread.join()
        self._socket.close()

    def first(self, line):
        """The index of the first message with this line, None if there is none."""
        return next((index for index, message in enumerate(self.messages) if line in message), None)

    def wait_for(self, pattern, after=0):
        """The first line that the pattern fits, in a message at or after index `after`."""
        found = []

        def look():
            found.extend(line for message in self.messages[after:] for line in message if re.search(pattern, line))
            return found
        wait_until(look, what=f"a message with {pattern}")
        return found[0]

    def beats(self):
        return sum("WATCHDOG=1" in message for message in self.messages)


@pytest.fixture
def manager(workdir):
    manager = Manager(workdir)
    yield manager
    manager.close()


def listening_socket(reuse_port=False, port=0):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("127.0.0.1", port))
    one.listen(100)
    return one


# ------------------------------------------------------------------------------------------------------ what it is told

def test_a_service_says_when_it_is_ready_how_it_is_and_that_it_stops(start_feedd, manager):
    daemon = start_feedd(environment=manager.environment)
    manager.wait_for("^READY=1$")
    assert manager.first("READY=1") is not None
    with daemon.connect() as client:
        after = len(manager.messages)
        manager.wait_for(r"^STATUS=1 connections, \d+ shares/s, fan-out lag \d+ ms$", after)
        client.share_many("author", 50)
        manager.wait_for(r"^STATUS=1 connections, [1-9]\d* shares/s", after)
    daemon.stop()
    stopping = manager.first("STOPPING=1")
    assert stopping > manager.first("READY=1")
    assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in manager.messages[stopping])
    assert sum("READY=1" in message for message in manager.messages) == 1


def test_a_service_is_ready_while_an_external_redis_is_away_and_says_so(start_feedd, manager, workdir):
    path = workdir / "nobody.sock"
    start_feedd("--redis-url", f"unix:{path}", wait_for="listening", environment=manager.environment)
    manager.wait_for("^READY=1$")
    manager.wait_for(rf"^STATUS=Redis is away \({path}\)")


def test_redis_going_away_and_coming_back_shows_in_the_status(start_feedd, start_redis, manager):
    redis = start_redis()
    start_feedd("--redis-url", redis.url, environment=manager.environment)
    manager.wait_for("^STATUS=0 connections")
    redis.kill()
    after = len(manager.messages)
    manager.wait_for("^STATUS=Redis is away", after)
    redis.restart()
    after = len(manager.messages)
    manager.wait_for("^STATUS=0 connections", after)


def test_the_start_takes_as_long_as_the_private_redis_reads_its_file(start_feedd, manager, workdir):
    daemon = start_feedd()
    with daemon.connect() as client, daemon.private_redis() as store:
        client.share_many("author", 300)
        store.bgrewriteaof()
        wait_until(lambda: (state := store.info("persistence"))["aof_rewrites"] == 1 and not state["aof_rewrite_in_progress"],
                   what="a file of keys, between which Redis answers")
    daemon.stop()
    # Redis rests after each key that it reads, in this test alone.
    slow = workdir / "slow-redis"
    slow.write_text('#!/bin/sh\nexec redis-server "$@" --key-load-delay 3000 --loading-process-events-interval-bytes 1024\n')
    slow.chmod(0o755)
    daemon = start_feedd("--redis-server", slow, wait_for="listening", environment=manager.environment)
    manager.wait_for("^STATUS=Starting: ")
    daemon.wait_for_event("ready")
    manager.wait_for("^READY=1$")
    before = manager.messages[:manager.first("READY=1")]
    assert before and all(any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in message) for message in before)
    assert "wait" in daemon.wait_for_event("redis-loading")["advice"]
    assert all("level=info" in line for line in daemon.lines if re.search("LOADING|given up|waiting-for-redis", line))
    assert not any("level=error" in line for line in daemon.lines)
    assert daemon.stop()["redis_errors"] == 0


def test_a_private_redis_that_does_not_start_does_not_hold_up_the_start(start_feedd, manager):
    start_feedd("--redis-server", "/nonexistent/redis-server", wait_for="listening", environment=manager.environment)
    manager.wait_for("^READY=1$")
    manager.wait_for("^STATUS=Redis is away")


def test_the_watchdog_is_fed_by_a_loop_that_turns_and_by_none_that_stands_still(start_feedd, manager):
    daemon = start_feedd(environment=manager.environment)
    wait_until(lambda: manager.beats() > 5, what="several beats")
    daemon.signal(signal.SIGSTOP)
    wait_until(lambda: stands_still(daemon), what="the daemon to stand still")
    before, silence = manager.beats(), threading.Event()
    silence.wait(2 * WATCHDOG_US / 1e6)
    assert manager.beats() <= before + 1  # one may have been on its way
    daemon.signal(signal.SIGCONT)
    wait_until(lambda: manager.beats() > before + 3, what="beats again")


def stands_still(daemon):
    with open(f"/proc/{daemon.pid}/stat", encoding="ascii") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


def test_a_reload_is_announced_and_its_end_too_whether_it_succeeds_or_not(start_feedd, manager, tmp_path):
    file = tmp_path / "feedd.conf"
    file.write_text("[limits]\nmax_page = 5\n")
    daemon = start_feedd("--config", file, environment=manager.environment)
    manager.wait_for("^READY=1$")
    for text, event in (("[limits]\nmax_page = 6\n", "reloaded"), ("nonsense\n", "reload-refused")):
        after = len(manager.messages)
        file.write_text(text)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_event(event)
        manager.wait_for("^RELOADING=1$", after)
        manager.wait_for("^READY=1$", after)


# ------------------------------------------------------------------------------------------------- what it hands over

def test_a_restart_refuses_no_connection_where_the_socket_is_handed_over(start_feedd):
    with listening_socket() as handed:
        daemon = start_feedd("--listen", "127.0.0.1:1", sockets=[handed])
        assert daemon.address == handed.getsockname(), "the configured address has no effect"
        with daemon.connect() as client:
            client.share("author")
        daemon.signal(signal.SIGSTOP)
        wait_until(lambda: stands_still(daemon), what="the daemon to stand still")
        early = [socket.create_connection(handed.getsockname()) for _ in range(20)]
        daemon.signal(signal.SIGTERM)
        daemon.signal(signal.SIGCONT)
        assert daemon.wait_for_exit() == 0
        waiting = [socket.create_connection(handed.getsockname()) for _ in range(20)]
        start_feedd(sockets=[handed])
        check_served(waiting)
        for connection in early:
            check_told_or_served(connection)


def check_told_or_served(connection):
    """Whichever of the two daemons took it: nobody is reset."""
    try:
        check_served([connection])
    except Disconnected as end:
        assert end.closing and end.closing.retry


def check_served(waiting):
    """A daemon answers on connections that were made before it ran."""
    for connection in waiting:
        with Client(connection) as client:
            client.ping()


def test_a_unix_socket_is_handed_over_too_and_stays(start_feedd, workdir):
    path = workdir / "handed.sock"
    with socket.socket(socket.AF_UNIX) as handed, listening_socket() as other:
        handed.bind(str(path))
        handed.listen(10)
        daemon = start_feedd(sockets=[handed, other])
        for address in (path, other.getsockname()):
            with Client(address) as client:
                client.ping()
        daemon.stop()
        assert path.exists()


def test_a_socket_beyond_loopback_is_refused_when_it_is_handed_over_too(start_feedd):
    with socket.socket() as handed:
        handed.bind(("0.0.0.0", 0))
        handed.listen(1)
        assert "insecure" in start_feedd(sockets=[handed], wait_for=None).wait_for_refusal()
        start_feedd("--insecure", sockets=[handed], state="second")


def test_what_is_handed_over_and_no_stream_socket_is_refused(start_feedd):
    with socket.socket(type=socket.SOCK_DGRAM) as handed:
        assert "wrong type" in start_feedd(sockets=[handed], wait_for=None).wait_for_refusal()


def test_a_daemon_with_a_socket_of_its_own_tells_those_in_its_queue_when_to_come_back(start_feedd):
    daemon = start_feedd()
    daemon.signal(signal.SIGSTOP)
    wait_until(lambda: stands_still(daemon), what="the daemon to stand still")
    waiting = [socket.create_connection(daemon.address) for _ in range(10)]
    daemon.signal(signal.SIGTERM)
    daemon.signal(signal.SIGCONT)
    for connection in waiting:
        with Client(connection, hello=False) as client:
            closing = client.wait_closed()
            assert closing and closing.retry, "nobody is reset"
    assert daemon.wait_for_exit() == 0


def test_one_of_several_on_a_port_stops_and_the_others_serve(start_feedd, redis):
    with listening_socket(reuse_port=True) as first:
        with listening_socket(reuse_port=True, port=first.getsockname()[1]) as second:
            one = start_feedd("--redis-url", redis.url, sockets=[first], state="one")
            start_feedd("--redis-url", redis.url, sockets=[second], state="two")
            one.stop()
            # Those that come to the socket of the first wait in its queue, for its next life.
            waiting = [socket.create_connection(first.getsockname()) for _ in range(20)]
            start_feedd("--redis-url", redis.url, sockets=[first], state="one")
            check_served(waiting)


# ------------------------------------------------------------------------------------------------------------- secrets

def test_the_password_of_redis_comes_from_a_credential(start_feedd, start_redis, tmp_path):
    redis = start_redis(password="a secret: #;@")
    (tmp_path / "feedd.redis-password").write_text("a secret: #;@\n")
    daemon = start_feedd("--redis-url", redis.url, environment={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    with daemon.connect() as client:
        client.share("author")
    assert not any("a secret" in line for line in daemon.lines)


def test_a_password_file_that_is_none_is_refused_with_its_name(start_feedd, redis, tmp_path):
    file = tmp_path / "password"
    for content in ("", "two\nlines\n", "x" * 600):
        file.write_text(content)
        log = start_feedd("--redis-url", redis.url, "--redis-password-file", file, wait_for=None).wait_for_refusal()
        assert str(file) in log and "one line" in log
