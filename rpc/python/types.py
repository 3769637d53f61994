"""JSON Schema, as pydantic writes it, in Python: a small closed subset, and a loud failure on anything else."""

import json
import re
from collections.abc import Iterable
from textwrap import wrap
from typing import Any

Schema = dict[str, Any]

WIDTH = 117
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


class UnknownShape(Exception):
    """A model says something that is not known how to write in Python; the message names the place."""


def type_of(schema: Schema, place: str) -> str:
    """The Python of a schema; `place` names it when there is none."""
    written = _single(schema) or _composed(schema, place)
    if written is None:
        raise UnknownShape(f"{place}: no Python is known for {json.dumps(schema)}")
    return written


def model_name(reference: str) -> str:
    """The name of the class that a `$ref` points to."""
    return reference.rpartition("/")[2].replace("-", "")


def optional(written: str) -> str:
    """The type of what may be left out, which None does."""
    return written if written.endswith("None") else f"{written} | None"


def snake(name: str) -> str:
    """A wire name as Python spells it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def exploded(head: str, members: Iterable[str], tail: str, indent: str = "") -> list[str]:
    """Members between brackets, a line each; on one line when there are none."""
    lines = [f"{indent}    {member}," for member in members]
    return [f"{indent}{head}", *lines, f"{indent}{tail}"] if lines else [f"{indent}{head}{tail}"]


def doc(text: str, indent: str) -> list[str]:
    """The lines of a docstring, none without text."""
    joined = re.sub(r"(?<!\n)\n(?![\n-])", " ", text)
    lines = [part for line in joined.splitlines() for part in wrap(line, WIDTH - len(indent)) or [""]]
    if len(lines) <= 1:
        return [f'{indent}"""{line}"""' for line in lines]
    return [f'{indent}"""{lines[0]}', *(f"{indent}{line}".rstrip() for line in lines[1:]), f'{indent}"""']


def _single(schema: Schema) -> str | None:
    match schema:
        case {"$ref": str(reference)}:
            return model_name(reference)
        case {"const": value}:
            return f"Literal[{_literal(value)}]"
        case {"enum": [*values]}:
            return f"Literal[{', '.join(map(_literal, values))}]"
        case {"type": "string", "format": "date-time"}:
            return "datetime"
        case {"type": str(plain)}:
            return _PLAIN.get(plain)
    return None


def _composed(schema: Schema, place: str) -> str | None:
    match schema:
        case {"anyOf": [*choices]} | {"oneOf": [*choices]}:
            return " | ".join(dict.fromkeys(type_of(choice, place) for choice in choices))
        case {"type": "array", "items": dict() as items}:
            return f"list[{type_of(items, f'{place}[]')}]"
        case {"type": "object", "additionalProperties": dict() as values}:
            names = schema.get("propertyNames", {"type": "string"})
            return f"dict[{type_of(names, place)}, {type_of(values, place)}]"
        case {"type": "object"}:
            return "dict[str, Any]"
    return None


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)
