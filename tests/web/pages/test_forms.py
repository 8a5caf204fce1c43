"""Forms: where large ones are decoded."""

import threading

import pytest

from coalserver.domain.errors import DomainError
from coalserver.web.body import LARGE_BODY_BYTES
from coalserver.web.pages import forms
from coalserver.web.pages.forms import Pairs, parse_form, parse_form_aside


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads in which forms are decoded."""
    used: list[int] = []

    def parse(raw: bytes) -> Pairs:
        used.append(threading.get_ident())
        return parse_form(raw)

    monkeypatch.setattr(forms, "parse_form", parse)
    return used


async def test_large_forms_are_decoded_in_another_thread(threads: list[int]) -> None:
    text = "%C3%A9" * (LARGE_BODY_BYTES // 6 + 1)
    assert await parse_form_aside(b"a=b&text=" + text.encode()) == [
        ("a", "b"),
        ("text", "\u00e9" * (len(text) // 6)),
    ]
    assert await parse_form_aside(b"a=b") == [("a", "b")]
    large, small = threads
    assert large != threading.get_ident() == small


async def test_large_invalid_form_is_refused() -> None:
    with pytest.raises(DomainError):
        await parse_form_aside(b"a=%FF" + b"b" * LARGE_BODY_BYTES)
