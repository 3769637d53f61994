"""The models of calls as JSON Schema draft-07, the dialect that OpenRPC asks for."""

from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from typing import Any, Literal, cast, get_type_hints

from pydantic import create_model
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from contracts.errors import RpcError
from contracts.wire import Wire

_PREFIX = "#/components/schemas/"


class Schemas:
    """The schemas of inputs and outputs: `definitions` by name, and references into them."""

    def __init__(self, *, inputs: Iterable[type[Wire]], outputs: Iterable[type[Wire]]) -> None:
        self._references, document = models_json_schema(
            [*((model, "validation") for model in inputs), *((model, "serialization") for model in outputs)],
            ref_template=f"{_PREFIX}{{model}}",
            schema_generator=_WithoutMemberTitles,
        )
        self.definitions: dict[str, Any] = _draft7(document["$defs"])

    def asked(self, model: type[Wire]) -> dict[str, Any]:
        """The reference to an input."""
        return self._references[model, "validation"]

    def answered(self, model: type[Wire]) -> dict[str, Any]:
        """The reference to an output."""
        return self._references[model, "serialization"]

    def definition(self, model: type[Wire]) -> dict[str, Any]:
        """The schema of an input itself."""
        found: dict[str, Any] = self.definitions[self.asked(model)["$ref"].removeprefix(_PREFIX)]
        return found


class _WithoutMemberTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's hook
        """Never: a member's name is its title."""
        return False


def _draft7(schema: Any) -> Any:
    """The same schema as draft-07 reads it, which takes nothing that stands beside a `$ref`."""
    if isinstance(schema, list):
        return [_draft7(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    members = {name: _draft7(member) for name, member in schema.items()}
    if "$ref" in members and len(members) > 1:
        return {"allOf": [{"$ref": members.pop("$ref")}], **members}
    return members


@cache
def data_of(error: type[RpcError]) -> type[Wire]:
    """The model of what an error carries in JSON-RPC's `error.data`."""
    members: dict[str, Any] = {"rpc_code": Literal[int(error.code)], "request_id": str}
    hints = get_type_hints(error, include_extras=True)
    facts: dict[str, Any] = {fact.name: hints[fact.name] for fact in fields(error)}
    if facts:
        members["details"] = create_model(f"{error.__name__}Details", __base__=Wire, **facts)
    return cast("type[Wire]", create_model(f"{error.__name__}Data", __base__=Wire, **members))
