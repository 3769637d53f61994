"""What a stranger's bytes cost grows with their number: ten times as many take ten times as long, and no hundred."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from starlette.requests import Request

from contracts.errors import RpcError
from rpc.cookies import cookie_of
from rpc.disposition import disposition_of
from rpc.json import ParseError, decode
from server.cdn import _SINGLE_RANGE
from storage.keys import safe_name

SMALL_BYTES = 60_000
TENFOLD_AT_MOST = 30  # linear is 10, quadratic 100
MEASURABLE_SECONDS = 0.002

JSON_BODIES: dict[str, Callable[[int], bytes]] = {
    "a string of escapes without an end": lambda size: b"[" * 600 + b'"' + b'\\"' * (size // 2),
    "a string of escapes": lambda size: b"[" * 600 + b'"' + b'\\"' * (size // 2) + b'"',
    "many strings of escapes": lambda size: b"[" * 600 + (b'"' + b'\\"' * 8 + b'",') * (size // 19),
    "strings without an end in strings": lambda size: b"[" * 600 + b'"\\' * (size // 2),
    "a backslash after each quote": lambda size: b"[" * 600 + b'\\"' * (size // 2),
    "text without an end": lambda size: b"[" * 600 + b'"' + b"a" * size,
    "quotes": lambda size: b"[" * 600 + b'"' * size,
    "digits": lambda size: b"9" * size,
    "digits after a point": lambda size: b"0." + b"9" * size,
    "an exponent": lambda size: b"1e" + b"9" * size,
    "spaces": lambda size: b" " * size,
    "members": lambda size: b"{" + b'"a":11111111111111111,' * (size // 22) + b'"a":1}',
    "members of many names": lambda size: b"{" + b",".join(b'"%020d":1' % n for n in range(size // 25)) + b"}",
    "a flat array": lambda size: b"[" + b"1111111111111111111," * (size // 20) + b"1]",
    "numbers as large as there are": lambda size: b"[" + b"1.7976931348623157e308," * (size // 23) + b"1]",
}
HEADERS: dict[str, Callable[[int], bytes]] = {
    "a name without an end": lambda size: b'form-data; name="' + b'\\"' * (size // 2),
    "names without an end": lambda size: b"form-data" + b';a="\\' * (size // 5),
    "semicolons": lambda size: b";" * size,
    "spaces": lambda size: b"; " + b" " * size,
    "a parameter without a value": lambda size: b";" + b"a" * size,
    "parameters": lambda size: b"; a=b" * (size // 5),
    "escapes in percent": lambda size: b"; filename*=utf-8''" + b"%41" * (size // 3),
}
COOKIES: dict[str, Callable[[int], str]] = {
    "backslashes": lambda size: 'session="' + "\\" * size + '"',
    "backslashes in another": lambda size: 'session=x; other="' + "\\" * size + '"',
    "many of backslashes": lambda size: ('session="' + "\\" * 2000 + '"; ') * (size // 2012),
    "many": lambda size: "session=x; " * (size // 11),
    "semicolons": lambda size: ";" * size,
    "equals signs": lambda size: "session" + "=" * size,
}
NAMES: dict[str, Callable[[int], str]] = {
    "dots": lambda size: "." * size,
    "dashes": lambda size: "-" * size + "!",
    "spaces": lambda size: " " * size,
    "combining marks": lambda size: "e" + "\u0301" * size,
}


def seconds(read: Callable[[Any], object], text: Any) -> float:
    """The processor time of one reading, the least of three."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        with suppress(ParseError, RpcError):
            read(text)
        taken.append(time.process_time() - began)
    return min(taken)


def is_linear(read: Callable[[Any], object], text_of: Callable[[int], Any]) -> bool:
    """Whether ten times as much takes no more than some ten times as long."""
    once = max(seconds(read, text_of(SMALL_BYTES)), MEASURABLE_SECONDS)
    return seconds(read, text_of(10 * SMALL_BYTES)) < TENFOLD_AT_MOST * once


@pytest.mark.parametrize("body", JSON_BODIES.values(), ids=JSON_BODIES)
def test_a_body_of_json_is_read_in_linear_time(body):
    assert is_linear(decode, body)


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_the_header_of_a_part_is_read_in_linear_time(header):
    assert is_linear(disposition_of, header)


@pytest.mark.parametrize("header", COOKIES.values(), ids=COOKIES)
def test_a_cookie_is_found_in_linear_time(header):
    """Sixty thousand backslashes held the event loop for half a minute, whoever sent them."""

    def find(text: str) -> None:
        cookie_of(Request({"type": "http", "headers": [(b"cookie", text.encode())]}), "session")

    assert is_linear(find, header)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_is_slugged_in_linear_time(name):
    assert is_linear(safe_name, name)


def test_a_range_is_read_in_linear_time():
    assert is_linear(_SINGLE_RANGE.fullmatch, lambda size: "bytes=" + "1" * size)
