"""Validation of email addresses and passwords."""

import pytest

from coalserver.domain.accounts.account import validate_email, validate_password
from coalserver.domain.errors import ErrorCode
from tests.domain.builders import raises_code


def test_email_is_trimmed_and_in_lower_case():
    assert validate_email("  Ann@Example.ORG ") == "ann@example.org"


@pytest.mark.parametrize("email", ["ann@localhost", "ann+games@mail.example.org", "ä@ö.de"])
def test_valid_email_is_accepted(email):
    assert validate_email(email) == email


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
def test_invalid_email_is_refused(email):
    with raises_code(ErrorCode.INVALID_EMAIL):
        validate_email(email)


def test_password_of_minimum_length_is_accepted():
    assert validate_password("12345678") == "12345678"


def test_short_password_is_refused():
    with raises_code(ErrorCode.PASSWORD_TOO_SHORT, minimum=8):
        validate_password("1234567")
