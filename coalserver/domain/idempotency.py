"""Idempotency records: the results of requests that carried an idempotency key."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """The result of one request; a repetition of the request returns it again."""

    id: int
    idempotency_key: str
    #: Digest of the request; another request with the same key is refused.
    digest: str
    #: The ids that the request created: JSON.
    created_ids: bytes
    created_at: float
