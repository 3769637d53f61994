"""One cookie of a request (RFC 6265)."""

from starlette.requests import Request, cookie_parser

MAX_CHARACTERS = 4096  # browsers keep none that is longer (RFC 6265, 6.1)


def cookie_of(request: Request, name: str) -> str | None:
    """The value of a cookie, the last one where there are several; None where it is longer than cookies are.

    Only that pair is parsed: Python before 3.11.10 and 3.12.6 undoes escapes in the square of a value's length.
    """
    pairs = [pair for header in request.headers.getlist("cookie") for pair in header.split(";")]
    pair = next((pair for pair in reversed(pairs) if pair.partition("=")[0].strip() == name), "")
    return cookie_parser(pair).get(name) if len(pair) <= MAX_CHARACTERS else None
