"""The units of systemd are sound and closed off: `units.py BUILD`, whose feedd is what they start here."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import tree

EXPOSURE_MAX = 15  # tenths, of systemd-analyze security
UNITS = ("feedd.socket", "feedd.service", "feedd@.socket", "feedd@.service")


def analyze(*words):
    result = subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, timeout=50, check=False)
    return result.returncode, (result.stderr + result.stdout).strip().splitlines()


def place_units(build, directory):
    """Copies the units, with an instance of each template; returns their paths."""
    paths = []
    for name in UNITS:
        source = build / "systemd" / name if name.endswith(".service") else tree.ROOT / "systemd" / name
        text = re.sub(r"=\S*/feedd --config \S+", f"={build}/bin/feedd", source.read_text(encoding="utf-8"))
        paths.append(directory / name.replace("@", "@1"))
        for path in {directory / name, paths[-1]}:
            path.write_text(text, encoding="utf-8")
    return paths


def main():
    if not shutil.which("systemd-analyze"):
        print("systemd is not installed")
        sys.exit(tree.CANNOT_LOOK)
    with tempfile.TemporaryDirectory() as folder:
        paths = place_units(pathlib.Path(sys.argv[1]), pathlib.Path(folder))
        _, said = analyze("verify", "--man=no", *paths)
        findings = [line for line in said if "feedd" in line]
        for path in paths:
            if path.suffix == ".service":
                status, said = analyze("security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", path)
                if status != 0:
                    findings.append(f"{path.name} is too exposed: {said[-1]}")
        tree.tell(findings, len(paths), "units")


main()
