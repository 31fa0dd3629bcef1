"""The chaos tests use what the integration tests use: servers, the client, the generated code of the schema."""
import sys
from pathlib import Path

INTEGRATION = Path(__file__).resolve().parents[1] / "integration"
sys.dont_write_bytecode = True
sys.path.insert(0, str(INTEGRATION))
