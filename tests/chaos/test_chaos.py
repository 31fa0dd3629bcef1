"""A minute of chaos: enough must have gone wrong in it, and nothing may be lost, doubled or silent. And a shorter time in which
Redis itself loses what it had."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faults import RedisFaults

HERE = Path(__file__).resolve().parent
SEED = int(os.environ.get("FEEDD_CHAOS_SEED", "1"))


def run_chaos(directory, minutes, *options):
    """Returns the counts of a run in which nothing was wrong."""
    command = [sys.executable, "-B", HERE / "chaos.py", "--minutes", str(minutes), "--seed", str(SEED),
               "--counts", directory / "counts.json", *options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=390)
    assert run.returncode == 0, run.stdout + run.stderr
    counts = json.loads((directory / "counts.json").read_text())
    print(counts)
    return counts


@pytest.mark.timeout(400)
def test_nothing_is_lost_or_doubled_in_a_minute_of_chaos(tmp_path):
    counts = run_chaos(tmp_path, 1)
    assert counts["daemon_kills"] >= 10
    assert counts["kills_in_fanout"] * 2 >= counts["daemon_kills"]
    assert all(counts.get(fault, 0) >= 1 for fault in (*RedisFaults.DECK, "rolling_restart")), counts
    assert counts["reconnects"] >= 200
    assert counts["acks"] >= 5000 and counts["keys_checked"] >= 1000
    assert counts["commented"] >= 200 and counts["edited"] >= 200 and counts["reshared"] >= 200 and counts["noticed"] >= 50


@pytest.mark.timeout(400)
def test_what_redis_loses_is_told(tmp_path):
    counts = run_chaos(tmp_path, 0.4, "--loses")
    assert counts["losses"] >= 1 and counts["gaps"] >= 1
