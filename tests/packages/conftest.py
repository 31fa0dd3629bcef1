"""Fixtures for what is shipped: the Debian packages, and a system of its own in which they are installed.

    python3 -m pytest -c tests/integration/pytest.ini tests/packages [--packages DIRECTORY]
"""
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "chaos"))
import environment  # noqa: E402, F401  (makes the client of the integration tests importable)
from machine import CannotBoot, Machine  # noqa: E402
from package import Package  # noqa: E402
from served import wait_until_ready  # noqa: E402

MACHINES = []


def pytest_addoption(parser):
    parser.addoption("--packages", default=ROOT / "build/package/packages")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the end of the system's journal beside a failure."""
    report = (yield).get_result()
    if report.failed:
        for machine in MACHINES:
            report.sections.append(("journal of the system", machine.ask("journalctl", "--no-pager", "-n", "40")))


@pytest.fixture(scope="session")
def packages(request):
    """{name: Package}"""
    found = [Package(path) for path in sorted(Path(request.config.getoption("--packages")).glob("*.deb"))]
    return {package.name: package for package in found}


@pytest.fixture(scope="session")
def unpacked(packages, tmp_path_factory):
    """The files of all packages, below one directory."""
    directory = tmp_path_factory.mktemp("unpacked")
    for package in packages.values():
        package.unpack(directory)
    return directory


@pytest.fixture(scope="session")
def newer(packages, tmp_path_factory):
    """The next version of the package feedd, with a default configuration of its own."""
    return packages["feedd"].next_version(tmp_path_factory.mktemp("newer"))


@pytest.fixture(scope="session")
def machine(packages):
    try:
        machine = Machine()
    except CannotBoot as reason:
        pytest.skip(str(reason))
    MACHINES.append(machine)
    try:
        with machine.network():
            machine.run("dpkg", "--purge", *packages)  # of a copy of a system that has them
            yield machine
    finally:
        MACHINES.remove(machine)
        machine.close()


def install(machine, *packages, command=("dpkg",)):
    """As an unattended upgrade does it: what an administrator has changed stays."""
    for package in packages:
        shutil.copy(package.path, machine.path("/tmp"))
    machine.run(*command, "--force-confdef", "--force-confold", "--install", *(f"/tmp/{one.path.name}" for one in packages))


@pytest.fixture
def installed(machine, packages):
    """The machine with the packages installed and the service running, whatever a test before has done to them."""
    if machine.ask("dpkg-query", "--show", "--showformat=${db:Status-Status}", "feedd") != "installed":
        install(machine, *packages.values())
    machine.run("systemctl", "reset-failed")  # starts of other tests do not count
    machine.run("systemctl", "start", "feedd.socket", "feedd.service")
    wait_until_ready()
    return machine


@pytest.fixture
def configure(installed):
    """Adds to the configuration of feedd, for this test alone. Takes effect when feedd reads it."""
    file = installed.path("/etc/feedd/feedd.conf")
    before = file.read_text()
    yield lambda text: file.write_text(before + text)
    if file.exists():  # it is not after a purge
        file.write_text(before)
        installed.run("systemctl", "try-restart", "feedd.service")


@pytest.fixture
def adjust(installed):
    """Adds to the unit feedd.service, for this test alone."""
    directory = installed.path("/run/systemd/system/feedd.service.d")
    directory.mkdir()

    def write(text):
        (directory / "test.conf").write_text(f"[Service]\n{text}\n")
        installed.run("systemctl", "daemon-reload")
    yield write
    shutil.rmtree(directory)
    installed.run("systemctl", "daemon-reload")
    installed.run("systemctl", "try-restart", "feedd.service")
