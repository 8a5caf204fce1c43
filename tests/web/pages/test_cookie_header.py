"""Single cookies of a request."""

import pytest

from coalserver.web.pages.cookie_header import find_cookie


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("", None),
        ("coal", None),
        ("coal=", ""),
        ("coal=abc", "abc"),
        ("a=b; coal=abc;c=d", "abc"),
        ("a=coal=no; Coal=no; xcoal=no; coal-known=no;coal = abc ", "abc"),
        ("coal=first; coal=last", "last"),
        ('coal="a\\"b"', 'a"b'),
        ("coal=a=b", "a=b"),
        ('a="x; coal=abc; b=y"', "abc"),
        (";" * 4000 + "coal=abc", "abc"),
    ],
)
def test_value_of_a_cookie_is_found(header: str, value: str | None) -> None:
    assert find_cookie({"Cookie": header} if header else {}, "coal") == value
