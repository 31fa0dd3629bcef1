"""The pages that feedd serves to monitors, and a Prometheus that reads them."""
import json
import re
import urllib.error
import urllib.parse
import urllib.request

import harness
from wait import wait_until

SAMPLE = re.compile(r"^(\w+)(\{.*\})? (\S+)$")


def fetch(url, method="GET"):
    """The status and the body."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def readiness(daemon):
    return fetch(daemon.http_url + "/readyz")


class Metrics:
    """What /metrics says now: samples by name and labels as they stand there, and the names that it declares."""

    def __init__(self, daemon):
        status, self.text = fetch(daemon.http_url + "/metrics")
        assert status == 200
        self.samples = {}
        for line in self.text.splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                self.samples[name + (labels or "")] = float(value)
        self.types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", self.text, re.MULTILINE))

    def __getitem__(self, sample):
        return self.samples[sample]

    def total(self, name):
        """The sum of all samples of a counter or a gauge; of a histogram, how many durations it has."""
        name += "_count" if self.types[name] == "histogram" else ""
        return sum(value for sample, value in self.samples.items() if re.fullmatch(rf"{name}(\{{.*)?", sample))


class Prometheus(harness.Server):
    """A Prometheus that reads a daemon's metrics four times a second."""

    def __init__(self, directory, daemon, *rule_files):
        directory.mkdir()
        target = daemon.http_url.removeprefix("http://")
        config = {"global": {"scrape_interval": "250ms", "evaluation_interval": "250ms"},
                  "rule_files": [str(file) for file in rule_files],
                  "scrape_configs": [{"job_name": "feedd", "static_configs": [{"targets": [target]}]}]}
        (directory / "prometheus.yml").write_text(json.dumps(config))
        self._url = f"http://127.0.0.1:{harness.free_port()}"
        super().__init__("prometheus", ["prometheus", f"--config.file={directory / 'prometheus.yml'}",
                                        f"--storage.tsdb.path={directory / 'data'}", "--log.level=warn",
                                        f"--web.listen-address={self._url.removeprefix('http://')}"], "stderr")
        wait_until(self._is_ready, what="Prometheus")

    def _is_ready(self):
        assert self.running(), self.log_tail()
        try:
            return fetch(self._url + "/-/ready")[0] == 200
        except urllib.error.URLError:
            return False

    def ask(self, what, **parameters):
        status, text = fetch(f"{self._url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}")
        assert status == 200, text
        return json.loads(text)["data"]

    def series(self, expression):
        return self.ask("query", query=expression)["result"]

    def stop(self):
        self.signal(harness.signal.SIGTERM)
        assert self.wait_for_exit() == 0, self.log_tail()
