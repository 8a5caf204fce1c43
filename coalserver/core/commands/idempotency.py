"""Idempotency records: the results of requests, so that a repeated request has no further effect."""

import json
from typing import Any

from coalserver.core.state import Reader
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.idempotency import IdempotencyRecord


def find_idempotent_result(
    reader: Reader, *, key_digest: str, request_digest: str
) -> tuple[Any] | None:
    """Return the stored result of a request in a tuple; None if it is not a repetition.

    Raises IDEMPOTENCY_KEY_REUSED where the key belongs to a different request.
    """
    record = reader.first(IdempotencyRecord, "key", key_digest)
    if record is None:
        return None
    if record.digest != request_digest:
        raise DomainError(ErrorCode.IDEMPOTENCY_KEY_REUSED)
    return (json.loads(record.created_ids),)


def save_idempotency_record(
    uow: UnitOfWork, *, key_digest: str, request_digest: str, created_ids: Any
) -> None:
    """Store the result of a request: any JSON."""
    uow.save(
        IdempotencyRecord(
            uow.new_id(IdempotencyRecord),
            key_digest,
            request_digest,
            json.dumps(created_ids).encode(),
            uow.now,
        )
    )
