"""The OpenRPC document (spec.open-rpc.org, 1.4.1): every method with its parameters, result, errors and examples.

It is made once, from the table of procedures and the models of `contracts/`. Subscriptions are left out: JSON-RPC has
none. A method lists each number of `error.code` once; `x-errors` tells the errors behind the numbers by name.
"""

from functools import cache
from importlib.metadata import version
from inspect import getdoc
from typing import Any, Self

from pydantic import Field

from contracts.errors import JSONRPC_INTERNAL_ERROR, JSONRPC_INVALID_PARAMS, RpcError
from contracts.examples import EXAMPLES, Example
from contracts.wire import NoInput, Wire
from rpc.context import Context
from rpc.procedure import Procedure, ProcedureKind, query
from rpc.schemas import Schemas, data_of

_OF_THE_SPEC = {
    JSONRPC_INVALID_PARAMS: ("INVALID_PARAMS", "Invalid params"),
    JSONRPC_INTERNAL_ERROR: ("INTERNAL_ERROR", "Internal error"),
}

_TAKES_CONTENT = (
    "It takes bytes, which JSON-RPC cannot carry: send them to this method's path below the endpoint, as "
    "multipart/form-data whose fields are the params, or as application/octet-stream with the params in `?input=`."
)

VERSION = version("mediarpc")

_INFO = {
    "title": "mediarpc",
    "version": VERSION,
    "description": (
        "Media uploads by procedure name. A method whose `x-public` is false needs a caller, named by a JWT in "
        "`Authorization: Bearer`. `x-input` is a method's whole input, in which nothing else is accepted. `x-errors` "
        "has what `error.data` may be; its `rpcCode` tells errors apart that share a number."
    ),
    "license": {"name": "MIT"},
}


class OpenRpc(Wire):
    """An OpenRPC document."""

    openrpc: str
    info: dict[str, Any]
    servers: list[dict[str, str]]
    methods: list[dict[str, Any]]
    components: dict[str, Any]
    x_errors: dict[str, Any] = Field(alias="x-errors")

    def at(self, url: str) -> Self:
        """The same document of an endpoint at another URL."""
        return self.model_copy(update={"servers": _servers(url)})


@cache
def describe(procedures: tuple[Procedure, ...], url: str = "http://127.0.0.1:8000/rpc") -> OpenRpc:
    """The document of every procedure that answers once; made once for the same procedures at the same `url`."""
    answering = [procedure for procedure in procedures if procedure.kind is not ProcedureKind.SUBSCRIPTION]
    # To mypy a class is hashed as its instances are.
    data = {error: data_of(error) for procedure in answering for error in procedure.errors}  # type: ignore[arg-type]
    schemas = Schemas(
        inputs=[procedure.input for procedure in answering],
        outputs=[*(procedure.output for procedure in answering), *data.values()],
    )
    return OpenRpc(
        openrpc="1.4.1",
        info=_INFO,
        servers=_servers(url),
        methods=[_method(procedure, schemas) for procedure in answering],
        components={"schemas": schemas.definitions, "errors": {_number_name(error): _number(error) for error in data}},
        x_errors={error.__name__: _named(error, schemas.answered(model)) for error, model in data.items()},
    )


def _servers(url: str) -> list[dict[str, str]]:
    return [{"name": "mediarpc", "url": url}]


def _method(procedure: Procedure, schemas: Schemas) -> dict[str, Any]:
    numbers = dict.fromkeys(_number_name(error) for error in procedure.errors)
    return {
        "name": procedure.name,
        "summary": procedure.summary.partition("\n\n")[0].replace("\n", " "),
        "description": "\n\n".join([procedure.summary, *([_TAKES_CONTENT] if procedure.takes_content else [])]),
        "paramStructure": "by-name",
        "params": _params(schemas.definition(procedure.input)),
        "result": {"name": procedure.output.__name__, "schema": schemas.answered(procedure.output)},
        "errors": [{"$ref": f"#/components/errors/{name}"} for name in numbers],
        "examples": [_pairing(example, procedure) for example in EXAMPLES.get(procedure.name, ())],
        "x-kind": procedure.kind.value,
        "x-public": procedure.public,
        **({"x-content": True} if procedure.takes_content else {}),
        "x-input": schemas.asked(procedure.input),
        "x-errors": [{"$ref": f"#/x-errors/{error.__name__}"} for error in procedure.errors],
    }


def _params(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The members of an input as parameters, those that it must have first."""
    required = schema.get("required", [])
    params = [
        {"name": name, "required": name in required, "schema": member} for name, member in schema["properties"].items()
    ]
    return sorted(params, key=lambda param: not param["required"])


def _pairing(example: Example, procedure: Procedure) -> dict[str, Any]:
    return {
        "name": example.name,
        "params": [{"name": name, "value": value} for name, value in example.input.items()],
        "result": {"name": procedure.output.__name__, "value": example.output},
    }


def _number_name(error: type[RpcError]) -> str:
    name, _ = _OF_THE_SPEC.get(error.code.jsonrpc, (error.code.name, ""))
    return name


def _number(error: type[RpcError]) -> dict[str, Any]:
    """What JSON-RPC tells of an error by its number alone."""
    _, sentence = _OF_THE_SPEC.get(error.code.jsonrpc, ("", error.code.sentence))
    return {"code": error.code.jsonrpc, "message": sentence}


def _named(error: type[RpcError], data: dict[str, Any]) -> dict[str, Any]:
    """What a caller can know of an error by its name."""
    number = _number(error)
    return {**number, "message": error.sentence or number["message"], "description": getdoc(error), "data": data}


def discovery(document: OpenRpc) -> Procedure:
    """`rpc.discover`, the specification's own method: callable like every other, and not in the document."""

    @query("rpc.discover", public=True, alone=True)
    async def discover(_ctx: Context, _params: NoInput) -> OpenRpc:
        """Answer the OpenRPC document."""
        return document

    return discover
