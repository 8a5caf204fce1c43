"""Receipts: what a request did, so that repeating it after a cut does nothing again."""

import json
from typing import Any

from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.idempotency import IdempotencyRecord


def find_idempotent_result(
    uow: UnitOfWork, *, key_digest: str, request_digest: str
) -> tuple[Any] | None:
    """What this request made when it was first run, in a tuple of one; None if it never was."""
    record = uow.first(IdempotencyRecord, "key", key_digest)
    if record is None:
        return None
    if record.digest != request_digest:
        raise DomainError(ErrorCode.IDEMPOTENCY_KEY_REUSED)
    return (json.loads(record.created_ids),)


def save_idempotency_record(
    uow: UnitOfWork, *, key_digest: str, request_digest: str, created_ids: Any
) -> None:
    """Remember what a request made: anything that is JSON."""
    uow.save(
        IdempotencyRecord(
            uow.new_id(IdempotencyRecord),
            key_digest,
            request_digest,
            json.dumps(created_ids).encode(),
            uow.now,
        )
    )
