"""What the safe keeps, and what it tells."""

import logging

from coalserver.security.encryption import Safe


def test_a_secret_comes_out_as_it_went_in_and_looks_different_each_time():
    safe = Safe(bytes(32))
    locked = [safe.locked("geheim ü") for _ in range(2)]
    assert [safe.opened(one) for one in locked] == ["geheim ü"] * 2
    assert locked[0] != locked[1] and "geheim" not in "".join(locked)


def test_another_key_opens_nothing_and_the_log_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        assert Safe(b"1" * 32).opened(Safe(bytes(32)).locked("secret")) == ""
    assert "keys/oauth" in caplog.text
