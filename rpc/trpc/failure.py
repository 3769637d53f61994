"""The models of tRPC's errors, as `rpc/trpc/shape.py` writes them."""

from functools import cache
from typing import Any, Literal, cast

from pydantic import ConfigDict, create_model

from contracts.errors import RpcError
from contracts.wire import Wire
from rpc.schemas import data_of
from rpc.trpc.shape import CODES


class FailureData(Wire):
    """What tells errors apart: tRPC's key, the HTTP status, our own number, and the request in the log."""

    model_config = ConfigDict(extra="allow")

    code: str
    http_status: int
    rpc_code: int
    request_id: str


class FailureShape(Wire):
    """An error as tRPC's clients read it."""

    message: str
    code: int
    data: FailureData


class Failure(Wire):
    """Any answer that is no result."""

    error: FailureShape


@cache
def failure_of(error: type[RpcError]) -> type[Wire]:
    """The model of the answer that tells of an error."""
    number, status = CODES[error.code.trpc_key]
    name = error.__name__
    data = _model(
        f"{name}OfTrpc",
        data_of(error),  # type: ignore[arg-type] # to mypy a class is hashed as its instances are
        code=Literal[error.code.trpc_key],
        http_status=Literal[int(status)],
        path=str,
    )
    shape = _model(f"{name}Shape", Wire, message=str, code=Literal[number], data=data)
    return _model(f"{name}Failure", Wire, error=shape)


def _model(name: str, base: type[Wire], **members: Any) -> type[Wire]:
    return cast("type[Wire]", create_model(name, __base__=base, **members))
