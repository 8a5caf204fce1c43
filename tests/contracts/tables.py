"""Tables of requests: those that the documents print, and those that cause their errors."""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


def table(name: str) -> Any:
    """A table by its name."""
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))
