"""Encryption of stored secrets."""

import logging

from coalserver.security.encryption import SecretCipher


def test_secret_is_decrypted_and_ciphertexts_differ():
    cipher = SecretCipher(bytes(32))
    encrypted = [cipher.encrypt("geheim ü") for _ in range(2)]
    assert [cipher.decrypt(one) for one in encrypted] == ["geheim ü"] * 2
    assert encrypted[0] != encrypted[1] and "geheim" not in "".join(encrypted)


def test_other_key_decrypts_to_empty_and_logs_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        assert SecretCipher(b"1" * 32).decrypt(SecretCipher(bytes(32)).encrypt("secret")) == ""
    assert "keys/oauth" in caplog.text
