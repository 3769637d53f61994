"""The generated modules of the Python client, from the table and the models that all else is made of."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from pydantic.json_schema import models_json_schema

from contracts.errors import ErrorCode
from contracts.formats import FORMATS
from contracts.wire import Wire
from rpc.procedure import Procedure
from rpc.python.methods import namespaces
from rpc.python.types import Schema, doc, exploded, model_name, optional, snake, type_of

_Use = tuple[type[Wire], Literal["validation", "serialization"]]

_BY = "Written by `mediarpc python`."
_MODELS = f'''"""What is asked and answered. {_BY}"""

from datetime import datetime
from typing import Any, Literal

from mediarpc_client.wire import Model
'''
_ERRORS = f'''"""The errors, each by its code. {_BY}"""

from mediarpc_client.failure import MediaRpcError
'''
_PROCEDURES = f'''"""Every procedure, to call and to await. {_BY}"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Literal

'''
_TRANSPORT = "from mediarpc_client.transport import AsyncTransport, Bytes, Transport"


def package_files(procedures: Sequence[Procedure]) -> dict[str, str]:
    """The text of each generated module by its name."""
    inputs, outputs, models = _schemas(procedures)
    calls = "\n".join(namespaces(procedures, inputs, outputs))
    used = sorted(set(models) & set(re.findall(r"\w+", calls)), key=str.lower)
    imports = exploded("from mediarpc_client.models import (", used, ")")
    return {
        "errors.py": "\n".join([_ERRORS, *_errors(procedures), ""]),
        "formats.py": "\n".join([f'"""The content type of each extension. {_BY}"""', "", *_formats(), ""]),
        "models.py": "\n".join([_MODELS, *_models(models), ""]),
        "procedures.py": "\n".join([_PROCEDURES + "\n".join(imports), _TRANSPORT, calls, ""]),
    }


def _schemas(procedures: Sequence[Procedure]) -> tuple[dict[str, Schema], dict[str, str], dict[str, Schema]]:
    """The input's schema and the output's name of each procedure, and the models that code names."""
    asked: list[_Use] = [(procedure.input, "validation") for procedure in procedures]
    answered: list[_Use] = [(procedure.output, "serialization") for procedure in procedures]
    references, document = models_json_schema([*asked, *answered])
    named = {use: model_name(reference["$ref"]) for use, reference in references.items()}
    definitions = {model_name(name): schema for name, schema in document["$defs"].items()}
    inputs = {procedure.name: definitions[named[procedure.input, "validation"]] for procedure in procedures}
    outputs = {procedure.name: named[procedure.output, "serialization"] for procedure in procedures}
    taken_apart = {named[use] for use in asked} - set(outputs.values())
    return inputs, outputs, {name: schema for name, schema in definitions.items() if name not in taken_apart}


def _models(models: Mapping[str, Schema]) -> Iterator[str]:
    """Names of values first, then the others, each after those that it has."""
    for name, schema in models.items():
        if "enum" in schema:
            yield "\n".join(exploded(f"{name} = Literal[", [f'"{value}"' for value in schema["enum"]], "]"))
    for name in _in_order(models):
        yield "\n".join(_class(name, models[name]))


def _class(name: str, schema: Schema) -> list[str]:
    if "properties" not in schema:
        return ["", "", f"{name} = {type_of(schema, name)}"]
    members = [_member(field, member, schema, name) for field, member in schema["properties"].items()]
    return ["", "", f"class {name}(Model):", *doc(schema.get("description", ""), "    "), "", *members]


def _in_order(models: Mapping[str, Schema]) -> list[str]:
    """What is no name of values, each behind what it is made of."""
    placed: dict[str, None] = {}

    def place(name: str) -> None:
        for other in re.findall(r"'\$ref': '#/\$defs/([\w-]+)'", str(models[name])):
            if model_name(other) != name and model_name(other) in models:
                place(model_name(other))
        if "enum" not in models[name]:
            placed.setdefault(name)

    for name in models:
        place(name)
    return list(placed)


def _member(name: str, member: Schema, schema: Schema, place: str) -> str:
    written = type_of(member, f"{place}.{name}")
    return f"    {snake(name)}: {written if name in schema.get('required', ()) else f'{optional(written)} = None'}"


def _errors(procedures: Iterable[Procedure]) -> Iterator[str]:
    """A class for each code that a procedure answers."""
    codes = sorted({error.code for procedure in procedures for error in procedure.errors})
    for code in codes:
        yield "\n".join(["", f"class {_pascal(code)}(MediaRpcError):", *doc(f"{code.sentence}.", "    "), ""])
    classes = [f"{int(code)}: {_pascal(code)}" for code in codes]
    yield "\n".join(["", *exploded("ERRORS: dict[int, type[MediaRpcError]] = {", classes, "}")])


def _pascal(code: ErrorCode) -> str:
    return "".join(word.capitalize() for word in code.name.split("_"))


def _formats() -> list[str]:
    """An extension that two types have is that of the first."""
    accepted = reversed(FORMATS.values())
    types = {extension: format_.content_type for format_ in accepted for extension in format_.extensions}
    pairs = [f'"{extension}": "{content_type}"' for extension, content_type in sorted(types.items())]
    return exploded("CONTENT_TYPES: dict[str, str] = {", pairs, "}")
