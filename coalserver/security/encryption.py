"""The safe: secrets that somebody may ask for again, kept so that the file alone does not tell them."""

import base64
import logging
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = logging.getLogger(__name__)

NONCE = 12


class Safe:
    """AES-256-GCM under a key file of the data directory."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def locked(self, secret: str) -> str:
        """What to keep of a secret."""
        nonce = os.urandom(NONCE)
        sealed = self._cipher.encrypt(nonce, secret.encode(), None)
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def opened(self, locked: str) -> str:
        """The secret again; empty where another key locked it, which fits nothing."""
        raw = base64.urlsafe_b64decode(locked)
        try:
            return self._cipher.decrypt(raw[:NONCE], raw[NONCE:], None).decode()
        except InvalidTag:
            log.warning("A secret was locked with another key: keys/oauth was replaced or lost.")
            return ""
