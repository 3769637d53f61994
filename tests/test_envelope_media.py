"""The media procedures as callers of the VRSS envelope know them.

Numbers in the ids are those of our drop-in list. Deliberate differences: another owner's media is "not found", and ids
are UUID strings.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from rpc.auth import Caller
from tests import media_files

MIB = 1024 * 1024
TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"

Send = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def send(http: httpx.AsyncClient, bearer: Callable[..., dict[str, str]]) -> Send:
    """Call a procedure in the envelope; the HTTP status, and the data or the error."""

    async def envelope(procedure: str, user: str | None = "ada", /, **given: Any) -> tuple[int, Any]:
        headers = bearer(user) if user else {}
        answer = await http.post("/rpc", json={"procedure": procedure, "input": given}, headers=headers)
        told = answer.json()
        assert set(told) == {"success", "metadata", "data" if told["success"] else "error"}
        return answer.status_code, told["data"] if told["success"] else told["error"]

    return envelope


def photo(**different: Any) -> dict[str, Any]:
    return {"filename": "holiday.jpg", "contentType": "image/jpeg", "size": MIB, **different}


async def test_22_initiating_answers_where_to_put_the_bytes(send: Send) -> None:
    """The URL names owner and file, the id is a UUID, and the URL ends within fifteen minutes."""
    status, ticket = await send("media.initiateUpload", **photo())
    now = datetime.now(UTC)
    assert status == 200
    assert "users/ada/" in ticket["uploadUrl"]
    assert "holiday.jpg" in ticket["uploadUrl"]
    assert str(UUID(ticket["mediaId"])) == ticket["mediaId"]
    assert ticket["uploadId"] == ticket["mediaId"]
    assert re.fullmatch(TIMESTAMP, ticket["expiresAt"])
    expires_at = datetime.fromisoformat(ticket["expiresAt"])
    assert now + timedelta(minutes=14) < expires_at <= now + timedelta(minutes=15, seconds=5)


async def test_23_what_does_not_fit_the_quota_is_refused(send: Send) -> None:
    """The details say what is used, reserved, available and required."""
    for _ in range(4):
        assert (await send("media.initiateUpload", **photo(size=10 * MIB)))[0] == 200
    await send("media.initiateUpload", **photo(size=6 * MIB))
    assert await send("media.initiateUpload", **photo(size=5 * MIB)) == (
        400,
        {
            "code": 1600,
            "message": "Storage quota exceeded",
            "details": {
                "used": 0,
                "reserved": 46 * MIB,
                "quota": 50 * MIB,
                "available": 4 * MIB,
                "required": 5 * MIB,
                "releases": [],
            },
        },
    )


async def test_24_an_unknown_content_type_is_invalid_input(send: Send) -> None:
    """1200, not 1601: nothing was uploaded yet."""
    status, error = await send("media.initiateUpload", **photo(contentType="application/pdf"))
    assert (status, error["code"]) == (400, 1200)
    assert error["message"].startswith("Invalid content type. Allowed types: image/jpeg, image/png")
    assert error["details"]["field"] == "contentType"
    assert error["details"]["fieldErrors"] == {"contentType": [error["message"]]}


async def test_25_a_file_over_the_ceiling_of_its_type_is_refused(send: Send) -> None:
    """The ceiling stands in the details."""
    assert await send("media.initiateUpload", **photo(size=15 * MIB)) == (
        400,
        {
            "code": 1602,
            "message": "File size exceeds maximum allowed for image/jpeg",
            "details": {"size": 15 * MIB, "maxSize": 10 * MIB, "contentType": "image/jpeg"},
        },
    )


@pytest.mark.parametrize(
    ("procedure", "given"),
    [
        pytest.param("media.initiateUpload", photo(), id="26-initiate"),
        pytest.param("media.completeUpload", {"mediaId": str(uuid4())}, id="26-complete"),
        pytest.param("media.deleteMedia", {"mediaId": str(uuid4())}, id="26-delete"),
        pytest.param("media.getStorageUsage", {}, id="37-usage"),
    ],
)
async def test_without_a_user_nothing_is_done(send: Send, procedure: str, given: dict[str, Any]) -> None:
    assert await send(procedure, None, **given) == (401, {"code": 1000, "message": "Authentication required"})


async def test_27_completing_answers_the_media(send: Send, client: httpx.AsyncClient) -> None:
    """Whose it is, what it is, and how large; there is nothing to show yet."""
    body = media_files.photo()
    _, ticket = await send("media.initiateUpload", **photo(size=len(body)))
    sent = await client.request(ticket["method"], ticket["uploadUrl"], content=body, headers=ticket["headers"])
    assert sent.status_code == 200
    status, answer = await send("media.completeUpload", mediaId=ticket["mediaId"])
    media = answer["media"]
    assert status == 200
    assert (media["id"], media["ownerId"], media["userId"]) == (ticket["mediaId"], "ada", "ada")
    assert (media["type"], media["mimeType"], media["size"]) == ("image", "image/jpeg", len(body))
    assert (media["filename"], media["thumbnailUrl"], media["metadata"]) == ("holiday.jpg", None, {})
    assert (media["width"], media["height"]) == (64, 48)
    assert (media["url"], media["renditions"]) == (None, [])
    assert re.fullmatch(TIMESTAMP, media["createdAt"])
    assert re.fullmatch(TIMESTAMP, media["updatedAt"])
    _, download = await send("media.getDownloadUrl", mediaId=media["id"])
    assert (await client.get(download["url"])).content == body


async def test_28_an_unknown_upload_is_not_found(send: Send) -> None:
    """An upload of another user reads the same."""
    _, ticket = await send("media.initiateUpload", "grace", **photo())
    expected = (400, {"code": 1300, "message": "Upload not found or already completed"})
    assert await send("media.completeUpload", mediaId=str(uuid4())) == expected
    assert await send("media.completeUpload", mediaId=ticket["mediaId"]) == expected


async def test_29_an_expired_upload_says_so(send: Send, pending_upload: Callable[..., Awaitable[Any]]) -> None:
    """Nothing arrived while the URL was good."""
    ticket = await pending_upload(now=datetime.now(UTC) - timedelta(minutes=16))
    assert await send("media.completeUpload", mediaId=str(ticket.media_id)) == (
        400,
        {"code": 1200, "message": "Upload expired. Please initiate a new upload."},
    )


async def test_completing_before_the_bytes_arrived_is_a_conflict(send: Send) -> None:
    """409 with the time until which they may still be sent."""
    _, ticket = await send("media.initiateUpload", **photo())
    assert await send("media.completeUpload", mediaId=ticket["mediaId"]) == (
        409,
        {
            "code": 1400,
            "message": "The bytes have not arrived: PUT them to uploadUrl first",
            "details": {"mediaId": ticket["mediaId"], "expiresAt": ticket["expiresAt"]},
        },
    )


async def test_30_deleting_gives_the_bytes_back(send: Send, ready_media: Callable[..., Awaitable[Any]]) -> None:
    media = await ready_media()
    assert await send("media.deleteMedia", mediaId=str(media.id)) == (200, {"success": True})
    not_found = (400, {"code": 1300, "message": "Media not found"})
    assert await send("media.getMedia", mediaId=str(media.id)) == not_found
    assert (await send("media.getStorageUsage"))[1]["used"] == 0


async def test_31_anothers_media_is_not_found_and_stays(send: Send, ready_media: Callable[..., Awaitable[Any]]) -> None:
    """Deliberately not 1000: whether an id exists is nobody else's business."""
    media = await ready_media()
    not_found = (400, {"code": 1300, "message": "Media not found"})
    assert await send("media.deleteMedia", "grace", mediaId=str(media.id)) == not_found
    status, answer = await send("media.getMedia", mediaId=str(media.id))
    assert (status, answer["media"]["id"], answer["media"]["status"]) == (200, str(media.id), "ready")


async def test_32_unknown_media_is_not_found(send: Send) -> None:
    not_found = (400, {"code": 1300, "message": "Media not found"})
    assert await send("media.deleteMedia", mediaId=str(uuid4())) == not_found


async def test_an_id_of_another_kind_is_invalid_input(subtests: pytest.Subtests, send: Send) -> None:
    """Ids are UUID strings; the decimal ids of old are refused by name."""
    for media_id in ("123", "", "../x", 7, None):
        with subtests.test(media_id=media_id):
            status, error = await send("media.deleteMedia", mediaId=media_id)
            assert (status, error["code"], error["message"]) == (400, 1200, "Invalid media ID format")


@pytest.mark.parametrize(
    ("sizes", "percentage"),
    [pytest.param([10, 10, 5], 50.0, id="33-half"), pytest.param([10], 20.0, id="34-a-fifth")],
)
async def test_usage_is_told_in_bytes_and_percent(
    send: Send, completed_media: Callable[..., Awaitable[Any]], sizes: list[int], percentage: float
) -> None:
    """Of the 50 MiB of the free plan."""
    for size in sizes:
        await completed_media(media_files.padded(media_files.photo(), size * MIB))
    used = sum(sizes) * MIB
    status, usage = await send("media.getStorageUsage")
    assert status == 200
    assert usage["quota"] == usage["limit"]
    assert (usage["used"], usage["limit"], usage["percentage"]) == (used, 52428800, percentage)
    assert usage["breakdown"] == {"image": used, "video": 0, "audio": 0}


async def test_35_a_fresh_user_has_used_nothing(send: Send) -> None:
    """Case 36, too: the quota is there before any row is."""
    assert await send("media.getStorageUsage", "nobody-yet") == (
        200,
        {
            "used": 0,
            "quota": 52428800,
            "limit": 52428800,
            "percentage": 0.0,
            "reserved": 0,
            "renditions": 0,
            "breakdown": {"image": 0, "video": 0, "audio": 0},
        },
    )


async def test_36_the_first_upload_finds_the_quota_of_the_free_plan(send: Send) -> None:
    """Without a row, an upload is weighed against 52428800 bytes."""
    await send("media.initiateUpload", **photo())
    _, usage = await send("media.getStorageUsage")
    assert (usage["limit"], usage["used"], usage["reserved"]) == (52428800, 0, MIB)


async def test_usage_belongs_to_one_user(send: Send, completed_media: Callable[..., Awaitable[Any]]) -> None:
    await completed_media(caller=Caller("grace"))
    assert (await send("media.getStorageUsage"))[1]["used"] == 0
    assert (await send("media.getStorageUsage", "grace"))[1]["used"] == len(media_files.photo())
