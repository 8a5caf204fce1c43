"""Tables of requests: the documented ones, and those that cause the documented errors."""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


def table(name: str) -> Any:
    """Return a table by its name."""
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))
