"""The command line and the configuration file."""
import re
import stat
import subprocess

import pytest

import harness
from feed_client import Client
from harness import log_fields, wait_until

TIMEOUT = 20
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(error|warning|info|debug) event=[\w-]+( |$)")


def run(*flags):
    return subprocess.run([harness.FEEDD, *map(str, flags)], capture_output=True, text=True, timeout=TIMEOUT,
                          stdin=subprocess.DEVNULL)


def options():
    """The keys of the options table, out of what --print-config prints."""
    keys, section = [], ""
    for line in run("--print-config").stdout.splitlines():
        if match := re.match(r"\[(\w+)\]", line):
            section = match[1] + "."
        elif match := re.match(r"(\w+)\s*=", line):
            keys.append(section + match[1])
    return keys


def test_help_names_every_option_with_its_default():
    result = run("--help")
    assert result.returncode == 0
    keys = options()
    assert len(keys) > 30
    for key in keys:
        assert "--" + key.replace(".", "-").replace("_", "-") in result.stdout
    assert "127.0.0.1:7420" in result.stdout


def test_version_is_one_line():
    result = run("--version")
    assert result.returncode == 0 and re.search(r"\d+\.\d+", result.stdout) and result.stdout.count("\n") == 1


def test_what_print_config_prints_is_read_back(tmp_path):
    changed = ["--timeline-cap", "17", "--listen", "127.0.0.1:0", "--insecure", "--state-dir", tmp_path / "a b"]
    first = run(*changed, "--print-config")
    assert first.returncode == 0, first.stderr
    file = tmp_path / "feedd.conf"
    file.write_text(first.stdout)
    second = run("--config", file, "--print-config")
    assert second.returncode == 0, second.stderr
    before, after = ([line.split("#")[0].strip() for line in result.stdout.splitlines()] for result in (first, second))
    assert before == after
    assert any(re.fullmatch(r"cap\s*=\s*17", line) for line in after)


def test_flags_win_over_the_file_and_the_file_over_defaults(start_feedd, tmp_path):
    file = tmp_path / "feedd.conf"
    file.write_text("[timeline]\ncap = 30\n\n[limits]\nmax_page = 7\n")
    with start_feedd("--config", file, "--timeline-cap", "40").connect() as client:
        assert (client.hello_reply.limits.timeline_cap, client.hello_reply.limits.max_page) == (40, 7)
        client.share_many("author", 10)
        assert len(client.timeline("author", limit=100).shares) == 7


@pytest.mark.parametrize("text, hints", [
    ("[timeline]\ncapp = 3\n", ["timeline.capp", "timeline.cap", "2"]),
    ("[timeline]\ncap = many\n", ["timeline.cap", "2"]),
    ("[timeline]\ncap = 0\n", ["timeline.cap", "1", "5000"]),
    ("insecure = perhaps\n", ["insecure", "1"]),
    ("[nonsense]\nx = 1\n", ["nonsense"]),
    ("this is no option\n", ["1"]),
    ("listen = " + "1" * 5000 + "\n", ["1"]),
], ids=["unknown-key", "no-number", "out-of-range", "no-bool", "unknown-section", "no-pair", "long-line"])
def test_a_wrong_configuration_file_is_refused_with_the_place(tmp_path, text, hints):
    file = tmp_path / "feedd.conf"
    file.write_text(text)
    result = run("--config", file, "--check-config")
    assert result.returncode != 0
    for hint in ["feedd.conf", *hints]:
        assert hint in result.stderr + result.stdout


@pytest.mark.parametrize("flags", [
    ["--timeline-cap", "x"], ["--timeline-cap"], ["--no-such-flag", "1"], ["stray"], ["--timeline-cap=0"],
    ["--config", "/nonexistent/feedd.conf"], ["--store-partitions", "3"],
], ids=" ".join)
def test_wrong_flags_are_refused(flags):
    result = run(*flags, "--check-config") if flags != ["--timeline-cap"] else run("--check-config", *flags)
    assert result.returncode != 0
    assert result.stderr


def test_a_right_configuration_is_said_to_be_right(tmp_path):
    file = tmp_path / "feedd.conf"
    file.write_text("# a comment\nlisten = 127.0.0.1:0\n[redis]\nurl = redis://127.0.0.1:1/0\n")
    assert run("--config", file, "--check-config").returncode == 0


@pytest.mark.parametrize("option, value, hint", [
    ("redis.url", "foo", "is not redis://"),
    ("listen", "0.0.0.0:0", "unless insecure is set"),
    ("http.listen", "127.0.0.1:x", "is not HOST:PORT"),
    ("unix", "/" + "x" * 107, "longer than 107 bytes"),
    ("admin.group", "no-such-group", "no-such-group is no group"),
], ids=lambda value: value[:20])
def test_a_value_that_cannot_be_is_refused_by_the_check_and_by_the_start_alike(tmp_path, option, value, hint):
    section, _, key = option.rpartition(".")
    file = tmp_path / "feedd.conf"
    file.write_text(f"[{section}]\n{key} = {value}\n" if section else f"\n{key} = {value}\n")
    flag = "--" + option.replace(".", "-")
    for given, place in ((["--config", file], f"{file}:2"), ([flag, value], flag)):
        checked, started = run(*given, "--check-config"), run(*given, "--state-dir", tmp_path / "state")
        assert checked.returncode == started.returncode == 2
        assert checked.stderr == started.stderr and place in checked.stderr and hint in checked.stderr
    assert not (tmp_path / "state").exists()


def test_a_port_in_use_is_refused(start_feedd):
    first = start_feedd()
    log = start_feedd("--listen", first.server_flag, state="second", wait_for=None).wait_for_refusal()
    assert "in use" in log


def test_a_unix_socket_is_listened_on_as_well_and_removed_at_the_end(start_feedd, workdir):
    path = workdir / "feedd.sock"
    daemon = start_feedd("--unix", path)
    listeners = [log_fields(line) for line in daemon.lines if "event=listening" in line]
    assert {"address", "unix"} <= {key for fields in listeners for key in fields}
    with Client(path) as by_socket, daemon.connect() as by_port:
        share_id = by_socket.share("author").id
        assert by_port.profile_ids("author") == [share_id]
    assert stat.S_ISSOCK(path.stat().st_mode)
    daemon.stop()
    assert not path.exists()


def test_a_unix_socket_left_by_a_killed_daemon_is_replaced(start_feedd, workdir):
    path = workdir / "feedd.sock"
    daemon = start_feedd("--unix", path)
    daemon.kill()
    assert path.exists()
    daemon = daemon.restart()
    with Client(path) as client:
        client.ping()


def test_tcp_can_be_left_out(start_feedd, workdir):
    path = workdir / "feedd.sock"
    daemon = start_feedd("--unix", path, "--listen", "")
    with Client(path) as client:
        client.ping()
    assert not any("address=" in line for line in daemon.lines if "event=listening" in line)


def test_log_lines_are_key_value_pairs_on_standard_error(start_feedd):
    daemon = start_feedd("--log-level", "debug")
    with daemon.connect() as client:
        client.share("author")
    wait_until(lambda: daemon.lines)
    counters = daemon.stop()
    for line in daemon.lines:
        assert LOG_LINE.match(line), line
    assert counters["shares"] == 1
