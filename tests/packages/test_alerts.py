"""Each alert fires when it should and not before, and clears when all is well again; operations.md says what it means."""
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/operations.md"
ALERT = re.compile(r"- alert: (\w+)\n +expr: .*\n(?: +for: (\w+)\n)?")

# What is bad for twenty minutes and then well for an hour. The marks are those of promtool: `0+10x20` is 0, 10, … 200.
GAUGE_LOW, GAUGE_HIGH = "0x20 1x60", "1x20 0x60"
COUNTER = "0+60x20 1200x60"


def gauge(bad, well):
    return f"{bad}x20 {well}x60"


def histogram(name, slow):
    """Durations that are all between half of `slow` and `slow` at first, and then all short."""
    counts = {"6.4e-05": "0x20 0+100x60", f"{slow / 2}": "0x20 0+100x60", f"{slow}": "0+100x80", "+Inf": "0+100x80"}
    return {f'{name}_bucket{{instance="a",le="{bound}"}}': values for bound, values in counts.items()}


CASES = {
    "FeeddDown": {'up{job="feedd",instance="a"}': GAUGE_LOW},
    "FeeddNotReady": {'feedd_ready{instance="a"}': GAUGE_LOW},
    "FeeddRestartsOften": {'process_start_time_seconds{job="feedd",instance="a"}': "1 2 3 4 4x80"},
    "FeeddRedisLinkDown": {'feedd_redis_link_up{instance="a",link="tail"}': GAUGE_LOW},
    "FeeddRedisStalls": {'feedd_redis_stalls_total{instance="a"}': COUNTER},
    "FeeddRedisErrors": {'feedd_redis_errors_total{instance="a"}': COUNTER},
    "FeeddRedisSlow": histogram("feedd_redis_seconds", 0.262144),
    "FeeddFanoutLags": {'feedd_lag_seconds{instance="a"}': gauge(25, 0.2)},
    "FeeddWritesBusy": {'feedd_writes_busy_total{instance="a"}': COUNTER},
    "FeeddJobsParked": {'feedd_jobs{instance="a",state="parked"}': GAUGE_HIGH,
                        'feedd_jobs{instance="b",state="parked"}': GAUGE_HIGH},
    "FeeddTailBehind": {'feedd_tail_lag_seconds{instance="a"}': gauge(6, 0)},
    "FeeddDeliverySlow": histogram("feedd_delivery_seconds", 4.194304),
    "FeeddGaps": {'feedd_gaps_total{instance="a"}': COUNTER},
    "FeeddQueuesShed": {'feedd_queues_shed_total{instance="a"}': COUNTER},
    "FeeddNearlyFull": {'feedd_connections{instance="a",state="admitted"}': gauge(90, 50),
                        'feedd_connections{instance="a",state="greeting"}': gauge(5, 0),
                        'feedd_connections_max{instance="a"}': "100x80"},
    "FeeddRefusesConnections": {'feedd_connections_refused_total{instance="a"}': COUNTER},
    "FeeddFewDescriptors": {'process_open_fds{job="feedd",instance="a"}': gauge(95, 40),
                            'process_max_fds{job="feedd",instance="a"}': "100x80"},
    "FeeddLoopLate": histogram("feedd_loop_delay_seconds", 0.524288),
    "FeeddServerErrors": {'feedd_errors_total{instance="a",code="UNAVAILABLE"}': COUNTER,
                          'feedd_errors_total{instance="a",code="NOT_FOUND"}': "0+60x80"},
}


def group(alert, series, waits):
    """One alert at three moments: too early, if it waits at all, when it fires, and when it is over."""
    moments = [("0m", [])] if waits else []
    moments += [("19m", [{"labels": "{}", "value": 1}]), ("75m", [])]
    return {"name": alert, "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [{"expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})', "eval_time": moment,
                                  "exp_samples": samples} for moment, samples in moments]}


@pytest.fixture
def rules(unpacked):
    return unpacked / "usr/share/feedd/feedd.rules.yml"


@pytest.fixture
def alerts(rules):
    """{alert: how long it waits, empty if it does not}"""
    text = rules.read_text()
    found = ALERT.findall(text)
    assert len(found) == text.count("- alert:"), "every alert is understood"
    return dict(found)


def test_each_alert_is_explained(alerts):
    document = DOCUMENT.read_text()
    assert [alert for alert in alerts if f"`{alert}`" not in document] == []


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_each_alert_fires_and_clears(rules, alerts, tmp_path):
    assert set(CASES) == set(alerts)
    tests = [group(alert, series, alerts[alert]) for alert, series in CASES.items()]
    file = tmp_path / "cases.yml"
    file.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}))
    result = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, timeout=50, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
