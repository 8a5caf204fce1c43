"""Request schemas: `load` returns what marshmallow returns, or the same errors, for every body."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import RAISE, Schema, ValidationError, validate

from coalserver.server.app import all_apis
from coalserver.web.schemas import Boolean, Integer, RawJson, RequestSchema, Secret, Text, one_of

# Imports the schemas of every API.
all_apis()


class EveryOptionSchema(RequestSchema):
    """Every option that a field may have."""

    size = Integer(1, 9, load_default=3)
    colour = Text(
        1, 9, data_key="color", validate=one_of("red", "blue"), load_default=lambda: "red"
    )
    weight = Integer(attribute="kilos", allow_none=True)
    fine = Boolean(required=True, error_messages={"required": "Missing!"})
    more = RawJson(20, load_default=None)
    secret = Secret(2, 4, validate=validate.Regexp("^[a-z]*$"))


class StrictSchema(RequestSchema):
    name = Text(required=True)

    class Meta:
        unknown = RAISE


class PreparedSchema(RequestSchema):
    name = Text(required=True)

    def prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"name": "default", **data}

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        if loaded["name"] == "guest":
            raise ValidationError("Taken.", "name")
        return {**loaded, "finished": True}


class NestedSchema(RequestSchema):
    inner = Text(attribute="one.two")


def subclasses(base: type[RequestSchema] = RequestSchema) -> Iterator[type[RequestSchema]]:
    """Yield the schemas of all APIs and of this module."""
    for schema in base.__subclasses__():
        if schema.__module__ == __name__ or schema.__module__.startswith("coalserver."):
            yield schema
        yield from subclasses(schema)


SCHEMAS = {
    f"{schema.__module__.removeprefix('coalserver.')}.{schema.__name__}": schema()
    for schema in subclasses()
}
#: Schemas with options that only marshmallow implements.
MARSHMALLOW_ONLY = {f"{__name__}.{name}" for name in ("StrictSchema", "NestedSchema")}

scalars = (
    st.none() | st.booleans() | st.integers(-3, 12) | st.floats(allow_nan=False)
    | st.sampled_from(["", "red", "a", " b ", "guest", "\0", "x\ny", "z" * 130])
    | st.text(max_size=12)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


def outcome(load: Any) -> Any:
    """Return the loaded items in their order, or the error messages."""
    try:
        return list(load().items())
    except ValidationError as error:
        return error.normalized_messages()


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@given(data=st.data())
def test_body_is_loaded_as_marshmallow_loads_it(schema: RequestSchema, data: st.DataObject) -> None:
    fields = schema.load_fields.items()
    keys = [name if field.data_key is None else field.data_key for name, field in fields]
    names = st.sampled_from([*keys, *schema.load_fields, "unknown"])
    body = data.draw(st.dictionaries(names, values, max_size=len(keys) + 1))
    expected = outcome(lambda: schema.finish(Schema.load(schema, schema.prepare(body))))
    assert outcome(lambda: schema.load(body)) == expected


@pytest.mark.parametrize("body", [None, 7, "red", [], [{}]], ids=repr)
def test_errors_of_other_values_are_marshmallow_s(body: Any) -> None:
    schema = EveryOptionSchema()
    assert outcome(lambda: schema.load(body)) == outcome(lambda: Schema.load(schema, body))


def test_schemas_of_all_apis_are_loaded_the_fast_way() -> None:
    slow = {name for name, schema in SCHEMAS.items() if schema._field_readers is None}
    assert slow == MARSHMALLOW_ONLY
