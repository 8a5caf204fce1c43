"""Idempotency records: what a request with an idempotency key did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """What one request did, kept so that repeating it does nothing again."""

    id: int
    idempotency_key: str
    digest: str
    #: The ids it made, as JSON.
    created_ids: bytes
    created_at: float
