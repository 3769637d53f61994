"""A request's body and what it says it is, read no further than the limit."""

from starlette.requests import Request

MAX_LENGTH_DIGITS = 18


class BodyTooLarge(ValueError):
    """The request's body is over the limit."""


def media_type(request: Request) -> str:
    """The content type without its parameters, in lower case; empty when there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """The body; BodyTooLarge as soon as it is known to be over the limit."""
    declared = request.headers.get("content-length", "0")
    if len(declared) > MAX_LENGTH_DIGITS or (declared.isdecimal() and int(declared) > max_bytes):
        raise BodyTooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise BodyTooLarge
    return bytes(body)
