"""Keys: opaque names of things on the wire. Each tells kind and id to nobody but us."""

import base64
import binascii
from hashlib import blake2b

#: What a key may name. A key of one kind is none of another.
USER, SERVER, PLAYER, SESSION, LINE, SCREENSHOT = b"uspvli"
_KIND_AND_ID = 8
#: Of the eight bytes one is the kind, one free.
_ID = 6
_PROOF = 10


class Keys:
    """Makes keys and reads them, by a secret of the installation: none can be made up."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, kind: int, id: int) -> str:
        """24 URL-safe characters, the first of which is no hyphen: a command line would take it for an option."""
        for free in range(256):
            named = bytes((kind, free)) + id.to_bytes(_ID, "big")
            proof = self._proof(named)
            key = base64.urlsafe_b64encode(_mixed(named, self._mask(proof)) + proof).decode()
            if not key.startswith("-"):
                break
        return key

    def id(self, kind: int, key: str) -> int:
        """What the key names if it is one of that kind; -1, which nothing has, if not."""
        try:
            raw = base64.b64decode(key.encode(), b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            return -1
        proof = raw[_KIND_AND_ID:]
        named = _mixed(raw[:_KIND_AND_ID], self._mask(proof))
        good = len(raw) == _KIND_AND_ID + _PROOF and self._proof(named) == proof
        return int.from_bytes(named[2:], "big") if good and named[0] == kind else -1

    def _proof(self, named: bytes) -> bytes:
        return blake2b(named, digest_size=_PROOF, key=self._secret, person=b"proof").digest()

    def _mask(self, proof: bytes) -> bytes:
        """What hides kind and id; another one for each key."""
        return blake2b(proof, digest_size=_KIND_AND_ID, key=self._secret, person=b"mask").digest()


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))
