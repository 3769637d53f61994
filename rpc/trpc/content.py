"""A request that brings bytes: the content of its call, and the input beside it.

A form's fields are the members of the input. A raw body (a Blob, to tRPC) has its input in the URL, as queries do.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from starlette.requests import Request

from contracts.wire import Wire
from rpc.body import MAX_LENGTH_DIGITS, Arriving, media_type
from rpc.content import Content, unreadable
from rpc.disposition import disposition_of
from rpc.form import Form
from rpc.json import ParseError, decode
from rpc.trpc.request import FORM


async def open_content(request: Request, body: Arriving, model: type[Wire]) -> tuple[Any, Content]:
    """The input, and the content as it arrives; ValidationFailed when either cannot be read."""
    if media_type(request) == FORM:
        form = Form(body, request.headers["content-type"])
        content = await form.content()
        return _values(form.fields, model), content
    return _input(request), _raw(request, body)


def _values(fields: dict[str, str], model: type[Wire]) -> dict[str, Any]:
    """The fields as values: text where the model's schema takes a string and no object, else the text's JSON."""
    members = members_without_text(model)
    return {name: _value(text) if name in members else text for name, text in fields.items()}


def _value(text: str) -> Any:
    """What the text writes, or itself, which the model then refuses by the field's name."""
    try:
        return decode(text.encode())
    except ParseError:
        return text


@cache
def members_without_text(model: type[Wire]) -> frozenset[str]:
    """The members of a form that are written in JSON, because they are not text."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    kinds = {name: set(_kinds(member, definitions)) for name, member in schema.get("properties", {}).items()}
    return frozenset(name for name, taken in kinds.items() if "string" not in taken or "object" in taken)


def _kinds(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    """The kinds of values that a schema takes."""
    if "$ref" in schema:
        yield from _kinds(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    for choice in choices or ():
        yield from _kinds(choice, definitions)
    if "$ref" not in schema and not choices:
        yield schema.get("type", "string")


def _input(request: Request) -> Any:
    raw = request.query_params.get("input", "").encode(errors="surrogatepass")
    if not raw:
        return None
    try:
        return decode(raw)
    except ParseError:
        raise unreadable("input", "The input is not JSON") from None


def _raw(request: Request, body: Arriving) -> Content:
    disposition = request.headers.get("content-disposition", "")
    length = request.headers.get("content-length", "")
    return Content(
        body,
        filename=disposition_of(disposition.encode("latin-1")).filename or None,
        length=int(length) if length.isdecimal() and len(length) <= MAX_LENGTH_DIGITS else None,
    )
