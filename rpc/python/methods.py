"""The procedures of each namespace as methods of two classes: of one that is called, and of one that is awaited."""

from collections.abc import Iterable, Iterator, Mapping

from rpc.procedure import Procedure, ProcedureKind
from rpc.python.types import Schema, doc, exploded, optional, snake, type_of


def namespaces(
    procedures: Iterable[Procedure], inputs: Mapping[str, Schema], outputs: Mapping[str, str]
) -> Iterator[str]:
    """The classes."""
    groups: dict[str, list[Procedure]] = {}
    for procedure in procedures:
        groups.setdefault(procedure.name.rpartition(".")[0], []).append(procedure)
    for name, group in groups.items():
        for prefix in ("", "Async"):
            yield from _head(name, prefix)
            for procedure in group:
                yield from _method(procedure, inputs[procedure.name], outputs[procedure.name], prefix)


def _head(name: str, prefix: str) -> list[str]:
    return [
        "",
        "",
        f"class {prefix}{name.title().replace('.', '')}Procedures:",
        f'    """The procedures of `{name}`."""',
        "",
        f"    def __init__(self, transport: {prefix}Transport) -> None:",
        "        self._transport = transport",
    ]


def _method(procedure: Procedure, schema: Schema, output: str, prefix: str) -> list[str]:
    streams = procedure.kind is ProcedureKind.SUBSCRIPTION
    waits = bool(prefix) and not streams
    answered = f"{prefix}Iterator[{output}]" if streams else output
    name = snake(procedure.name.rpartition(".")[2])
    content = ["content: Bytes"] if procedure.takes_content else []
    parameters = [*content, *_parameters(schema, procedure.name)]
    opening = f"{'async ' if waits else ''}def {name}("
    signature = exploded(opening, ["self", *parameters], f") -> {answered}:", "    ")
    verb = "watch" if streams else "send" if content else "call"
    head = f"return {'await ' if waits else ''}self._transport.{verb}("
    return ["", *signature, *doc(_promise(procedure), "        "), *_body(head, procedure, schema, output)]


def _body(head: str, procedure: Procedure, schema: Schema, output: str) -> list[str]:
    members = [f'"{member}": {snake(member)}' for member in schema["properties"]]
    asked = [line.removeprefix("            ") for line in exploded("{", members, "}", "            ")]
    content = ["content"] if procedure.takes_content else []
    return exploded(head, [f'"{procedure.name}"', "\n            ".join(asked), output, *content], ")", "        ")


def _parameters(schema: Schema, place: str) -> list[str]:
    """Those that must be there, then the others, all by name."""
    required = schema.get("required", ())
    members = sorted(schema["properties"].items(), key=lambda member: member[0] not in required)
    listed = [_parameter(name, member, place, needed=name in required) for name, member in members]
    return ["*", *listed] if listed else []


def _parameter(name: str, member: Schema, place: str, *, needed: bool) -> str:
    written = type_of(member, f"{place}.{name}").replace("list[", "Sequence[")
    return f"{snake(name)}: {written if needed else f'{optional(written)} = None'}"


def _promise(procedure: Procedure) -> str:
    """The docstring, and the errors that are the procedure's own."""
    own = [f"- {error.code.name} ({error.__name__}): {error.__doc__}" for error in procedure.raises]
    return "\n".join([procedure.summary, *([""] if own else []), *own])
