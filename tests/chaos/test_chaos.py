"""One minute of chaos: enough must have gone wrong in it, and nothing may be lost, doubled or silent."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SEED = int(os.environ.get("FEEDD_CHAOS_SEED", "1"))
REDIS_FAULTS = ("kill_redis", "stop_redis", "cut_redis", "slow_redis", "freeze_redis")


@pytest.mark.timeout(400)
def test_nothing_is_lost_or_doubled_in_a_minute_of_chaos(tmp_path):
    command = [sys.executable, "-B", HERE / "chaos.py", "--minutes", "1", "--seed", str(SEED),
               "--counts", tmp_path / "counts.json"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=390)
    assert run.returncode == 0, run.stdout + run.stderr
    counts = json.loads((tmp_path / "counts.json").read_text())
    print(counts)
    assert counts["daemon_kills"] >= 10
    assert counts["kills_in_fanout"] * 2 >= counts["daemon_kills"]
    assert all(counts.get(fault, 0) >= 1 for fault in REDIS_FAULTS), counts
    assert counts["reconnects"] >= 200
    assert counts["acks"] >= 5000
