"""Receipts: what a request did, so that repeating it after a cut does nothing again."""

import json
from typing import Any

from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import Receipt

#: Longer than anybody goes on repeating one request.
KEPT_SECONDS = 86400


def kept_receipt(unit: Unit, *, key: str, digest: str) -> tuple[Any] | None:
    """What this request made when it was first run, in a tuple of one; None if it never was."""
    receipt = unit.one(Receipt, "key", key)
    if receipt is None:
        return None
    if receipt.digest != digest:
        raise Refusal(Why.KEY_REUSED)
    return (json.loads(receipt.made),)


def keep_receipt(unit: Unit, *, key: str, digest: str, made: Any) -> None:
    """Remember what a request made: anything that is JSON."""
    unit.put(Receipt(unit.new_id(Receipt), key, digest, json.dumps(made).encode(), unit.now))


def forget_receipts(unit: Unit, *, most: int = 1000) -> int:
    """Drop the receipts nobody will ask for again, oldest first; gives how many."""
    old: list[Receipt] = []
    for receipt in unit.state.all(Receipt):
        if unit.now - receipt.at < KEPT_SECONDS or len(old) >= most:
            break
        old.append(receipt)
    for receipt in old:
        unit.drop(receipt)
    return len(old)
