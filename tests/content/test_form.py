"""Forms: fields as the input, one file as the content, and every form that is refused."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from contracts.errors import ValidationFailed
from rpc.body import Arriving
from rpc.disposition import Disposition, disposition_of
from rpc.form import Form
from tests.sample_content import BOUNDARY, CONTENT, FORM, PLAIN, audio_file, form, part, told
from tests.sample_procedures import listening, serving, settled

FILE = part("file", b"bytes", filename="a.bin")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with listening(CONTENT) as served:
        yield f"{served}/rpc/content.keep"


async def sent(body: bytes, headers: dict[str, str] = FORM) -> httpx.Response:
    async with serving(CONTENT) as client:
        return await client.post("/rpc/content.keep", content=body, headers=headers)


async def kept(body: bytes) -> Any:
    """What was understood of a form."""
    answer = await sent(body)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]["data"]


async def refusal(body: bytes, headers: dict[str, str] = FORM) -> tuple[str, str]:
    """The field and the sentence of a refusal, which has the shape of tRPC."""
    answer = await sent(body, headers)
    error = settled(answer.json()["error"])
    field, message = error["data"]["details"]["field"], error["message"]
    code = error["data"]["details"]["errors"][0]["code"]
    path = error["data"]["details"]["errors"][0]["path"]
    assert error == {
        "message": message,
        "code": -32600,
        "data": {
            "code": "BAD_REQUEST",
            "httpStatus": 400,
            "rpcCode": 1200,
            "requestId": "<id>",
            "path": "content.keep",
            "details": {
                "field": field,
                "errors": [{"path": path, "code": code, "message": message}],
                "fieldErrors": {field: [message]},
            },
        },
    }
    assert answer.status_code == 400
    return field, message


async def test_a_stock_client_sends_fields_and_a_file(url: str) -> None:
    """Text stays text; every other member is JSON: a number, a flag, a list, an object."""
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            url,
            data={
                "pageTitle": "12",
                "pages": "12",
                "ratio": "0.5",
                "isDraft": "true",
                "note": "null",
                "tags": '["é"]',
                "coverSize": '{"width":3,"height":4}',
            },
            files={"file": ("a photo.jpg", b"\0" * 300_000, "image/jpeg")},
        )

    assert answer.status_code == 200
    assert answer.json()["result"]["data"] == {
        "described": {
            "pageTitle": "12",
            "pages": 12,
            "ratio": 0.5,
            "isDraft": True,
            "note": "null",
            "tags": ["é"],
            "coverSize": {"width": 3, "height": 4},
        },
        "filename": "a photo.jpg",
        "contentType": "image/jpeg",
        "length": None,
        "size": 300_000,
        "sha256": hashlib.sha256(b"\0" * 300_000).hexdigest(),
    }


async def test_a_file_alone_is_a_form() -> None:
    assert await kept(form(FILE)) == {
        "described": PLAIN,
        "filename": "a.bin",
        "contentType": None,
        "length": None,
        "size": 5,
        "sha256": hashlib.sha256(b"bytes").hexdigest(),
    }


NAMED = [
    ('name="file"; filename="a.jpg"', "a.jpg"),
    ('name="other"; filename="a.jpg"', "a.jpg"),
    ('name="file"', None),
    ('name="file"; filename=""', None),
    ("name=file; filename=a.jpg", "a.jpg"),
    ('name="file"; filename="na\u00efve \U0001f4f7;.jpg"', "na\u00efve \U0001f4f7;.jpg"),
    ('name="file"; filename="a \\"b\\".jpg"', 'a "b".jpg'),
    ('name="file"; filename="plain.jpg"; filename*=UTF-8\'\'na%C3%AFve%20%2A.jpg', "na\u00efve *.jpg"),
    ('name="file"; filename*=iso-8859-1\'\'na%EFve.jpg; filename="plain.jpg"', "na\u00efve.jpg"),
    ("name=\"file\"; filename*=no-such-charset''a%20b.jpg", "a b.jpg"),
    ("name=\"file\"; filename*=\0''a%20b.jpg", "a b.jpg"),
    ("name=\"file\"; filename*=undefined''a%20b.jpg", "a b.jpg"),
    ("name=\"file\"; filename*=idna''xn--%FF.jpg", "xn--\ufffd.jpg"),
    ('name="file"; FILENAME="a.jpg"', "a.jpg"),
    ("name=\"file\"; filename*=UTF-8''a%20b.jpg; filename*0=c.jpg", "a b.jpg"),
    (f'name="file"; filename="a.jpg"; filename*{"1" * 5000}=b.jpg', "a.jpg"),
    ('name="file"; filename="a.jpg"; filename*=a%20b.jpg', "a b.jpg"),
    ('name="file"; filename="a.jpg"; filename', "a.jpg"),
    ('name="file" ;filename = "a\\\\b.jpg" ', "a\\b.jpg"),
]


async def test_a_file_has_the_name_that_its_part_says(subtests: pytest.Subtests) -> None:
    for disposition, filename in NAMED:
        with subtests.test(disposition=disposition):
            body = f"--{BOUNDARY}\r\ncontent-disposition: form-data; {disposition}\r\n\r\nbytes\r\n--{BOUNDARY}--\r\n"

            assert (await kept(body.encode()))["filename"] == filename


def test_however_long_a_name_is_it_is_read_in_one_pass() -> None:
    """What takes the square of its length keeps every other call of the process waiting."""
    name, began = ";" * 300_000, time.monotonic()

    assert disposition_of(f'form-data; name=file; filename="{name}"'.encode()) == Disposition("file", name)
    assert time.monotonic() - began < 10


async def test_a_name_in_latin_1_is_read_as_such() -> None:
    body = form(FILE).replace(b"a.bin", "naïve".encode("latin-1"))

    assert (await kept(body))["filename"] == "naïve"


async def test_a_file_has_the_type_that_its_part_says() -> None:
    body = form(part("file", b"bytes", filename="a.txt", more="Content-Type: text/plain; charset=utf-8\r\n"))

    assert (await kept(body))["contentType"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("ending", [b"", b"\r\n"])
async def test_the_last_line_may_be_broken_or_not(ending: bytes) -> None:
    assert (await kept(form(FILE).removesuffix(b"\r\n") + ending))["size"] == 5


NO_FORMS = {
    "empty": (form(), "file", "The form has no file"),
    "no file": (form(part("note", "x")), "file", "The form has no file"),
    "nothing": (b"", "", "The form ends before its closing boundary"),
    "no number": (form(part("pages", "twelve"), FILE), "pages", "pages must be a whole number"),
    "fraction": (form(part("pages", "1.5"), FILE), "pages", "pages must be a whole number"),
    "text for a list": (form(part("tags", "a"), FILE), "tags", "tags must be an array"),
    "text in an object": (
        form(part("coverSize", '{"width":"3","height":4}'), FILE),
        "coverSize.width",
        "coverSize.width must be a whole number",
    ),
    "deep": (form(part("pages", "[" * 10_000), FILE), "pages", "pages must be a whole number"),
    "unknown field": (form(part("surprise", "x"), FILE), "surprise", "surprise is not known"),
    "not the wire's name": (
        form(part("page_title", "x"), FILE),
        "page_title",
        "page_title is not known",
    ),
    "repeated": (form(part("note", "x"), part("note", "x"), FILE), "note", "note: the field is there twice"),
    "field behind the file": (
        form(FILE, part("note", "x")),
        "note",
        "note: the fields of a form stand before its file",
    ),
    "second file": (form(FILE, part("other", b"bytes", filename="b")), "other", "other: a form has one file"),
    "many fields": (
        form(*(part(f"f{number}", "") for number in range(101)), FILE),
        "f100",
        "f100: a form has at most 100 fields",
    ),
    "much text": (
        form(part("note", "x" * 40_000), part("pageTitle", "x" * 40_000), FILE),
        "pageTitle",
        "pageTitle: the fields of a form exceed 65536 bytes",
    ),
    "no UTF-8": (form(part("note", b"\xff"), FILE), "note", "note: the field is not UTF-8"),
    "no name": (form(part("", "x"), FILE), "", "A part of the form has no name"),
    "no header": (f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--".encode(), "", "A part of the form has no name"),
    "long header": (
        form(part("note", "x", more=f"x: {'y' * 9000}\r\n"), FILE),
        "",
        "The header of a part exceeds 8192 bytes",
    ),
    "long headers": (
        form(part("note", "x", more=f"x: {'y' * 5000}\r\n" * 2), FILE),
        "",
        "The header of a part exceeds 8192 bytes",
    ),
    "encoded": (
        form(part("file", b"eA==", filename="x", more="Content-Transfer-Encoding: base64\r\n")),
        "file",
        "file: its Content-Transfer-Encoding is not understood",
    ),
    "cut": (form(FILE).removesuffix(b"--\r\n"), "file", "file: the form ends before its closing boundary"),
    "cut before the file": (
        form(part("note", "x")).removesuffix(b"--\r\n"),
        "note",
        "note: the form ends before its closing boundary",
    ),
    "something behind": (form(FILE) + b"more", "", "Something stands behind the form's closing boundary"),
    "another form": (form(FILE) + form(FILE), "", "Something stands behind the form's closing boundary"),
    "no form": (b"no form at all", "", "The form cannot be read here"),
    "endless preamble": (b"\r\n" + b"x" * 1_100_000, "", "The file does not begin within 1048576 bytes"),
}


async def test_a_form_that_is_not_as_it_should_be_is_refused(subtests: pytest.Subtests) -> None:
    for case, (body, field, message) in NO_FORMS.items():
        with subtests.test(case, body=body):
            assert await refusal(body) == (field, message)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'b' * 71}"],
)
async def test_a_boundary_must_be_told(content_type: str) -> None:
    expected = ("", "The form's boundary must have 1 to 70 bytes")

    assert await refusal(form(FILE), {"content-type": content_type}) == expected


@pytest.mark.parametrize(
    ("behind", "ended"),
    [
        (form(), "whole"),
        (form(part("note", "x")), "ValidationFailed"),
        (b"", "ValidationFailed"),
        (form() + b"more", "ValidationFailed"),
    ],
    ids=["nothing", "field", "no end", "something"],
)
async def test_a_procedure_hears_at_the_content_s_end_what_is_wrong_behind_it(behind: bytes, ended: str) -> None:
    """It has the file's bytes by then, and knows that they do not count."""
    happened: asyncio.Queue[Any] = asyncio.Queue()

    async def pieces() -> AsyncIterator[bytes]:
        yield FILE
        yield behind

    async with serving([audio_file(happened)]) as client:
        await client.post("/rpc/content.record", content=pieces(), headers=FORM)

    *chunks, end = told(happened)
    assert (b"".join(chunks), end) == (b"bytes", ended)


def form_of(*pieces: bytes) -> Form:
    """A form whose body comes in pieces."""
    coming = [*pieces, b""]

    async def receive() -> Message:
        body = coming.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(coming)}

    return Form(Arriving(receive, idle_seconds=60), FORM["content-type"])


CLOSE = f"\r\n--{BOUNDARY}".encode()
FRAGMENTS = st.sampled_from([CLOSE[:length] for length in range(1, len(CLOSE))] + [b"\r", b"\n", b"--"])
BYTES = st.lists(FRAGMENTS | st.binary(max_size=30), max_size=8).map(b"".join).filter(lambda found: CLOSE not in found)


@given(content=BYTES, lengths=st.lists(st.integers(1, 40), min_size=1, max_size=20))
async def test_whatever_the_bytes_and_wherever_they_are_cut_the_content_is_the_file(
    content: bytes, lengths: list[int]
) -> None:
    """Parts of the boundary inside the file are the file's."""
    body = form(part("note", "x\r\n--"), part("file", content, filename="a"))
    pieces: list[bytes] = []
    while body:
        pieces.append(body[: lengths[len(pieces) % len(lengths)]])
        body = body[len(pieces[-1]) :]
    read = form_of(*pieces)

    chunks = [chunk async for chunk in await read.content()]

    assert (read.fields, b"".join(chunks)) == ({"note": "x\r\n--"}, content)
    assert b"" not in chunks


async def test_who_goes_on_after_a_failure_is_told_it_again() -> None:
    """A form that broke never seems to have come to its end."""
    content = await form_of(FILE).content()

    assert await anext(content) == b"bytes"
    for _ in range(3):
        with pytest.raises(ValidationFailed, match="the form ends before"):
            await anext(content)
