"""The generated files: what each declares, in the order in which a reader meets it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from textwrap import indent
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from contracts.errors import ErrorCode, RpcError
from contracts.formats import FORMATS, Format
from contracts.wire import Wire
from rpc.procedure import Procedure
from rpc.typescript.schema import Schema, UnknownShape, brands, comment, key, members, model_name, type_of, union

_HEADER = "// Written by `mediarpc typescript` from the server's models.\n"

_IMPORTS = """\
import type {
  TRPCBuiltRouter,
  TRPCDefaultErrorShape,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from '@trpc/server';

/** A value that is told from others of its type: no plain string is taken for a `MediaId`, but `text as MediaId` is. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };
"""

_ERRORS = """\
/** What one call is refused with: the code tells the error, and what its details are. */
export type RpcErrorData<Code extends ErrorCode = ErrorCode> = Code extends ErrorCode
  ? { rpcCode: Code; requestId: string } & RpcErrorFacts<Code>
  : never;

type RpcErrorFacts<Code extends ErrorCode> = undefined extends RpcErrorDetails[Code]
  ? { details?: RpcErrorDetails[Code] }
  : { details: RpcErrorDetails[Code] };

/** The request of the VRSS envelope. */
export interface RPCRequest<T = unknown> {
  procedure: string;
  input: T;
  context?: { correlationId?: string; clientVersion?: string };
}

/** The error of the VRSS envelope. */
export type RPCError<Code extends ErrorCode = ErrorCode> = Code extends ErrorCode
  ? { code: Code; message: string } & RpcErrorFacts<Code>
  : never;

/** When (milliseconds since 1970) and under which id a request was answered. */
export interface RPCMetadata {
  timestamp: number;
  requestId: string;
}

/** The response of the VRSS envelope: `success` tells whether there is `data` or an `error`. */
export type RPCResponse<T = unknown> =
  | { success: true; data: T; error?: undefined; metadata: RPCMetadata }
  | { success: false; data?: undefined; error: RPCError; metadata: RPCMetadata };

/** The error that tRPC's clients find in `TRPCClientError.shape`; its `data` in `TRPCClientError.data`. */
export interface RpcErrorShape extends TRPCDefaultErrorShape {
  data: TRPCDefaultErrorShape['data'] & RpcErrorData;
}

type Root = { ctx: object; meta: object; errorShape: RpcErrorShape; transformer: false };
type Query<Input, Output> = TRPCQueryProcedure<{ input: Input; output: Output; meta: object }>;
type Mutation<Input, Output> = TRPCMutationProcedure<{ input: Input; output: Output; meta: object }>;
type Subscription<Input, Output extends { id: unknown }> = TRPCSubscriptionProcedure<{
  input: Input;
  output: AsyncIterable<{ id: Output['id']; data: Output }, void, unknown>;
  meta: object;
}>;

// Only what says so is exported.
export {};
"""

_FIELDS = "The fields of the form, which stand before its file; beside other bytes, the JSON in `?input=`."
_FORMATS = """\
/** The accepted types, what else they are called, and the extensions of their files. */
export declare const formats: readonly {
  readonly contentType: string;
  readonly aliases: readonly string[];
  readonly extensions: readonly string[];
}[];
"""
# What tRPC's clients send as it is; a stream they would write as JSON.
_CONTENT = ("FormData", "Blob", "Uint8Array")

_Use = tuple[type[Wire], JsonSchemaMode]


def package_files(procedures: Sequence[Procedure]) -> dict[str, str]:
    """The text of each generated file, by its name."""
    declarations = "\n".join([_HEADER + _IMPORTS, *_declarations(procedures)])
    return {
        "index.d.ts": declarations,
        "index.d.cts": declarations,
        "index.js": f"{_HEADER}{_constants('export const ')}",
        "index.cjs": f"{_HEADER}'use strict';\n{_constants('exports.')}",
    }


def _declarations(procedures: Sequence[Procedure]) -> Iterator[str]:
    inputs, outputs, models = _schemas(procedures)
    for brand in sorted(set(brands([*inputs.values(), *models.values()]))):
        yield f"export type {brand} = Brand<string, '{brand}'>;\n"
    for name, schema in models.items():
        yield _model(name, schema)
    for namespace, group in _grouped(procedures, _namespace).items():
        yield _block(f"export declare namespace {namespace}", _signatures(group, inputs, outputs))
    yield _error_code_types()
    yield _FORMATS
    yield _block(
        "export interface RpcErrorDetails", _details(procedures), "The facts that an error tells, by its code."
    )
    yield _ERRORS
    yield _router(procedures, inputs)


def _schemas(procedures: Sequence[Procedure]) -> tuple[dict[str, Schema], dict[str, str], dict[str, Schema]]:
    """The input's schema and the output's type of each procedure, and the other models by name."""
    asked: list[_Use] = [(procedure.input, "validation") for procedure in procedures]
    answered: list[_Use] = [(procedure.output, "serialization") for procedure in procedures]
    references, document = models_json_schema([*asked, *answered])
    models = {model_name(name): schema for name, schema in document["$defs"].items()}
    named = {model: model_name(reference["$ref"]) for model, reference in references.items()}
    inputs = {procedure.name: models[named[procedure.input, "validation"]] for procedure in procedures}
    outputs = {procedure.name: named[procedure.output, "serialization"] for procedure in procedures}
    only_inputs = {named[model] for model in asked} - set(outputs.values()) - set(_references(document))
    shared = {name: schema for name, schema in models.items() if name not in only_inputs}
    _refuse_taken_names(shared, procedures)
    return inputs, outputs, shared


def _refuse_taken_names(models: Iterable[str], procedures: Iterable[Procedure]) -> None:
    """In TypeScript a second interface of a name would silently be added to the first."""
    taken = {*re.findall(r"(?:type|interface) (\w+)", _IMPORTS + _ERRORS), "ErrorCode", "AppRouter"}
    taken |= {*map(_title, procedures), *map(_namespace, procedures), "Input", "Output", "Fields", *_CONTENT}
    for name in models:
        if name in taken:
            raise UnknownShape(f"{name}: the TypeScript package uses this name for something else")


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield model_name(schema["$ref"])
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _model(name: str, schema: Schema) -> str:
    description = schema.get("description", "")
    if "properties" in schema:
        type_of(schema, name)
        return _block(f"export interface {name}", members(schema, name), description)
    return "\n".join([*comment(description), f"export type {name} = {type_of(schema, name)};", ""])


def _namespace(procedure: Procedure) -> str:
    return "".join(_pascal(part) for part in procedure.name.split(".")[:-1]) + "Procedures"


def _grouped(procedures: Iterable[Procedure], of: Callable[[Procedure], str]) -> dict[str, list[Procedure]]:
    groups: dict[str, list[Procedure]] = {}
    for procedure in procedures:
        groups.setdefault(of(procedure), []).append(procedure)
    return groups


def _title(procedure: Procedure) -> str:
    return _pascal(procedure.name.rpartition(".")[2])


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


def _signatures(procedures: Iterable[Procedure], inputs: dict[str, Schema], outputs: dict[str, str]) -> Iterator[str]:
    """Each procedure twice, merged: `Name['input']` and `Name.Input` are the same type."""
    for procedure in procedures:
        name = _title(procedure)
        both = [f"input: {name}.Input;", f"output: {name}.Output;"]
        types = [*_input(procedure, inputs[procedure.name]), f"type Output = {outputs[procedure.name]};"]
        yield _block(f"interface {name}", both, _promise(procedure)).rstrip("\n")
        yield _block(f"namespace {name}", types).rstrip("\n")


def _input(procedure: Procedure, schema: Schema) -> list[str]:
    if procedure.takes_content:
        return [*_interface("Fields", procedure, schema, _FIELDS), f"type Input = {union(_CONTENT)};"]
    return _interface("Input", procedure, schema) or ["type Input = void;"]


def _interface(name: str, procedure: Procedure, schema: Schema, description: str = "") -> list[str]:
    """The members of an input as an interface, nothing when there are none."""
    if not schema.get("properties"):
        return []
    place = procedure.input.__name__
    type_of(schema, place)
    return _block(f"interface {name}", members(schema, place), description).splitlines()


def _promise(procedure: Procedure) -> str:
    """The docstring, and the errors that are the procedure's own."""
    own = [f"@throws {error.code.name} ({error.__name__}): {error.__doc__}" for error in procedure.raises]
    return "\n".join([procedure.summary, *([""] if own else []), *own])


def _constants(assigned: str) -> str:
    codes = "".join(f"  {code.name}: {int(code)},\n" for code in ErrorCode)
    formats = "".join(f"  {_format(accepted)},\n" for accepted in FORMATS.values())
    return (
        f"\n{assigned}ErrorCode = Object.freeze({{\n{codes}}});\n\n{assigned}formats = Object.freeze([\n{formats}]);\n"
    )


def _format(accepted: Format) -> str:
    names = {"aliases": accepted.aliases, "extensions": accepted.extensions}
    lists = "".join(f", {name}: [{', '.join(map(repr, these))}]" for name, these in names.items())
    return f"{{ contentType: {accepted.content_type!r}{lists} }}"


def _error_code_types() -> str:
    lines: list[str] = []
    for code in ErrorCode:
        lines += [*comment(f"{code.sentence}."), f"readonly {code.name}: {int(code)};"]
    constant = _block("export declare const ErrorCode:", lines, "The number of every error.").rstrip("\n")
    return f"{constant};\nexport type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];\n"


def _details(procedures: Sequence[Procedure]) -> Iterator[str]:
    """What the errors of each code carry beside it; a code that no procedure answers carries nothing."""
    errors = {error: None for procedure in procedures for error in procedure.errors}
    for code in ErrorCode:
        of_code = sorted((error for error in errors if error.code is code), key=lambda error: error.__name__)
        facts = sorted((_facts(error) for error in of_code), key=lambda facts: (facts == "undefined", facts))
        yield from comment("\n".join(f"{error.__name__}: {error.__doc__}" for error in of_code))
        yield f"{key(str(int(code)))}: {union(facts) or 'undefined'};"


def _facts(error: type[RpcError]) -> str:
    hints = get_type_hints(error, include_extras=True)
    facts = []
    for fact in fields(error):
        schema = TypeAdapter(hints[fact.name]).json_schema(mode="serialization")
        facts.append(f"{to_camel(fact.name)}: {type_of(schema, f'{error.__name__}.{fact.name}')}")
    return f"{{ {'; '.join(facts)} }}" if facts else "undefined"


def _router(procedures: Sequence[Procedure], inputs: dict[str, Schema]) -> str:
    lines = ["export type AppRouter = TRPCBuiltRouter<", "  Root,", "  {"]
    lines += [f"    {line}" if line else "" for line in _record(procedures, inputs, depth=0)]
    head = comment("What `createTRPCClient` from @trpc/client is told of this server.")
    return "\n".join([*head, *lines, "  }", ">;", ""])


def _record(procedures: Iterable[Procedure], inputs: dict[str, Schema], depth: int) -> Iterator[str]:
    """The router's record from the `depth`-th part of the names on."""
    for part, below in _grouped(procedures, lambda procedure: procedure.name.split(".")[depth]).items():
        if below[0].name.count(".") == depth:
            yield from comment(_promise(below[0]))
            yield f"{key(part)}: {_procedure_type(below[0], inputs[below[0].name])};"
        else:
            yield from _block(f"{key(part)}:", _record(below, inputs, depth + 1)).rstrip("\n").splitlines()


def _procedure_type(procedure: Procedure, schema: Schema) -> str:
    types = f"{_namespace(procedure)}.{_title(procedure)}"
    may_be_omitted = schema.get("properties") and not schema.get("required") and not procedure.takes_content
    optional = " | undefined" if may_be_omitted else ""
    return f"{procedure.kind.capitalize()}<{types}.Input{optional}, {types}.Output>"


def _block(head: str, lines: Iterable[str], description: str = "") -> str:
    body = indent("\n".join(lines), "  ")
    return "\n".join([*comment(description), f"{head} {{", *([body] if body else []), "}", ""])
