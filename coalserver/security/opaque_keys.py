"""Keys: opaque names of things on the wire. Each tells kind and id to nobody but us."""

import base64
import binascii
from hashlib import blake2b

#: What a key may name. A key of one kind is none of another.
USER, SERVER, PLAYER, SESSION, LINE, SCREENSHOT = b"uspvli"
_ID_BLOCK_SIZE = 8
#: Of the eight bytes one is the kind, one free.
_ID_SIZE = 6
_MAC_SIZE = 10


class OpaqueKeys:
    """Makes keys and reads them, by a secret of the installation: none can be made up."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, kind: int, id: int) -> str:
        """24 URL-safe characters, the first of which is no hyphen: a command line would take it for an option."""
        for salt in range(256):
            block = bytes((kind, salt)) + id.to_bytes(_ID_SIZE, "big")
            mac = self._mac(block)
            key = base64.urlsafe_b64encode(_xor(block, self._mask(mac)) + mac).decode()
            if not key.startswith("-"):
                break
        return key

    def id(self, kind: int, key: str) -> int:
        """What the key names if it is one of that kind; -1, which nothing has, if not."""
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
        """What hides kind and id; another one for each key."""
        return blake2b(mac, digest_size=_ID_BLOCK_SIZE, key=self._secret, person=b"mask").digest()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=False))
