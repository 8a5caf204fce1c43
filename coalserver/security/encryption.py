"""Encryption of stored secrets that have to be returned; the key is in a file of its own."""

import base64
import logging
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = logging.getLogger(__name__)

NONCE_BYTES = 12


class SecretCipher:
    """AES-256-GCM under a key file of the data directory."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def encrypt(self, secret: str) -> str:
        """Return the encrypted secret as URL-safe base64."""
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = self._cipher.encrypt(nonce, secret.encode(), None)
        return base64.urlsafe_b64encode(nonce + ciphertext).decode()

    def decrypt(self, encrypted: str) -> str:
        """Return the secret; empty if it was encrypted with another key, which no credential matches."""
        raw = base64.urlsafe_b64decode(encrypted)
        try:
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None).decode()
        except InvalidTag:
            log.warning("A secret was encrypted with another key: keys/oauth was replaced or lost.")
            return ""
