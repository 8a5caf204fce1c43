"""Opaque keys of the COAL API: authenticated and encrypted kinds and ids."""

import base64
import binascii
from hashlib import blake2b

#: Kinds of keys. A key of one kind is invalid as a key of another.
USER, SERVER, PLAYER, SESSION, LINE, SCREENSHOT = b"uspvli"
_ID_BLOCK_SIZE = 8
#: The eight bytes of a block are the kind, a salt and the id.
_ID_SIZE = 6
_MAC_SIZE = 10


class OpaqueKeys:
    """Creates and reads keys with a secret of the installation; keys cannot be forged."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, kind: int, id: int) -> str:
        """Return the key of an id: 24 URL-safe characters.

        The first is not a hyphen, which a command line would read as an option.
        """
        for salt in range(256):
            block = bytes((kind, salt)) + id.to_bytes(_ID_SIZE, "big")
            mac = self._mac(block)
            key = base64.urlsafe_b64encode(_xor(block, self._mask(mac)) + mac).decode()
            if not key.startswith("-"):
                break
        return key

    def id(self, kind: int, key: str) -> int:
        """Return the id of a key of this kind; -1, which no entity has, for an invalid key."""
        try:
            raw = base64.b64decode(key.encode(), b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            return -1
        mac = raw[_ID_BLOCK_SIZE:]
        block = _xor(raw[:_ID_BLOCK_SIZE], self._mask(mac))
        valid = len(raw) == _ID_BLOCK_SIZE + _MAC_SIZE and self._mac(block) == mac
        return int.from_bytes(block[2:], "big") if valid and block[0] == kind else -1

    def _mac(self, block: bytes) -> bytes:
        return blake2b(block, digest_size=_MAC_SIZE, key=self._secret, person=b"proof").digest()

    def _mask(self, mac: bytes) -> bytes:
        """Return the mask of kind and id; it differs for each key."""
        return blake2b(mac, digest_size=_ID_BLOCK_SIZE, key=self._secret, person=b"mask").digest()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=False))
