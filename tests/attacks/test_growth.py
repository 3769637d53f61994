"""What a stranger's bytes cost grows with their number: ten times as many take ten times as long, and no hundred."""

import asyncio
from functools import partial
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from procedures import PROCEDURES
from procedures.media.search import in_any_case
from rpc.auth import AuthConfig, Authenticator
from rpc.body import Arriving, Bodies, media_type
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
from tests.attacks.growth import SMALL_HEAD_BYTES, is_linear
from tests.attacks.payloads import (
    CONTENT_TYPES,
    COOKIES,
    DISPOSITIONS,
    FORMS,
    JSON_BODIES,
    MEMBERS,
    NAMES,
    ORIGINS,
    PATHS,
    QUERIES,
    RANGES,
    TOKENS,
)
from tests.sample_content import FORM
from tests.tokens import SECRET


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
        asyncio.run(trpc.read(_request(query=told, method="GET"), bodies=Bodies(max_bytes=2**20), max_batch_calls=100))

    assert is_linear(read, query, SMALL_HEAD_BYTES)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_path_is_read_in_linear_time(path):
    assert is_linear(lambda told: trpc.path_of(_request(path=told)), path, SMALL_HEAD_BYTES)


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
