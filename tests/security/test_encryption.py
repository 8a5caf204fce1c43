"""What the safe keeps, and what it tells."""

import logging

from coalserver.security.encryption import SecretCipher


def test_a_secret_comes_out_as_it_went_in_and_looks_different_each_time():
    safe = SecretCipher(bytes(32))
    locked = [safe.encrypt("geheim ü") for _ in range(2)]
    assert [safe.decrypt(one) for one in locked] == ["geheim ü"] * 2
    assert locked[0] != locked[1] and "geheim" not in "".join(locked)


def test_another_key_opens_nothing_and_the_log_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        assert SecretCipher(b"1" * 32).decrypt(SecretCipher(bytes(32)).encrypt("secret")) == ""
    assert "keys/oauth" in caplog.text
