"""What a stranger's bytes cost grows with their number: ten times as many take ten times as long, and no hundred."""

import asyncio
from base64 import urlsafe_b64encode
from functools import partial
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from procedures import PROCEDURES
from procedures.media.search import in_any_case
from rpc.auth import AuthConfig, Authenticator
from rpc.body import Arriving, media_type
from rpc.cookies import cookie_of
from rpc.dispatch import validate
from rpc.disposition import disposition_of
from rpc.form import Form
from rpc.json import decode
from rpc.origin import Origins
from rpc.procedure import Procedure
from rpc.trpc import request as trpc
from server.cdn import part_asked_for
from server.dev import LOCAL_ORIGINS
from storage.keys import safe_name
from tests.attacks.growth import SMALL_HEAD_BYTES, Made, is_linear
from tests.sample_content import BOUNDARY, FORM
from tests.tokens import SECRET

JSON_BODIES: dict[str, Made] = {
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
DISPOSITIONS: dict[str, Made] = {
    "a name without an end": lambda size: b'form-data; name="' + b'\\"' * (size // 2),
    "names without an end": lambda size: b"form-data" + b';a="\\' * (size // 5),
    "semicolons": lambda size: b";" * size,
    "spaces": lambda size: b"; " + b" " * size,
    "a parameter without a value": lambda size: b";" + b"a" * size,
    "parameters": lambda size: b"; a=b" * (size // 5),
    "escapes in percent": lambda size: b"; filename*=utf-8''" + b"%41" * (size // 3),
}
FIELD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{}}"\r\n\r\n'
FILE = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
FORMS: dict[str, Made] = {
    "a file of line breaks": lambda size: FILE + b"\r\n" * (size // 2),
    "a file of beginnings of the boundary": lambda size: FILE + b"\r\n--a-boundar" * (size // 13),
    "a file of hyphens": lambda size: FILE + b"\r\n" + b"-" * size,
    "a file of carriage returns": lambda size: FILE + b"\r" * size,
    "fields": lambda size: b"".join(FIELD.format(n).encode() + b"\r\n" for n in range(size // 70)),
    "a field of line breaks": lambda size: FIELD.format("a").encode() + b"\r\n" * (size // 2),
    "headers": lambda size: f"--{BOUNDARY}\r\n".encode() + b"a:b\r\n" * (size // 5),
    "a header without an end": lambda size: f"--{BOUNDARY}\r\na:".encode() + b" " * size,
    "the name of a header": lambda size: f"--{BOUNDARY}\r\n".encode() + b"a" * size,
    "something before the form": lambda size: b"\r\n--" * (size // 4),
    "something behind the form": lambda size: FILE + f"\r\n--{BOUNDARY}--".encode() + b"\r\n" * (size // 2),
}
COOKIES: dict[str, Made] = {
    "backslashes": lambda size: 'session="' + "\\" * size + '"',
    "escapes": lambda size: 'session="' + "\\a" * (size // 2) + '"',
    "escapes in others": lambda size: "session=x; other=" + '"' + "\\a" * (size // 2) + '"',
    "escapes in many": lambda size: ('session="' + "\\a" * 1000 + '"; ') * (size // 2000),
    "semicolons": lambda size: ";" * size,
    "spaces": lambda size: "session=" + " " * size,
    "many": lambda size: "; ".join(f"session={number}" for number in range(size // 16)),
    "equals signs": lambda size: "session" + "=" * size,
}
CONTENT_TYPES: dict[str, Made] = {
    "semicolons": lambda size: "multipart/form-data" + ";" * size,
    "escapes": lambda size: 'multipart/form-data; boundary="' + '\\"' * (size // 2),
    "parameters": lambda size: "multipart/form-data" + "; a=b" * (size // 5),
    "parameters in parts": lambda size: "multipart/form-data" + "".join(f"; a*{n}=b" for n in range(size // 9)),
    "spaces": lambda size: "multipart/form-data;" + " " * size,
}
TOKENS: dict[str, Made] = {
    "dots": lambda size: "." * size,
    "letters": lambda size: "A" * size + ".A.A",
    "a header of brackets": lambda size: _base64(b"[" * (size * 3 // 4)) + ".e30.A",
    "a header of digits": lambda size: _base64(b'{"alg":' + b"9" * (size * 3 // 4) + b"}") + ".e30.A",
    "a payload": lambda size: _base64(b'{"alg":"HS256"}') + "." + "A" * size + ".A",
    "a signature": lambda size: _base64(b'{"alg":"HS256"}') + ".e30." + "A" * size,
    "spaces": lambda size: "A" + " " * size + "A",
}
ORIGINS: dict[str, Made] = {
    "digits": lambda size: "http://localhost:" + "1" * size,
    "letters": lambda size: "http://" + "a" * size,
    "colons": lambda size: "http://localhost" + ":" * size,
    "brackets": lambda size: "http://" + "[" * size,
    "signs of addresses": lambda size: "http://" + "@" * size,
}
QUERIES: dict[str, Made] = {
    "parameters": lambda size: b"a=b&" * (size // 4),
    "inputs": lambda size: b"input=1&" * (size // 8),
    "escapes": lambda size: b"input=" + b"%22" * (size // 3),
    "an input": lambda size: b"input=" + b"[" * 600 + b'"' + b'\\"' * (size // 2),
    "ampersands": lambda size: b"&" * size,
    "semicolons": lambda size: b"input=" + b";" * size,
}
PATHS: dict[str, Made] = {
    "escapes": lambda size: b"%41" * (size // 3),
    "broken escapes": lambda size: b"%4" * (size // 2),
    "commas": lambda size: b"," * size,
    "slashes": lambda size: b"/" * size,
}
NAMES: dict[str, Made] = {
    "dots": lambda size: "." * size,
    "dashes": lambda size: "-" * size + "!",
    "spaces": lambda size: " " * size,
    "combining marks": lambda size: "e" + "\u0301" * size,
}
RANGES: dict[str, Made] = {
    "digits": lambda size: "bytes=" + "1" * size,
    "commas": lambda size: "bytes=" + "1-1," * (size // 4),
    "hyphens": lambda size: "bytes=" + "-" * size,
}
MEMBERS: dict[str, Made] = {
    "letters": lambda size: "a" * size,
    "digits": lambda size: "9" * size,
    "spaces": lambda size: " " * size,
    "colons": lambda size: "a:" * (size // 2),
    "zeros": lambda size: "\0" * size,
    "combining marks": lambda size: "e" + "\u0301" * (size // 2),
    "a type of content": lambda size: "image/jpeg;" + " " * size,
    "an owner": lambda size: {"type": "a" * size, "id": "b" * size},
    "texts": lambda size: ["a"] * (size // 4),
    "a list in a list": lambda size: [["a"] * (size // 4)],
}


def _base64(text: bytes) -> str:
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def _request(*headers: tuple[str, str], path: bytes = b"/rpc", query: bytes = b"", method: str = "POST") -> Request:
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path.decode(),
        "raw_path": path,
        "path_params": {"path": path.decode()},
        "query_string": query,
        "headers": encoded,
    }
    return Request(scope)


def _form(body: bytes, piece_bytes: int) -> None:
    """Read a form that comes in pieces, to its end."""
    pieces = [body[at : at + piece_bytes] for at in range(0, len(body), piece_bytes)]

    async def receive() -> Message:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def read() -> None:
        async for _ in await Form(Arriving(receive, idle_seconds=60), FORM["content-type"]).content():
            pass

    asyncio.run(read())


def _caller(token: str) -> None:
    authenticator = Authenticator(AuthConfig(jwt_secret=SECRET), introspection=None, origins=Origins())
    asyncio.run(authenticator.caller(_request(("authorization", f"Bearer {token}"))))


@pytest.mark.parametrize("body", JSON_BODIES.values(), ids=JSON_BODIES)
def test_a_body_of_json_is_read_in_linear_time(body):
    assert is_linear(decode, body)


@pytest.mark.parametrize("header", DISPOSITIONS.values(), ids=DISPOSITIONS)
def test_the_header_of_a_part_is_read_in_linear_time(header):
    assert is_linear(disposition_of, header)


@pytest.mark.parametrize("piece_bytes", [128, 65_536])
@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
def test_a_form_is_read_in_linear_time(body, piece_bytes):
    assert is_linear(lambda form: _form(form, piece_bytes), body)


@pytest.mark.parametrize("cookies", COOKIES.values(), ids=COOKIES)
def test_a_cookie_is_found_in_linear_time(cookies):
    assert is_linear(lambda header: cookie_of(_request(("cookie", header)), "session"), cookies, SMALL_HEAD_BYTES)


@pytest.mark.parametrize("told", CONTENT_TYPES.values(), ids=CONTENT_TYPES)
def test_a_content_type_is_read_in_linear_time(told):
    async def none() -> Message:
        raise AssertionError

    def read(header: str) -> None:
        media_type(_request(("content-type", header)))
        Form(Arriving(none, idle_seconds=60), header)

    assert is_linear(read, told, SMALL_HEAD_BYTES)


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_a_token_is_judged_in_linear_time(token):
    assert is_linear(_caller, token, SMALL_HEAD_BYTES)


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
def test_an_origin_is_judged_in_linear_time(origin):
    origins = Origins(pattern=LOCAL_ORIGINS)

    assert is_linear(lambda told: origins.require_trusted(_request(("origin", told))), origin, SMALL_HEAD_BYTES)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_string_is_read_in_linear_time(query):
    def read(told: bytes) -> None:
        asyncio.run(trpc.read(_request(query=told, method="GET"), max_body_bytes=2**20, max_batch_calls=100))

    assert is_linear(read, query)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_path_is_read_in_linear_time(path):
    assert is_linear(lambda told: trpc.path_of(_request(path=told)), path)


@pytest.mark.parametrize("asked", RANGES.values(), ids=RANGES)
def test_a_range_is_read_in_linear_time(asked):
    told = _request(("etag", '"x"'), ("last-modified", "today")).headers

    assert is_linear(
        lambda part: part_asked_for(_request(("range", part)).headers, told, 1000), asked, SMALL_HEAD_BYTES
    )


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_is_slugged_in_linear_time(name):
    assert is_linear(safe_name, name)


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES)
def test_a_search_is_made_ready_in_linear_time(text):
    """Longer than any that is accepted."""
    assert is_linear(in_any_case, text)


@pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda procedure: procedure.name)
def test_every_member_of_an_input_is_judged_in_linear_time(subtests, procedure):
    """Texts, ids, cursors, names, types, owners and lists of them, whatever stands in their place."""
    for member in procedure.input.model_fields.values():
        for kind, made in MEMBERS.items():
            with subtests.test(member=member.alias, kind=kind):
                assert is_linear(partial(_judge, procedure, member.alias), made)


def _judge(procedure: Procedure, member: str, told: Any) -> None:
    validate(procedure, {member: told})
