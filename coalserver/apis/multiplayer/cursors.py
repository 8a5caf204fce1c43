"""Update ids: 32 hex digits that nobody can make up, and that lead back to a place in the feed.

Sixteen are a seal over the room, the reader and the entry, sixteen the entry's id. An id of another room or of
another reader leads nowhere: to the start of what is kept.
"""

import hashlib
import hmac

_HALF = 16


def update_id(signing_key: bytes, room: int, reader: int, entry: int) -> str:
    """The id under which a reader in a room knows an entry."""
    return f"{_sign(signing_key, room, reader, entry)}{entry:0{_HALF}x}"


def position_of(signing_key: bytes, room: int, reader: int, id: str) -> int:
    """The entry's id that an update id stands for; -1, before everything, where it is none."""
    id = id.strip().lower()
    signature, digits = id[:_HALF], id[_HALF:]
    if len(digits) != _HALF or not set(digits) <= set("0123456789abcdef"):
        return -1
    entry = int(digits, 16)
    if entry >= 1 << 63:
        return -1
    is_valid = hmac.compare_digest(
        signature.encode("utf-8", "replace"), _sign(signing_key, room, reader, entry).encode()
    )
    return entry if is_valid else -1


def _sign(signing_key: bytes, room: int, reader: int, entry: int) -> str:
    text = f"update {room} {reader} {entry}".encode()
    return hmac.new(signing_key, text, hashlib.sha256).hexdigest()[:_HALF]
