"""Bad input for uploads in parts and for bytes through the server, over HTTP, in every dialect: one exact code each."""

import asyncio
import contextlib
import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from contracts.plans import Plan
from tests.media_files import padded, photo, video
from tests.sample_content import FORM, form, part

PART = 5 * 1024**2
CLIP = padded(video(), 2 * PART + 1000)
INITIATE = {"filename": "walk.mp4", "contentType": "video/mp4", "size": len(CLIP), "partSize": PART}
UNKNOWN = str(uuid.UUID(int=7))
BINARY = {"content-type": "application/octet-stream"}
OTHER_DIGEST = "0" * 64
DIALECTS = ["jsonrpc", "envelope", "trpc"]
INVALID, DIFFERS, NOT_FOUND, CONFLICT = 1200, 1201, 1300, 1400
WRONG_TYPE, TOO_LARGE = 1601, 1602
PRO = Plan.PRO.value
BOUND_SECONDS = 30

NAMES = [
    "Прогулка.mp4",
    "散歩.mp4",
    "نزهة.mp4",
    "सैर.mp4",
    "βόλτα.mp4",
    "เดินเล่น.mp4",
    "산책.mp4",
    "e\u0301te\u0301 🏖️.mp4",
    "a b'\"&%?#;=+.mp4",
    ".mp4",
    "x" * 251 + ".mp4",
]
NO_NAMES = [
    "",
    "..",
    "a/b.mp4",
    "../a.mp4",
    "a\\b.mp4",
    "a\nb.mp4",
    "a\0b.mp4",
    "x" * 256,
    5,
    None,
]
NO_UPLOADS: list[tuple[dict[str, Any], int]] = [
    ({"size": 0}, INVALID),
    ({"size": -1}, INVALID),
    ({"size": "10"}, INVALID),
    ({"size": 1.5}, INVALID),
    ({"size": 2**53}, INVALID),
    ({"size": 501 * 1024**2}, TOO_LARGE),
    ({"contentType": "application/pdf"}, INVALID),
    ({"contentType": None}, INVALID),
    ({"partSize": PART - 1}, INVALID),
    ({"partSize": 2**40}, INVALID),
    ({"partSize": "5242880"}, INVALID),
    ({"sha256": "zz"}, INVALID),
    ({"idempotencyKey": ""}, INVALID),
    ({"surprise": 1}, INVALID),
]
NO_NUMBERS: list[Any] = [[0], [-1], [10_001], [1, 1], [], ["1"], [1.5], [None], [True], [10**30], 1, "1", None]
NO_PARTS = [
    [{"partNumber": 0}],
    [{"partNumber": 10_001}],
    [{"partNumber": 1}, {"partNumber": 1}],
    [{"partNumber": "1"}],
    [{"partNumber": 1, "size": -1}],
    [{}],
    [1],
    [{"partNumber": number} for number in range(1, 10_002)],
]

Send = Callable[..., Awaitable[int | None]]


@pytest.fixture
def headers(bearer) -> dict[str, str]:
    told: dict[str, str] = bearer(plan=PRO)
    return told


@pytest.fixture(params=DIALECTS)
def send(request, http, headers) -> Send:
    """Call a procedure in one dialect; the code of its error, None when there is none."""

    async def call(procedure: str, **given: Any) -> int | None:
        if request.param == "jsonrpc":
            document = {"jsonrpc": "2.0", "id": 1, "method": procedure, "params": given}
            error = (await http.post("/rpc", json=document, headers=headers)).json().get("error")
            return error and int(error.get("data", {}).get("rpcCode", error["code"]))
        if request.param == "envelope":
            answer = await http.post("/rpc", json={"procedure": procedure, "input": given}, headers=headers)
            return None if answer.json()["success"] else int(answer.json()["error"]["code"])
        return code_of(await http.post(f"/rpc/{procedure}", json=given, headers=headers))

    return call


def code_of(answer: httpx.Response) -> int | None:
    """The code of an error that has tRPC's shape; None when there is none."""
    document = answer.json()
    return int(document["error"]["data"]["rpcCode"]) if "error" in document else None


@pytest.fixture
def bring(http, headers) -> Send:
    """Call a procedure with bytes; the code of its error, None when there is none."""

    async def call(procedure: str, content: bytes, **given: Any) -> int | None:
        query = {"input": json.dumps(given)}
        return code_of(
            await http.post(f"/rpc/{procedure}", params=query, content=content, headers={**headers, **BINARY})
        )

    return call


@pytest.fixture
def fill_in(http, headers) -> Send:
    """Call a procedure with a form; the code of its error, None when there is none."""

    async def call(procedure: str, *parts: bytes) -> int | None:
        return code_of(await http.post(f"/rpc/{procedure}", content=form(*parts), headers={**headers, **FORM}))

    return call


@pytest.fixture
def begin(http, headers, bearer) -> Callable[..., Awaitable[str]]:
    """Begin an upload of the clip in three parts; its id."""

    async def initiate(user: str = "ada") -> str:
        answer = await http.post(
            "/rpc/media.initiateMultipartUpload", json=INITIATE, headers=bearer(user, plan=PRO)
        )  # fmt: skip
        return str(answer.json()["result"]["data"]["mediaId"])

    return initiate


def part_of(number: int) -> bytes:
    return CLIP[(number - 1) * PART : number * PART]


async def test_a_name_in_every_script_is_taken(send, bring):
    """Of an upload in parts, and of bytes."""
    for name in NAMES:
        given = {**INITIATE, "filename": name, "size": 1}
        assert (name, await send("media.initiateMultipartUpload", **given)) == (name, None)
        assert (name, await bring("media.upload", photo(), filename=name)) == (name, None)


async def test_a_name_that_is_none_is_invalid(send, bring):
    for name in NO_NAMES:
        given = {**INITIATE, "filename": name}
        assert (name, await send("media.initiateMultipartUpload", **given)) == (name, INVALID)
        code = None if name is None else INVALID  # bytes need no name
        assert (name, await bring("media.upload", photo(), filename=name)) == (name, code)


async def test_an_upload_that_cannot_be_is_not_begun(send):
    for wrong, code in NO_UPLOADS:
        assert (wrong, await send("media.initiateMultipartUpload", **{**INITIATE, **wrong})) == (wrong, code)


async def test_part_numbers_that_are_none_are_invalid(send, begin):
    """From 1 to 10,000, whole, each once."""
    media_id = await begin()
    for numbers in NO_NUMBERS:
        assert (numbers, await send("media.signParts", mediaId=media_id, partNumbers=numbers)) == (numbers, INVALID)


async def test_parts_of_an_upload_are_its_own(send, begin, bring):
    """A number that it does not have, another's upload, an unknown one, and checksums of parts not asked for."""
    mine, foreign = await begin(), await begin("ben")
    assert await send("media.signParts", mediaId=mine, partNumbers=[3]) is None
    assert await send("media.signParts", mediaId=mine, partNumbers=[4]) == INVALID
    assert await send("media.signParts", mediaId=mine, partNumbers=[10_000]) == INVALID
    for unknown in (foreign, UNKNOWN):
        assert await send("media.signParts", mediaId=unknown, partNumbers=[1]) == NOT_FOUND
        assert await send("media.completeMultipartUpload", mediaId=unknown) == NOT_FOUND
        assert await bring("media.uploadPart", part_of(1), mediaId=unknown, partNumber=1) == NOT_FOUND
    for no_id in ("x", 5, None, ""):
        assert await send("media.signParts", mediaId=no_id, partNumbers=[1]) == INVALID
        assert await send("media.completeMultipartUpload", mediaId=no_id) == INVALID
    twice = [{"partNumber": 1, "sha256": OTHER_DIGEST}] * 2
    assert await send("media.signParts", mediaId=mine, partNumbers=[1], checksums=twice) == INVALID


async def test_an_upload_with_holes_is_not_completed(send, begin, bring):
    """Nor one of whose parts something else is said; when all are there it is, for the rest of its life."""
    media_id = await begin()
    assert await send("media.completeMultipartUpload", mediaId=media_id) == CONFLICT
    for number in (1, 3):
        assert await bring("media.uploadPart", part_of(number), mediaId=media_id, partNumber=number) is None
    assert await send("media.completeMultipartUpload", mediaId=media_id) == CONFLICT
    assert await send("media.completeMultipartUpload", mediaId=media_id, parts=[{"partNumber": 2}]) == CONFLICT
    assert await bring("media.uploadPart", part_of(2), mediaId=media_id, partNumber=2) is None

    for said in ({"size": PART - 1}, {"etag": '"0123456789abcdef0123456789abcdef"'}):
        parts = [{"partNumber": 1, **said}]
        assert await send("media.completeMultipartUpload", mediaId=media_id, parts=parts) == DIFFERS
    assert await send("media.completeMultipartUpload", mediaId=media_id, parts=[{"partNumber": 4}]) == INVALID
    assert await send("media.completeMultipartUpload", mediaId=media_id, uploadId=UNKNOWN) == NOT_FOUND
    for _ in range(2):
        assert await send("media.completeMultipartUpload", mediaId=media_id) is None
    assert await send("media.signParts", mediaId=media_id, partNumbers=[1]) == CONFLICT


async def test_parts_that_are_none_are_invalid(send, begin):
    media_id = await begin()
    for parts in NO_PARTS:
        assert (parts, await send("media.completeMultipartUpload", mediaId=media_id, parts=parts)) == (parts, INVALID)


async def test_a_part_that_is_not_the_declared_one_is_not_stored(bring, begin, call, ada):
    """By its number, its length or its digest."""
    media_id = await begin()
    for number in (0, -1, 4, 10_001, "1", 1.5, None):
        assert await bring("media.uploadPart", part_of(1), mediaId=media_id, partNumber=number) == INVALID
    for body in (b"", part_of(1)[:-1], part_of(1) + b"x", part_of(3)):
        assert await bring("media.uploadPart", body, mediaId=media_id, partNumber=1) == DIFFERS
    told = {"mediaId": media_id, "partNumber": 3}
    assert await bring("media.uploadPart", part_of(3), **told, sha256=OTHER_DIGEST) == DIFFERS
    assert await bring("media.uploadPart", part_of(3), **told, sha256="x") == INVALID
    assert (await call("media.getUploadStatus", mediaId=media_id)).parts == []
    assert await bring("media.uploadPart", part_of(3), **told, sha256=hashlib.sha256(part_of(3)).hexdigest()) is None


FILE = part("file", photo(), filename="a.jpg")


NO_FORMS: list[tuple[list[bytes], int]] = [
    ([], INVALID),
    ([part("filename", "a.jpg")], INVALID),
    ([part("filename", "a.jpg"), part("filename", "b.jpg"), FILE], INVALID),
    ([FILE, part("filename", "a.jpg")], INVALID),
    ([FILE, FILE], INVALID),
    ([part("file", "text")], WRONG_TYPE),
    ([part("size", "many"), FILE], INVALID),
    ([part("size", "1"), FILE], DIFFERS),
    ([part("size", str(len(photo()) + 1)), FILE], DIFFERS),
    ([part("purpose", "other"), FILE], INVALID),
    ([part("surprise", "x"), FILE], INVALID),
    ([part("contentType", "application/pdf"), FILE], INVALID),
    ([part("contentType", "video/mp4"), FILE], WRONG_TYPE),
    ([part("sha256", OTHER_DIGEST), FILE], DIFFERS),
    ([part("file", b"", filename="a.jpg")], INVALID),
    ([part("file", b"<html>", filename="a.jpg")], WRONG_TYPE),
    ([part("filename", "../a.jpg"), FILE], INVALID),
]


async def test_a_form_of_a_file_says_each_thing_once_and_truly(fill_in, call):
    """What is missing, repeated, unknown or untrue leaves no media."""
    for parts, code in NO_FORMS:
        assert (parts, await fill_in("media.upload", *parts)) == (parts, code)
    assert (await call("media.listMedia")).items == []
    assert (await call("media.listMedia", status="pending")).items == []
    assert await fill_in("media.upload", part("size", str(len(photo()))), FILE) is None
    assert [media.filename for media in (await call("media.listMedia")).items] == ["a.jpg"]


async def test_a_form_of_a_part_names_its_upload_and_its_number_once(fill_in, begin):
    content = part("file", part_of(3), filename="blob")
    named, numbered = part("mediaId", await begin()), part("partNumber", "3")
    for fields in ([numbered], [named], [named, numbered, named], [named, numbered, numbered]):
        assert (fields, await fill_in("media.uploadPart", *fields, content)) == (fields, INVALID)
    assert await fill_in("media.uploadPart", named, numbered) == INVALID
    assert await fill_in("media.uploadPart", named, numbered, content) is None


async def test_ten_thousand_ids_are_too_many(send):
    items: list[Any] = [UNKNOWN, "x", 5, None, {}]
    for item in items:
        assert (item, await send("media.deleteMany", mediaIds=[item] * 10_000)) == (item, INVALID)
        assert (item, await send("media.deleteMany", mediaIds=[item] * 101)) == (item, INVALID)


@pytest.fixture
def posted(deployment, user) -> Callable[..., Awaitable[bytes]]:
    """All that a real server says to bytes which are sent under a Content-Length of the test's own."""

    async def post(media_id: str, length: str, *, leaves: bool = False) -> bytes:
        address = urlsplit(deployment.served.origin)
        query = urlencode({"input": json.dumps({"mediaId": media_id, "partNumber": 3})})
        lines = [
            f"POST /rpc/media.uploadPart?{query} HTTP/1.1", "host: x",
            f"authorization: Bearer {deployment.token(user)}",
            "content-type: application/octet-stream", f"content-length: {length}", "connection: close",
        ]  # fmt: skip
        async with asyncio.timeout(BOUND_SECONDS):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            with contextlib.closing(writer):
                writer.write("\r\n".join([*lines, "", ""]).encode() + part_of(3))
                if leaves:
                    writer.write_eof()
                return await reader.read()

    return post


async def test_a_length_that_lies_stores_nothing(posted, deployment, user):
    """More than comes is a client that left, less is another part; what is no length is no request."""
    site = deployment.site(user)
    media_id = site.rpc("media.initiateMultipartUpload", **INITIATE)["mediaId"]

    assert await posted(media_id, "1001", leaves=True) == b""
    short = await posted(media_id, "999")
    assert json.loads(short.partition(b"\r\n\r\n")[2])["error"]["data"]["rpcCode"] == DIFFERS
    for length in ("-1", "many", "1e3", "1000, 999"):
        refused = await posted(media_id, length)
        assert (length, refused.split(b" ")[1]) == (length, b"400")
    assert site.rpc("media.getUploadStatus", mediaId=media_id)["parts"] == []

    stored = await posted(media_id, "1000")
    assert json.loads(stored.partition(b"\r\n\r\n")[2])["result"]["data"]["size"] == 1000
