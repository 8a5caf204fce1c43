"""Forms: a body is read as marshmallow reads it, whatever is in it, and what is wrong is in its words."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from marshmallow import RAISE, Schema, ValidationError, post_load, pre_load, validate

from coalserver.server.app import all_apis
from coalserver.web.schemas import Boolean, Integer, RawJson, RequestSchema, Secret, Text, one_of

all_apis()


class Sizes(RequestSchema):
    """Everything a field may say of itself."""

    size = Integer(1, 9, load_default=3)
    colour = Text(
        1, 9, data_key="color", validate=one_of("red", "blue"), load_default=lambda: "red"
    )
    weight = Integer(attribute="kilos", allow_none=True)
    fine = Boolean(required=True, error_messages={"required": "Say so!"})
    more = RawJson(20, load_default=None)
    secret = Secret(2, 4, validate=validate.Regexp("^[a-z]*$"))


class Strict(RequestSchema):
    name = Text(required=True)

    class Meta:
        unknown = RAISE


class Hooked(RequestSchema):
    name = Text(required=True)

    @pre_load
    def _before(self, data: dict[str, Any], **kw: Any) -> dict[str, Any]:
        return {"name": "given", **data}

    @post_load
    def _after(self, data: dict[str, Any], **kw: Any) -> dict[str, Any]:
        return {**data, "after": True}


class Apart(RequestSchema):
    inner = Text(attribute="one.two")


def forms(of: type[RequestSchema] = RequestSchema) -> Iterator[type[RequestSchema]]:
    """Those of the dialects, and those that are made here."""
    for kind in of.__subclasses__():
        if kind.__module__ == __name__ or kind.__module__.startswith("coalserver."):
            yield kind
        yield from forms(kind)


FORMS = {
    f"{kind.__module__.removeprefix('coalserver.')}.{kind.__name__}": kind() for kind in forms()
}
#: Marshmallow's alone: what they ask for, it does.
SLOW = {f"{__name__}.{name}" for name in ("Strict", "Hooked", "Apart")} | {
    f"apis.hosts.schemas.{name}" for name in ("CommandSchema", "UpdateSchema")
}

scalars = (
    some.none() | some.booleans() | some.integers(-3, 12) | some.floats(allow_nan=False)
    | some.sampled_from(["", "red", "a", " b ", "guest", "\0", "x\ny", "z" * 130])
    | some.text(max_size=12)
)  # fmt: skip
values = some.recursive(
    scalars,
    lambda inner: (
        some.lists(inner, max_size=2) | some.dictionaries(some.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


def outcome(load: Any) -> Any:
    """What is loaded, in its order, or what is said of it."""
    try:
        return list(load().items())
    except ValidationError as fault:
        return fault.normalized_messages()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(given=some.data())
def test_a_body_is_read_as_marshmallow_reads_it(
    form: RequestSchema, given: some.DataObject
) -> None:
    fields = form.load_fields.items()
    keys = [name if field.data_key is None else field.data_key for name, field in fields]
    names = some.sampled_from([*keys, *form.load_fields, "unheard of"])
    body = given.draw(some.dictionaries(names, values, max_size=len(keys) + 1))
    theirs = outcome(lambda: form.finish(Schema.load(form, form.prepare(body))))
    assert outcome(lambda: form.load(body)) == theirs


@pytest.mark.parametrize("body", [None, 7, "red", [], [{}]], ids=repr)
def test_what_is_no_object_is_worded_by_marshmallow(body: Any) -> None:
    assert outcome(lambda: Sizes().load(body)) == outcome(lambda: Schema.load(Sizes(), body))


def test_most_forms_of_every_dialect_are_read_the_quick_way() -> None:
    assert {name for name, form in FORMS.items() if form._field_readers is None} == SLOW
