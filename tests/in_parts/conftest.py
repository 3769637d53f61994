"""Uploads in parts by somebody who has room for them."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.plans import Plan
from tests.in_parts.uploads import PART, WHOLE, Upload


@pytest.fixture
def ada(ada):
    """A user whose plan has room for videos."""
    return replace(ada, plan=Plan.PRO)


@pytest.fixture
def begin(call, client):
    """Begin an upload of these bytes in parts; nothing is sent."""

    async def initiate(body: bytes = WHOLE, **params: Any) -> Upload:
        told = {"filename": "walk.mp4", "contentType": "video/mp4", "size": len(body), "partSize": PART, **params}
        return Upload(await call("media.initiateMultipartUpload", **told), body, call, client)

    return initiate


@pytest.fixture
def arrived(begin):
    """An upload whose parts are all there."""

    async def arrive(body: bytes = WHOLE, **params: Any) -> Upload:
        upload: Upload = await begin(body, **params)
        await upload.send(*range(1, upload.ticket.total_parts + 1))
        return upload

    return arrive
