"""JSON Schema, as pydantic writes it, in TypeScript: a small closed subset, and a loud failure on anything else."""

import json
import re
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any

from pydantic.alias_generators import to_camel

Schema = dict[str, Any]

_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_STRING_FORMATS = {None, "uuid", "date-time", "uri"}
# What a type cannot say; the server checks it.
_REMARKS = {"title", "description", "default", "examples"}
_BOUNDS = {"pattern", "minLength", "maxLength", "minItems", "maxItems"} | {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
}


class UnknownShape(Exception):
    """A model says something that is not known how to write in TypeScript; the message names the place."""


def type_of(schema: Schema, place: str) -> str:
    """The TypeScript of a schema; `place` names it when there is none."""
    schema = {key: value for key, value in schema.items() if key not in _REMARKS | _BOUNDS}
    if not schema:
        return "unknown"
    written = _single(schema) or _composed(schema, place)
    if written is None:
        raise UnknownShape(f"{place}: no TypeScript is known for {json.dumps(schema)}")
    return written


def members(schema: Schema, place: str) -> list[str]:
    """The lines between the braces of an object's type."""
    required = schema.get("required", ())
    lines = []
    for name, member in schema["properties"].items():
        lines += comment(_remarks(member, is_optional=name not in required))
        lines.append(f"{key(name)}{'' if name in required else '?'}: {type_of(member, f'{place}.{name}')};")
    return lines


def model_name(reference: str) -> str:
    """The name of the type that a `$ref` points to."""
    return reference.removeprefix("#/$defs/").replace("-", "")


def union(types: Iterable[str]) -> str:
    """The types as one, each once."""
    return " | ".join(dict.fromkeys(types))


def key(name: str) -> str:
    """A member's name, in quotes where it needs them."""
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*|0|[1-9]\d*", name) else _literal(name)


def comment(text: str) -> list[str]:
    """The lines of a JSDoc comment, with members in our docstrings named as they are on the wire; none without text."""
    if not text:
        return []
    on_the_wire = re.sub(r"`([a-z]+(?:_[a-z]+)+)`", lambda name: f"`{to_camel(name[1])}`", text)
    lines = [part for line in on_the_wire.replace("*/", "* /").splitlines() for part in wrap(line, 116) or [""]]
    return [f"/** {lines[0]} */"] if len(lines) == 1 else ["/**", *(f" * {line}".rstrip() for line in lines), " */"]


def brands(schema: Any) -> Iterator[str]:
    """The brand of every part of a schema that has one."""
    if isinstance(schema, dict):
        if isinstance(schema.get("x-ts-brand"), str):
            yield schema["x-ts-brand"]
        for part in schema.values():
            yield from brands(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from brands(part)


def _single(schema: Schema) -> str | None:
    """The TypeScript of what is no composition of other schemas."""
    match schema:
        case {"type": "string", "x-ts-brand": str(brand), **rest} if rest.keys() <= {"format"}:
            return brand
        case {"const": value, "type": _, **rest} if not rest:
            return _literal(value)
        case {"enum": [*values], "type": _, **rest} if not rest:
            return union(_literal(value) for value in values)
        case {"type": "string", **rest} if rest.keys() <= {"format"} and rest.get("format") in _STRING_FORMATS:
            return "string"
        case {"type": str(plain), **rest} if not rest:
            return _PLAIN.get(plain)
    return None


def _composed(schema: Schema, place: str) -> str | None:
    """The TypeScript of a schema that is made of others."""
    match schema:
        case {"$ref": str(reference), **rest} if not rest:
            return model_name(reference)
        case {"anyOf": [*choices], **rest} if not rest:
            return union(type_of(choice, place) for choice in choices)
        case {"type": "array", "items": dict() as items, **rest} if not rest:
            return _array(type_of(items, f"{place}[]"))
        case {"type": "object", **rest}:
            return _object(rest, place)
    return None


def _object(rest: Schema, place: str) -> str | None:
    match rest:
        case {"properties": {}, "additionalProperties": False, **more} if more.keys() <= {"required"}:
            return f"{{ {' '.join(members(rest, place)).removesuffix(';')} }}"
        case {"additionalProperties": True, **more} if not more:
            return "Record<string, unknown>"
        case {"additionalProperties": dict() as value, "propertyNames": dict() as name, **more} if not more:
            return f"Partial<Record<{type_of(name, f'{place} (key)')}, {type_of(value, f'{place}{{}}')}>>"
        case {"additionalProperties": dict() as value, **more} if not more:
            return f"Record<string, {type_of(value, f'{place}{{}}')}>"
    return None


def _array(item: str) -> str:
    return f"({item})[]" if " " in item and not item.endswith((">", "}")) else f"{item}[]"


def _literal(value: Any) -> str:
    return (
        f"'{value}'"
        if isinstance(value, str) and value.isprintable() and not set(value) & {"'", "\\"}
        else json.dumps(value)
    )


def _remarks(schema: Schema, *, is_optional: bool) -> str:
    default = schema.get("default") if is_optional else None
    remarks = [schema.get("description", ""), "" if default is None else f"@default {json.dumps(default)}"]
    return "\n".join(remark for remark in remarks if remark)
