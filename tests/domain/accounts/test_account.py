"""What is an address, and what is too short."""

import pytest

from coalserver.domain.accounts.account import checked_email, checked_password
from coalserver.domain.errors import Why
from tests.domain.builders import refused


def test_an_address_is_compared_trimmed_and_in_lower_case():
    assert checked_email("  Ann@Example.ORG ") == "ann@example.org"


@pytest.mark.parametrize("email", ["ann@localhost", "ann+games@mail.example.org", "ä@ö.de"])
def test_what_can_be_an_address_is_one(email):
    assert checked_email(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "ann@.org",
        "ann@example.",
        "ann@example..org",
        "ann@b@c",
        "an n@example.org",
        "ann@example.org\n.com",
        "ann\x00@example.org",
        "a" * 243 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused(email):
    with refused(Why.EMAIL_INVALID):
        checked_email(email)


def test_a_password_of_eight_characters_is_long_enough():
    assert checked_password("12345678") == "12345678"


def test_a_shorter_one_is_not():
    with refused(Why.PASSWORD_TOO_SHORT, least=8):
        checked_password("1234567")
