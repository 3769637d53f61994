"""The OpenAPI document (spec.openapis.org, 3.1): tRPC's paths, for those who have only the tools of OpenAPI.

It is made of what the OpenRPC document is made of. A query is a GET whose `input` is JSON in the URL, a mutation a
POST, a subscription a GET that is answered by server-sent events.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Self

from contracts.errors import RateLimitExceeded, RpcError
from contracts.examples import EXAMPLES, Example
from contracts.wire import Wire
from rpc.form import FILE_FIELD
from rpc.openrpc import VERSION
from rpc.procedure import Procedure, ProcedureKind
from rpc.schemas import Schemas
from rpc.trpc.content import members_without_text
from rpc.trpc.failure import Failure, failure_of
from rpc.trpc.request import FORM, JSON, OCTETS
from rpc.trpc.shape import CODES

Json = dict[str, Any]

_EVENT_STREAM = "text/event-stream"
_BYTES: Json = {"type": "string", "format": "binary", "contentMediaType": OCTETS}
_INFO = {
    "title": "mediarpc",
    "version": VERSION,
    "description": (
        "Media uploads by procedure name, as tRPC calls them. An answer is `result.data`; an error tells in "
        "`error.data.rpcCode` which it is, and its facts in `error.data.details`."
    ),
    "license": {"name": "MIT", "identifier": "MIT"},
}
_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
_INPUT_OF_BYTES = "The input of a raw body; that of a form is its fields."
_EVENTS = (
    "Server-sent events: `connected`, then one for each change, `ping` meanwhile, `serialized-error` at a failure."
)
_REFUSED = "A request that is refused before any procedure runs."
_LAST_EVENT_ID: Json = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The id of the last event that was seen; what came after it is answered.",
    "schema": {"type": "string"},
}
_RETRY_AFTER: Json = {"description": "Seconds until the caller has room again.", "schema": {"type": "integer"}}


class OpenApi(Wire):
    """An OpenAPI document."""

    openapi: str
    info: Json
    servers: list[dict[str, str]]
    security: list[Json]
    tags: list[dict[str, str]]
    paths: Json
    components: Json

    def at(self, url: str) -> Self:
        """The same document of an endpoint at another URL."""
        return self.model_copy(update={"servers": [{"url": url}]})


@cache
def describe(procedures: tuple[Procedure, ...], url: str = "http://127.0.0.1:8000/rpc") -> OpenApi:
    """The document of every procedure; made once for the same procedures at the same `url`."""
    operations = Operations(procedures)
    return OpenApi(
        openapi="3.1.1",
        info=_INFO,
        servers=[{"url": url}],
        security=[{"bearer": []}],
        tags=[{"name": name} for name in dict.fromkeys(map(_namespace, procedures))],
        paths={f"/{procedure.name}": operations.of(procedure) for procedure in procedures},
        components={"schemas": operations.schemas.definitions, "securitySchemes": {"bearer": _BEARER}},
    )


class Operations:
    """What HTTP says of each procedure."""

    def __init__(self, procedures: Iterable[Procedure]) -> None:
        known = list(procedures)
        # To mypy a class is hashed as its instances are.
        self._failures = {error: failure_of(error) for procedure in known for error in procedure.errors}  # type: ignore[arg-type]
        self.schemas = Schemas(
            inputs=[procedure.input for procedure in known],
            outputs=[*(procedure.output for procedure in known), *self._failures.values(), Failure],
        )

    def of(self, procedure: Procedure) -> Json:
        """The path item of a procedure."""
        promise, *_ = procedure.summary.partition("\n\n")
        operation = {
            "operationId": procedure.name,
            "tags": [_namespace(procedure)],
            "summary": promise.replace("\n", " "),
            "description": procedure.summary,
            **({"security": []} if procedure.public else {}),
            **self._request(procedure),
            "responses": self._responses(procedure),
        }
        return {"post" if procedure.kind is ProcedureKind.MUTATION else "get": operation}

    def _request(self, procedure: Procedure) -> Json:
        if procedure.takes_content:
            return self._request_with_bytes(procedure)
        if procedure.kind is ProcedureKind.MUTATION:
            return {"requestBody": {"required": True, "content": {JSON: self._input(procedure)}}}
        return {"parameters": self._parameters(procedure)}

    def _parameters(self, procedure: Procedure) -> list[Json]:
        schema = self.schemas.definition(procedure.input)
        needed = bool(schema.get("required"))
        asked = {"name": "input", "in": "query", "required": needed, "content": {JSON: self._input(procedure)}}
        resumed = [_LAST_EVENT_ID] if procedure.kind is ProcedureKind.SUBSCRIPTION else []
        return [*([asked] if schema["properties"] else []), *resumed]

    def _input(self, procedure: Procedure) -> Json:
        examples = {example.name: {"value": example.input} for example in _examples(procedure)}
        return {"schema": self.schemas.asked(procedure.input), **({"examples": examples} if examples else {})}

    def _request_with_bytes(self, procedure: Procedure) -> Json:
        """The fields of a form stand before its file; beside a raw body the input is in the URL."""
        schema = self.schemas.definition(procedure.input)
        form = {
            **schema,
            "properties": {**schema["properties"], FILE_FIELD: _BYTES},
            "required": [*schema.get("required", []), FILE_FIELD],
        }
        encoding = {name: {"contentType": JSON} for name in sorted(members_without_text(procedure.input))}
        parameter = {
            "name": "input",
            "in": "query",
            "description": _INPUT_OF_BYTES,
            "content": {JSON: self._input(procedure)},
        }
        content = {FORM: {"schema": form, "encoding": encoding}, OCTETS: {"schema": _BYTES}}
        return {"parameters": [parameter], "requestBody": {"required": True, "content": content}}

    def _responses(self, procedure: Procedure) -> Json:
        refused = {
            "description": "A request that no procedure is told of.",
            "content": _json(self.schemas.answered(Failure)),
        }
        if procedure.kind is ProcedureKind.SUBSCRIPTION:
            event = {"type": "string", "x-data": self.schemas.answered(procedure.output)}
            return {"200": {"description": _EVENTS, "content": {_EVENT_STREAM: {"schema": event}}}, "default": refused}
        return {"200": self._success(procedure), **self._refusals(procedure), "default": refused}

    def _success(self, procedure: Procedure) -> Json:
        result = _object(data=self.schemas.answered(procedure.output))
        examples = {example.name: {"value": {"result": {"data": example.output}}} for example in _examples(procedure)}
        content = {"schema": _object(result=result), **({"examples": examples} if examples else {})}
        return {"description": procedure.output.__doc__ or procedure.output.__name__, "content": {JSON: content}}

    def _refusals(self, procedure: Procedure) -> Json:
        """The errors by HTTP status, those that share one as alternatives."""
        by_status: dict[int, list[type[RpcError]]] = {}
        for error in procedure.errors:
            by_status.setdefault(CODES[error.code.trpc_key][1], []).append(error)
        return {str(int(status)): self._refusal(errors) for status, errors in sorted(by_status.items())}

    def _refusal(self, errors: list[type[RpcError]]) -> Json:
        shapes = [self.schemas.answered(self._failures[error]) for error in errors]
        schema = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
        description = "; ".join(f"{int(error.code)} {error.__name__}" for error in errors)
        headers = {"headers": {"Retry-After": _RETRY_AFTER}} if RateLimitExceeded in errors else {}
        return {"description": description, **headers, "content": _json(schema)}


def _namespace(procedure: Procedure) -> str:
    return procedure.name.rpartition(".")[0]


def _examples(procedure: Procedure) -> tuple[Example, ...]:
    return EXAMPLES.get(procedure.name, ())


def _json(schema: Json) -> Json:
    return {JSON: {"schema": schema}}


def _object(**members: Json) -> Json:
    return {"type": "object", "properties": members, "required": list(members)}
