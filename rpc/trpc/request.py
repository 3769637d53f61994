"""What a tRPC request asks for: which procedures, with what inputs, answered how."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request

from rpc.body import CLOSE, TOO_SLOW, Bodies, BodyTooLarge, BodyTooSlow, media_type
from rpc.json import ParseError, decode
from rpc.trpc.shape import Refused

JSON = "application/json"
JSON_LINES = "application/jsonl"
FORM = "multipart/form-data"
OCTETS = "application/octet-stream"
BINARY = frozenset({FORM, OCTETS})
MAX_PARAMETERS = 100  # of a URL; tRPC's clients send two or three
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The paths that a request names, its input when that is JSON, and whether it is a batch, answered in lines."""

    method: str
    paths: list[str]
    input: Any
    is_json: bool
    batched: bool
    streamed: bool

    def input_of(self, position: int) -> Any:
        """The input of one call, None when it has none; Refused when it cannot be read."""
        if not self.is_json:
            raise Refused("BAD_REQUEST", "The input is not JSON")
        return self.input.get(str(position)) if self.batched else self.input


async def read(request: Request, *, bodies: Bodies, max_batch_calls: int) -> Asked:
    """What a request asks for; Refused when it is none that tRPC knows."""
    _check_content_type(request)
    batched = is_batch(request)
    path = path_of(request)
    value, is_json = _parsed(await _raw_input(request, bodies), nothing={} if batched else None)
    asked = Asked(
        method=request.method,
        paths=path.split(",") if batched else [path],
        input=value,
        is_json=is_json,
        batched=batched,
        streamed=_wants_lines(request),
    )
    _check_batch(asked, max_batch_calls)
    return asked


def _check_batch(asked: Asked, max_calls: int) -> None:
    if len(asked.paths) > max_calls:
        raise Refused("BAD_REQUEST", "Batch call exceeds maximum size")
    if asked.streamed and not asked.batched:
        raise Refused("BAD_REQUEST", "Streaming requests must be batched (you can do a batch of 1)")
    if asked.batched and asked.is_json and not isinstance(asked.input, dict):
        raise Refused("BAD_REQUEST", '"input" needs to be an object when doing a batch call')


def _check_content_type(request: Request) -> None:
    content_type = media_type(request)
    if content_type in BINARY:
        if request.method != "POST":
            message = f"Only POST requests are supported for {content_type} requests"
            raise Refused("METHOD_NOT_SUPPORTED", message, {"allow": "POST"})
    elif request.method == "GET" or content_type == JSON:
        return
    if not content_type:
        raise Refused("UNSUPPORTED_MEDIA_TYPE", "Missing content-type header")
    raise Refused("UNSUPPORTED_MEDIA_TYPE", f'Unsupported content-type "{content_type[:100]}"')


def check_parameters(request: Request) -> None:
    """Refused for a URL of more parameters than any client sends, before they are read."""
    if request.scope["query_string"].count(b"&") >= MAX_PARAMETERS:
        raise Refused("BAD_REQUEST", f"The URL has more than {MAX_PARAMETERS} parameters")


def is_batch(request: Request) -> bool:
    """Whether the request's path names one call after the other."""
    return request.query_params.get("batch") == "1"


def path_of(request: Request) -> str:
    """The path behind the endpoint's, its escapes undone once."""
    raw: bytes = request.scope.get("raw_path") or b""
    try:
        if _BAD_ESCAPE.search(raw):
            raise Refused("BAD_REQUEST", "The URL has a broken escape")
        unquote(raw.decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        raise Refused("BAD_REQUEST", "The URL has a broken escape") from None
    return str(request.path_params["path"])


def _parsed(raw: bytes, *, nothing: Any) -> tuple[Any, bool]:
    """The value that the text writes, and whether it is JSON; no text at all is the input of a call without one."""
    if not raw:
        return nothing, True
    try:
        return decode(raw), True
    except ParseError:
        return None, False


async def _raw_input(request: Request, bodies: Bodies) -> bytes:
    """The input's text: a GET has it in the URL, every other method in its body."""
    if request.method == "GET":
        raw = request.query_params.get("input", "").encode(errors="surrogatepass")
        if len(request.scope["query_string"]) > bodies.max_bytes:
            raise _too_large(bodies.max_bytes)
        return raw
    try:
        return await bodies.read(request)
    except BodyTooLarge:
        raise _too_large(bodies.max_bytes) from None
    except BodyTooSlow:
        raise Refused("TIMEOUT", TOO_SLOW, CLOSE) from None


def _too_large(max_bytes: int) -> Refused:
    return Refused("PAYLOAD_TOO_LARGE", f"The input exceeds {max_bytes} bytes")


def _wants_lines(request: Request) -> bool:
    return JSON_LINES in {request.headers.get("trpc-accept"), request.headers.get("accept")}
