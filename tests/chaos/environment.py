"""Makes what the integration tests are built on importable: the schema's generated code, the servers, the client."""
import atexit
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = Path(tempfile.mkdtemp(prefix="feedd-pb2-"))
atexit.register(shutil.rmtree, GENERATED, ignore_errors=True)
subprocess.run(["protoc", f"--proto_path={ROOT / 'proto'}", f"--python_out={GENERATED}", "feed.proto"], check=True)
sys.dont_write_bytecode = True
sys.path[:0] = [str(GENERATED), str(ROOT / "tests" / "integration")]
