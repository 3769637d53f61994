"""A batch of changes answers what fits; what would not fit has not happened."""

import asyncio
import json
from typing import Any, cast, get_origin

import pytest

from contracts.sizes import MIB
from contracts.wire import Wire
from procedures import PROCEDURES
from rpc.budget import MAX_ANSWERS_BYTES
from rpc.context import Context
from rpc.procedure import ProcedureKind, mutation, of_one_media
from tests.attacks.test_answers import QUARTER, called, codes
from tests.media_files import photo
from tests.sample_procedures import SAMPLES, Text, serving

VIDEO = {"filename": "walk.mp4", "contentType": "video/mp4", "size": 500 * MIB, "partSize": 5 * MIB}
# As long as they may be, in characters that grow when they are written in a URL.
ODD_USER, ODD_NAME = "\N{GRINNING FACE}" * 64, "\N{GRINNING FACE}" * 251 + ".mp4"


class Answered(Wire):
    size: int
    most: int


@pytest.fixture
def ran() -> list[int]:
    """The sizes of the answers of the changes that took effect."""
    return []


@pytest.fixture
async def samples(ran):
    @mutation("grow", public=True, most_bytes=lambda _ctx, params: params.most)
    async def grow(_ctx: Context, params: Answered) -> Text:
        await asyncio.sleep(0)
        assert params.size >= 0
        ran.append(params.size)
        return Text(value="x" * params.size)

    async with serving([*SAMPLES, grow]) as opened:
        yield opened


@pytest.fixture
def batch(http, bearer):
    """Call a procedure a hundred times in one request as ada, who has room for a video; the response."""

    async def send(name: str, **params: Any) -> Any:
        calls = [{"jsonrpc": "2.0", "id": number, "method": name, "params": params} for number in range(100)]
        return await http.post("/rpc", json=calls, headers=bearer("ada", plan="premium"))

    return send


def test_a_change_that_answers_a_list_says_how_long_that_can_be():
    """Any other one answers as much as a media takes."""
    changes = [procedure for procedure in PROCEDURES if procedure.kind is ProcedureKind.MUTATION]

    assert {change.name for change in changes if change.most_bytes is not of_one_media} == {
        change.name for change in changes if any(_is_list(field) for field in change.output.model_fields.values())
    }


async def test_a_change_whose_answer_would_not_fit_does_not_take_effect(samples, ran):
    """It is refused before it runs, so the caller asks for it in another request."""
    large = called("grow", size=QUARTER - 20, most=QUARTER)

    assert await codes(samples, *[large] * 8) == [None] * 4 + [1501] * 4
    assert len(ran) == 4


async def test_what_took_effect_is_answered_in_any_case(samples, ran):
    """Nobody is told that a change failed that did not, when answers are larger than they should be."""
    more = called("grow", size=2 * MAX_ANSWERS_BYTES, most=10)

    assert await codes(samples, more, more) == [None, None]
    assert len(ran) == 2


async def test_a_change_that_answers_less_than_it_could_takes_nothing_from_others(samples, ran):
    """They wait for each other, then, and all take effect."""
    assert await codes(samples, *[called("grow", size=10, most=3 * QUARTER)] * 8) == [None] * 8
    assert len(ran) == 8


async def test_a_change_that_fails_takes_nothing_from_others(samples, ran):
    calls = [called("grow", size=size, most=3 * QUARTER) for size in (-1, 10)]

    assert await codes(samples, *calls) == [-32603, None]
    assert ran == [10]


async def test_many_signed_parts_are_answered_as_far_as_they_fit(batch, bearer, http):
    clip = await http.post(
        "/rpc", json=called("media.initiateMultipartUpload", **VIDEO), headers=bearer(plan="premium")
    )
    media_id = clip.json()["result"]["mediaId"]

    answer = await batch("media.signParts", mediaId=media_id, partNumbers=list(range(1, 101)))

    outcomes = [member.get("error", {}).get("code") for member in answer.json()]
    assert len(answer.content) < MAX_ANSWERS_BYTES + 50_000
    assert outcomes.count(None) > 10
    assert set(outcomes) == {None, 1501}


async def test_small_changes_of_a_full_batch_all_fit(batch, completed_media):
    media = await completed_media()

    changes: dict[str, dict[str, Any]] = {
        "media.setProfileImage": {"mediaId": str((await completed_media(purpose="profile")).id)},
        "media.completeUpload": {"mediaId": str(media.id)},
        "media.deleteMany": {"mediaIds": [str(media.id)]},
    }

    for name, params in changes.items():
        assert all("result" in member for member in (await batch(name, **params)).json()), name


async def test_no_answer_is_longer_than_the_room_kept_for_it(http, bearer):
    """Not with names and ids of the odd kind."""
    table = {procedure.name: procedure for procedure in PROCEDURES}
    headers = bearer(ODD_USER, plan="premium")

    async def answer(name: str, **params: Any) -> Any:
        told = await http.post("/rpc", json=called(name, **params), headers=headers)
        given = table[name].input.model_validate(params)
        assert len(json.dumps(told.json()["result"])) < table[name].most_bytes(cast("Any", None), given), name
        return told.json()["result"]

    media_id = (await answer("media.initiateMultipartUpload", **VIDEO | {"filename": ODD_NAME}))["mediaId"]
    checksums = [{"partNumber": number, "sha256": "0" * 64} for number in range(1, 101)]
    await answer("media.signParts", mediaId=media_id, partNumbers=list(range(1, 101)), checksums=checksums)
    image = {"filename": ODD_NAME, "contentType": "image/jpeg", "size": len(photo()), "sha256": "0" * 64}
    await answer("media.initiateUploads", uploads=[image] * 10)
    await answer("media.initiateUploads", uploads=[image | {"size": 2**50}] * 50)
    await answer("media.deleteMany", mediaIds=[media_id, "00000000-0000-4000-8000-000000000000"])


def _is_list(field: Any) -> bool:
    return get_origin(field.annotation) is list
