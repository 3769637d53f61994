"""The procedures, called directly."""

import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from contracts.errors import (
    DigestDiffers,
    FileTooLarge,
    InvalidFileType,
    MediaNotFound,
    SizeDiffers,
    StorageLimitExceeded,
    UploadExpired,
    UploadIncomplete,
    UploadNotFound,
    ValidationFailed,
)
from contracts.formats import FORMATS
from contracts.media import MediaState
from contracts.plans import Plan
from contracts.sizes import MIB
from rpc.auth import Caller
from tests import media_files
from tests.media_files import photo

BEN = Caller("ben")


async def test_a_ticket_says_where_how_and_until_when(pending_upload):
    """The ticket's ids are one UUID, and the URL expires in 15 minutes."""
    before = datetime.now(UTC)
    ticket = await pending_upload(filename="holiday.jpg")

    assert ticket.upload_id == ticket.media_id
    assert ticket.method == "PUT"
    assert ticket.headers == {"content-type": "image/jpeg"}
    assert "users/ada/posts/" in ticket.upload_url
    assert "holiday.jpg" in ticket.upload_url
    assert before + timedelta(minutes=15) <= ticket.expires_at <= datetime.now(UTC) + timedelta(minutes=15)


async def test_a_pending_upload_reserves_its_declared_size(pending_upload, call):
    await pending_upload(size=1_000_000)

    usage = await call("media.getStorageUsage")

    assert (usage.used, usage.reserved, usage.limit, usage.percentage) == (0, 1_000_000, 50 * MIB, 0.0)


async def test_two_uploads_that_fit_alone_are_refused_together(pending_upload):
    """A reservation counts against the quota, to the byte."""
    await pending_upload(filename="a.mp4", contentType="video/mp4", size=30 * MIB)

    with pytest.raises(StorageLimitExceeded) as refused:
        await pending_upload(filename="b.mp4", contentType="video/mp4", size=20 * MIB + 1)

    assert refused.value.details == {
        "used": 0,
        "reserved": 30 * MIB,
        "quota": 50 * MIB,
        "available": 20 * MIB,
        "required": 20 * MIB + 1,
        "releases": [],
    }
    await pending_upload(filename="b.mp4", contentType="video/mp4", size=20 * MIB)


@pytest.mark.parametrize("plan", Plan)
async def test_the_plan_of_the_token_is_the_limit(call, plan):
    usage = await call("media.getStorageUsage", caller=Caller("ada", plan))

    assert usage.limit == {"free": 52428800, "basic": 1073741824, "pro": 5368709120, "premium": 10737418240}[plan]


async def test_a_lowered_plan_stops_new_uploads_only(completed_media, call):
    """What is stored over a lowered quota stays, and can be deleted."""
    paid, free = Caller("ada", Plan.BASIC), Caller("ada", Plan.FREE)
    kept = await completed_media(photo(), caller=paid)
    for name in ("a.mp4", "b.mp4"):
        await call("media.initiateUpload", caller=paid, filename=name, contentType="video/mp4", size=40 * MIB)

    with pytest.raises(StorageLimitExceeded) as refused:
        await call("media.initiateUpload", caller=free, filename="c.jpg", contentType="image/jpeg", size=1)

    assert refused.value.available == 0
    await call("media.deleteMedia", caller=free, mediaId=str(kept.id))
    assert (await call("media.getStorageUsage", caller=free)).limit == 50 * MIB


async def test_a_token_without_plan_keeps_the_stored_one(call):
    await call(
        "media.initiateUpload", caller=Caller("ada", Plan.PRO), filename="a.jpg", contentType="image/jpeg", size=1
    )

    assert (await call("media.getStorageUsage", caller=Caller("ada"))).limit == Plan.PRO.quota_bytes


async def test_every_type_has_its_ceiling(subtests, pending_upload, resources):
    """One byte more than the ceiling is refused; the ceiling itself is not, for an owner with room."""
    for content_type, accepted in FORMATS.items():
        ceiling = resources.ceilings.of_put(accepted)
        with subtests.test(content_type):
            rich = Caller(content_type, Plan.PRO)
            with pytest.raises(FileTooLarge) as refused:
                await pending_upload(contentType=accepted.content_type, size=ceiling + 1, caller=rich)

            assert refused.value.message == f"File size exceeds maximum allowed for {accepted.content_type}"
            assert refused.value.details == {
                "size": ceiling + 1,
                "maxSize": ceiling,
                "contentType": accepted.content_type,
            }
            await pending_upload(contentType=accepted.content_type, size=ceiling, caller=rich)


BAD_INPUT: list[tuple[dict[str, Any], str, str]] = [
    ({"size": 0}, "size", "size must be greater than 0"),
    ({"size": -5}, "size", "size must be greater than 0"),
    ({"size": 2**53}, "size", f"size must be less than {2**53}"),
    ({"size": "12"}, "size", "size must be a whole number"),
    ({"size": 1.5}, "size", "size must be a whole number"),
    ({"size": True}, "size", "size must be a whole number"),
    ({"filename": ""}, "filename", "Filename is required"),
    ({"filename": "a" * 300}, "filename", "Filename must be at most 255 characters"),
    ({"filename": "../../etc/passwd"}, "filename", "Filename must be a name, not a path"),
    ({"filename": "..\\x.jpg"}, "filename", "Filename must be a name, not a path"),
    ({"filename": ".."}, "filename", "Filename must be a name, not a path"),
    ({"filename": "a\0.jpg"}, "filename", "Filename must not contain control characters"),
    ({"filename": "a\r\n.jpg"}, "filename", "Filename must not contain control characters"),
    ({"filename": "\u202e\u2069"}, "filename", "Filename is required"),
    ({"filename": 7}, "filename", "filename must be a string"),
    ({"contentType": "text/html"}, "contentType", f"Invalid content type. Allowed types: {', '.join(FORMATS)}"),
    ({"sha256": "abc"}, "sha256", "sha256 must be 64 lower-case hex digits"),
    ({"sha256": "A" * 64}, "sha256", "sha256 must be 64 lower-case hex digits"),
    ({"purpose": "spam"}, "purpose", "purpose must be 'post' or 'profile'"),
    ({"ownerId": "ben"}, "ownerId", "ownerId is not known"),
    ({"mediaId": str(uuid.uuid4())}, "mediaId", "mediaId is not known"),
    ({"content_type": "image/png"}, "content_type", "content_type is not known"),
]  # fmt: skip


async def test_bad_input_is_refused_by_field(subtests, pending_upload, call):
    """A refused input leaves nothing behind."""
    for params, field, message in BAD_INPUT:
        with subtests.test(params=params):
            with pytest.raises(ValidationFailed) as refused:
                await pending_upload(**params)

            assert refused.value.field == field
            assert refused.value.message == message
            assert refused.value.field_errors == {field: [message]}
            assert (await call("media.getStorageUsage")).reserved == 0


@pytest.mark.parametrize(
    "name",
    ["صورة.jpg", "תמונה שלי.jpeg", "写真.jpg", "crème brûlée (1).jpg", "🏖️.jpg", "no-extension", ".hidden", "a" * 255],
)
async def test_a_name_in_any_script_is_kept(ready_media, call, name):
    """The row keeps the original name; the key gets a safe slug."""
    media = await ready_media(filename=name)

    assert media.filename == name
    assert (await call("media.getDownloadUrl", mediaId=str(media.id))).url.isascii()


async def test_a_name_comes_without_what_turns_its_order(pending_upload, call):
    """A system's own marks are dropped, and so is what would show an exe as a jpg; those of a script stay."""
    await pending_upload(filename="\u2068gpj\u202eexe\u2069\u202a\u202b\u202c\u202d\u2066\u2067.\u200fjpg")

    page = await call("media.listMedia", status="pending", search="\u2068gpjexe\u2069")
    assert [media.filename for media in page.items] == ["gpjexe.\u200fjpg"]


async def test_the_declared_type_may_carry_parameters(pending_upload):
    ticket = await pending_upload(contentType="Audio/OGG; codecs=opus")

    assert ticket.headers == {"content-type": "audio/ogg"}


async def test_completing_without_the_object_is_refused(pending_upload, call):
    """Completing before the PUT leaves the upload pending, and it can still be finished."""
    ticket = await pending_upload()

    with pytest.raises(UploadIncomplete) as refused:
        await call("media.completeUpload", mediaId=str(ticket.media_id))

    assert refused.value.media_id == str(ticket.media_id)
    assert (await call("media.getMedia", mediaId=str(ticket.media_id))).media.status == MediaState.PENDING


async def test_a_completed_upload_is_used_and_no_longer_reserved(completed_media, call):
    media = await completed_media()

    assert media.status == MediaState.PROCESSING
    usage = await call("media.getStorageUsage")
    assert (usage.used, usage.reserved) == (media.size, 0)
    assert usage.breakdown == {"image": media.size, "video": 0, "audio": 0}


async def test_a_media_shows_what_its_owner_uploaded(ready_media, client, call):
    """A download is the very bytes, under the type that was verified."""
    body = photo(120, 80)
    media = await ready_media(body, filename="beach.jpg")

    assert media.owner_id == media.user_id == "ada"
    assert (media.type, media.status, media.mime_type) == ("image", "ready", "image/jpeg")
    assert (media.filename, media.size, media.width, media.height) == ("beach.jpg", len(body), 120, 80)
    url = (await call("media.getDownloadUrl", mediaId=str(media.id))).url
    assert "users/ada/posts/" in url
    assert "beach.jpg" in url
    answer = await client.get(url)
    assert answer.content == body
    assert answer.headers["content-type"] == "image/jpeg"
    assert (media.hls_url, media.duration, media.error) == (None, None, None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
async def test_pixels_are_read_from_every_image_format(completed_media, kind):
    body = photo(90, 60, kind)
    media = await completed_media(body, contentType=f"image/{kind.lower()}")

    assert (media.width, media.height) == (90, 60)


async def test_pixels_are_as_displayed(completed_media):
    """A photo held upright reads as upright, however the camera stored it."""
    media = await completed_media(photo(90, 60, "JPEG", orientation=6))

    assert (media.width, media.height) == (60, 90)


async def test_pixels_are_found_behind_a_long_profile(completed_media, call, run_pending):
    """A header pushed down by large metadata segments is read further, up to a mebibyte, and behind it by a worker."""
    body = photo(90, 60)
    segment = b"\xff\xed" + (65_000).to_bytes(2, "big") + b"\0" * 64_998
    media = await completed_media(body[:2] + segment * 15 + body[2:])
    behind = await completed_media(body[:2] + segment * 20 + body[2:])

    assert (media.width, media.height) == (90, 60)
    assert (behind.width, behind.height) == (None, None)
    await run_pending()
    found = (await call("media.getMedia", mediaId=str(behind.id))).media
    assert (found.width, found.height) == (90, 60)


async def test_an_image_without_a_readable_header_has_no_pixels(completed_media):
    media = await completed_media(photo()[:24])

    assert (media.width, media.height) == (None, None)


async def test_completing_twice_is_the_same_answer(completed_media, call, run_pending):
    """A lost answer is asked for again, before and after the media is ready."""
    media = await completed_media()

    again = (await call("media.completeUpload", mediaId=str(media.id), uploadId=str(media.id))).media
    assert again.model_copy(update={"url": None}) == media.model_copy(update={"url": None})
    await run_pending()
    assert (await call("media.completeUpload", mediaId=str(media.id))).media.status == MediaState.READY


@pytest.mark.parametrize(
    ("body", "declared", "reason"),
    [
        (media_files.HTML, "image/png", "The bytes show no known media type"),
        (media_files.SVG, "image/jpeg", "The bytes show no known media type"),
        (photo(kind="PNG"), "image/jpeg", "The bytes show image/png"),
        (photo(kind="AVIF"), "video/mp4", "The bytes show image/avif"),
        (b"\0" * 100, "audio/mpeg", "The bytes show no known media type"),
        (b"PK\x03\x04" + b"\0" * 100, "video/webm", "The bytes show no known media type"),
    ],
    ids=["html", "svg", "png-as-jpeg", "avif-as-mp4", "zeros", "zip"],
)  # fmt: skip
async def test_bytes_of_another_type_are_refused(arrived_upload, call, run_pending, objects, body, declared, reason):
    """The upload is refused for good, every time it is asked about, and its object goes."""
    ticket = await arrived_upload(body, contentType=declared)

    for _ in range(2):
        with pytest.raises(InvalidFileType) as refused:
            await call("media.completeUpload", mediaId=str(ticket.media_id))
        assert refused.value.details == {"declared": declared, "reason": reason}
    await run_pending()

    assert await objects() == []
    with pytest.raises(MediaNotFound):
        await call("media.getMedia", mediaId=str(ticket.media_id))


async def test_a_declared_digest_is_verified(pending_upload, put, call, original):
    """The right bytes complete; others are refused by the store or at completion, and can be sent again."""
    body, other = photo(70, 50), media_files.padded(photo(60, 50), len(photo(70, 50)))
    digest = hashlib.sha256(body).hexdigest()
    ticket = await pending_upload(body, sha256=digest)

    if (await put(ticket, other)).status_code == 200:
        with pytest.raises(DigestDiffers):
            await call("media.completeUpload", mediaId=str(ticket.media_id))

    assert (await put(ticket, body)).status_code == 200
    media = (await call("media.completeUpload", mediaId=str(ticket.media_id))).media
    assert await original(media.id) == body


async def test_a_wrong_size_is_refused_and_can_be_sent_again(pending_upload, put, call, resources):
    """A store that took another length is not believed."""
    body = photo()
    ticket = await pending_upload(body)
    row = await resources.db.one(_Key, "read_media", id=ticket.media_id)
    resources.store._client.put_object(Bucket=resources.store.name, Key=row.staging_key, Body=body + b"!")

    with pytest.raises(SizeDiffers) as refused:
        await call("media.completeUpload", mediaId=str(ticket.media_id))
    assert refused.value.details == {"declared": len(body), "actual": len(body) + 1}

    assert (await put(ticket, body)).status_code == 200
    assert (await call("media.completeUpload", mediaId=str(ticket.media_id))).media.size == len(body)


async def test_an_expired_upload_without_bytes_says_so(pending_upload, call, after_the_url):
    ticket = await pending_upload()

    with pytest.raises(UploadExpired, match="Upload expired"):
        await call("media.completeUpload", mediaId=str(ticket.media_id), now=after_the_url)


async def test_a_finished_upload_completes_after_its_url_expired(arrived_upload, call, after_the_url):
    """Slow is not lost: the bytes are there, so they count."""
    ticket = await arrived_upload()

    media = (await call("media.completeUpload", mediaId=str(ticket.media_id), now=after_the_url)).media

    assert media.status == MediaState.PROCESSING


async def test_a_malformed_id_is_invalid_input(subtests, call):
    names = ("media.completeUpload", "media.getMedia", "media.deleteMedia", "media.getDownloadUrl")
    no_ids: tuple[Any, ...] = ("", "x", "123", "0" * 36, "{01a1fc1d-4cfc-7419-b6ae-678b4ebd12ac}", 5, None, [])
    for name, media_id in product(names, no_ids):
        refused = pytest.raises(ValidationFailed, match="Invalid media ID format")
        with subtests.test(name=name, media_id=media_id), refused:
            await call(name, mediaId=media_id)


async def test_an_unknown_id_is_not_found(call):
    unknown = str(uuid.uuid4())
    with pytest.raises(UploadNotFound, match="Upload not found"):
        await call("media.completeUpload", mediaId=unknown)
    for name in ("media.getMedia", "media.deleteMedia", "media.getDownloadUrl"):
        with pytest.raises(MediaNotFound, match="Media not found"):
            await call(name, mediaId=unknown)


async def test_somebody_elses_media_is_not_found(ready_media, pending_upload, call):
    """Nobody learns that an id of another owner exists, and nothing happens to it."""
    media, upload = await ready_media(), await pending_upload()
    with pytest.raises(UploadNotFound):
        await call("media.completeUpload", caller=BEN, mediaId=str(upload.media_id))
    for name in ("media.getMedia", "media.deleteMedia", "media.getDownloadUrl"):
        with pytest.raises(MediaNotFound):
            await call(name, caller=BEN, mediaId=str(media.id))

    assert (await call("media.listMedia", caller=BEN)).items == []
    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == MediaState.READY


async def test_another_upload_id_is_not_found(arrived_upload, call):
    ticket = await arrived_upload()
    with pytest.raises(UploadNotFound):
        await call("media.completeUpload", mediaId=str(ticket.media_id), uploadId=str(uuid.uuid4()))


async def test_supported_formats_need_no_caller(call):
    answer = await call("media.getSupportedFormats", caller=None)

    assert [known.content_type for known in answer.formats] == list(FORMATS)
    assert {(known.type, known.max_size, known.max_multipart_size) for known in answer.formats} == {
        ("image", 10 * MIB, 10 * MIB),
        ("video", 100 * MIB, 500 * MIB),
        ("audio", 20 * MIB, 20 * MIB),
    }
    assert answer.max_filename_characters == 255


async def test_percentage_has_two_decimals(call, resources, ada):
    """25 MiB of 50 are 50 %; a third of the quota is 33.33 %."""
    async with resources.db.pool.connection() as connection:
        await connection.execute(
            "insert into media (id, owner_id, user_id, state, type, filename, mime_type, size_bytes, staging_key,"
            " original_key, url_expires_at, url_ends_at, created_at, updated_at) values (gen_random_uuid(), 'ada',"
            " 'ada', 'ready', 'video', 'a', 'video/mp4', 17476266, 'k', 'o', now() + '1s', now() + '1s', now(), now())"
        )
    assert (await call("media.getStorageUsage", caller=replace(ada, plan=Plan.FREE))).percentage == 33.33


class _Key:
    def __init__(self, **columns):
        self.staging_key = columns["staging_key"]
