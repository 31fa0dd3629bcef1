"""/metrics, /healthz and /readyz: what monitors are told, and what they and others may not do to the daemon."""
import shutil
import socket
import subprocess

import pytest

import feed_pb2 as pb
import harness
from pages import Metrics, fetch, readiness
from wait import wait_until

HTTP = ("--http-listen", "127.0.0.1:0")
PLACES = 16  # connections at once


def connect_to(daemon):
    host, _, port = daemon.http_url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def read_to_end(connection):
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


# ---------------------------------------------------------------------------------------------------------- what is told

def test_the_metrics_are_as_prometheus_likes_them(start_feedd):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    daemon = start_feedd(*HTTP)
    with daemon.connect() as client:
        client.share("author")
        result = subprocess.run(["promtool", "check", "metrics"], input=Metrics(daemon).text, capture_output=True, text=True,
                                timeout=20, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_what_happens_is_counted_by_kind(start_feedd):
    daemon = start_feedd(*HTTP)
    with daemon.connect() as client:
        client.share("author")
        client.share("author")
        assert client.refusal(pb.GetShareRequest(id=1)).code == "NOT_FOUND"
        wait_until(lambda: Metrics(daemon)["feedd_jobs_done_total"] == 2)
        now = Metrics(daemon)
        assert now["feedd_shares_total"] == 2
        assert now['feedd_requests_total{request="share"}'] == 2
        assert now['feedd_requests_total{request="hello"}'] == 1
        assert now['feedd_errors_total{code="NOT_FOUND"}'] == 1
        assert now['feedd_connections{state="admitted"}'] == 1
        assert now['feedd_redis_seconds_count{command="share"}'] == 2
        assert now["feedd_fanout_seconds_count"] == 2
        assert now['feedd_redis_seconds_bucket{command="share",le="+Inf"}'] == 2
        assert 0 < now['feedd_redis_seconds_sum{command="share"}'] < 10
        assert now["process_open_fds"] >= 10 and now["process_cpu_seconds_total"] > 0
    wait_until(lambda: Metrics(daemon)['feedd_connections_closed_total{reason="peer"}'] == 1)
    assert Metrics(daemon)['feedd_connections{state="admitted"}'] == 0


def test_a_daemon_is_ready_only_while_redis_takes_shares(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, *HTTP)
    assert readiness(daemon) == (200, "ready\n")
    redis.signal(harness.signal.SIGSTOP)
    wait_until(lambda: readiness(daemon) == (503, "not ready: Redis does not answer\n"))
    assert fetch(daemon.http_url + "/healthz")[0] == 200
    redis.signal(harness.signal.SIGCONT)
    wait_until(lambda: readiness(daemon)[0] == 200)
    redis.client().config_set("maxmemory", 1)
    with daemon.connect() as client:
        assert client.refusal(pb.ShareRequest(author="author", url="http://example.org/")).code == "UNAVAILABLE"
    status, text = readiness(daemon)
    assert status == 503 and "maxmemory" in text
    redis.client().config_set("maxmemory", 0)
    redis.stop()
    wait_until(lambda: readiness(daemon) == (503, "not ready: Redis cannot be reached, or its store is not open yet\n"))
    assert Metrics(daemon).total("feedd_redis_link_up") == 0
    wait_until(lambda: Metrics(daemon)["feedd_ready"] == 0)
    redis.restart()
    wait_until(lambda: readiness(daemon)[0] == 200)
    wait_until(lambda: Metrics(daemon).total("feedd_redis_link_up") == 4)


def test_a_daemon_that_stops_says_that_it_is_not_ready(start_feedd, redis):
    daemon = start_feedd("--redis-url", redis.url, "--timing-drain-timeout-ms", "20000", *HTTP)
    with daemon.connect() as client:
        redis.signal(harness.signal.SIGSTOP)
        share = client.send(pb.ShareRequest(author="author", url="http://example.org/"))
        client.ping()  # so the share is under way
        daemon.signal(harness.signal.SIGTERM)
        daemon.wait_for_event("stopping")
        assert readiness(daemon) == (503, "not ready: the daemon stops\n")
        redis.signal(harness.signal.SIGCONT)
        assert client.reply_to(share).id > 0
    assert daemon.wait_for_exit() == 0


def test_health_tells_how_late_the_loop_was(start_feedd):
    status, text = fetch(start_feedd(*HTTP).http_url + "/healthz")
    assert status == 200 and text.startswith("ok: the loop turns; ") and " ms late" in text


# ------------------------------------------------------------------------------------------------------------ addresses

def test_a_taken_address_is_waited_for_and_keeps_nobody_from_being_served(start_feedd):
    first = start_feedd(*HTTP, state="first")
    address = first.http_url.removeprefix("http://")
    second = start_feedd("--http-listen", address, state="second")
    second.wait_for_event("http-not-listening")
    with second.connect() as client:
        client.share("author")
    first.stop()
    assert second.wait_for_event("listening-for-http")["address"] == address
    assert Metrics(second)["feedd_shares_total"] == 1


# ------------------------------------------------------------------------------------------- those who mean no good

@pytest.mark.parametrize("sent, status", [
    (b"\x00\xff\x16\x03\x01\r\n\r\n", b"400"),
    (b"GET /metrics\r\n\r\n", b"400"),
    (b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"413"),
    (b"DELETE / HTTP/1.1\r\n\r\n", b"501"),
    (b"GET /metrics/../etc HTTP/1.1\r\n\r\n", b"404"),
    (b"GET / HTTP/1.1\r\n\r\n", b"404"),
    (b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n", b"400"),
    (b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 4000 + b"\r\n", b"400"),
])
def test_what_is_no_request_for_a_page_is_refused(start_feedd_once, sent, status):
    with connect_to(start_feedd_once) as connection:
        try:
            connection.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert read_to_end(connection).split(b" ")[1:2] in ([status], [])
    assert readiness(start_feedd_once)[0] == 200


@pytest.fixture(scope="module")
def start_feedd_once():
    """One daemon for all kinds of nonsense."""
    with harness.work_directory() as path, harness.Servers(path) as servers:
        yield servers.start_feedd(*HTTP)


def test_a_connection_is_closed_when_it_has_been_answered(start_feedd_once):
    with connect_to(start_feedd_once) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_to_end(connection).startswith(b"HTTP/1.1 200 OK\r\n")
    assert fetch(start_feedd_once.http_url + "/metrics", method="HEAD") == (200, "")


def test_those_who_never_finish_their_request_hold_the_pages_up_for_seconds_and_the_feed_not_at_all(start_feedd):
    daemon = start_feedd(*HTTP)
    slow = [connect_to(daemon) for _ in range(PLACES + 8)]
    for connection in slow:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
    with daemon.connect() as client:
        stream = client.follow_stream(profile="author")
        stream.wait_for_share(client.share("author").id)
    assert sum(Metrics(daemon).samples[name] for name in ("feedd_shares_total", "feedd_deliveries_total")) == 2
    for connection in slow:
        assert read_to_end(connection) == b""
        connection.close()
    descriptors = len(list((harness.Path("/proc") / str(daemon.pid) / "fd").iterdir()))
    assert Metrics(daemon)["process_open_fds"] <= descriptors + 1
