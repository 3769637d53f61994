"""`/hls/{token}/...`: the playlists of private videos, with every segment signed anew for each request.

A player needs no cookie and no header: the path opens all playlists of one media, and nothing else. The segments come
from storage.
"""

import asyncio
import re
from datetime import UTC, datetime
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from contracts.errors import ServiceUnavailable, cause_of
from contracts.renditions import PLAYLIST_TYPE
from rpc.context import Resources
from server.guard import GUARD
from storage.addresses import PLAYLISTS_PATH, SignedAddresses
from storage.bucket import Bucket, ObjectMissing
from storage.keys import rendition_key
from storage.playlists import MAX_BYTES, PlaylistDamaged, signed

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.playlists")

ATTEMPT = re.compile("[0-9a-f]{8}(?:[0-9a-f]{16})?")
NAME = re.compile("[a-z0-9-]{1,40}[.]m3u8")
HEADERS = {"access-control-allow-origin": "*", **GUARD}


class Playlists:
    """Shows the playlists of a private bucket."""

    def __init__(self, bucket: Bucket, addresses: SignedAddresses) -> None:
        self._bucket = bucket
        self._addresses = addresses

    async def __call__(self, request: Request) -> Response:
        """The playlist; 403 for a token that opens nothing, 404 for what is none, 503 without its store."""
        media_id = self._addresses.media_of(request.path_params["token"])
        if media_id is None:
            return _refusal(HTTPStatus.FORBIDDEN)
        attempt, name = request.path_params["attempt"], request.path_params["name"]
        if not ATTEMPT.fullmatch(attempt) or not NAME.fullmatch(name):
            return _refusal(HTTPStatus.NOT_FOUND)
        now = datetime.now(UTC)
        try:
            text = await self._bucket.read(rendition_key(media_id, attempt, name), 0, MAX_BYTES)
            shown = await asyncio.to_thread(  # a day of segments takes seconds
                signed, text.decode(), lambda beside: self._addresses.of(rendition_key(media_id, attempt, beside), now)
            )
        except (ObjectMissing, PlaylistDamaged, UnicodeDecodeError):
            return _refusal(HTTPStatus.NOT_FOUND)
        except ServiceUnavailable as outage:
            log.warning("playlist unavailable", media_id=str(media_id), service=outage.service, **cause_of(outage))
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE)
        caching = {"cache-control": f"private, max-age={self._addresses.seconds_left(now)}"}
        return Response(shown, media_type=PLAYLIST_TYPE, headers={**HEADERS, **caching})


def playlist_routes(resources: Resources) -> list[BaseRoute]:
    """The route of private playlists, where renditions are private."""
    if not isinstance(resources.addresses, SignedAddresses):
        return []
    playlists = Playlists(resources.store.public, resources.addresses)
    return [Route(PLAYLISTS_PATH + "/{token}/{attempt}/{name}", playlists.__call__, methods=["GET", "HEAD"])]


def _refusal(status: HTTPStatus) -> Response:
    return PlainTextResponse(f"{status.phrase.lower()}\n", status, headers={"cache-control": "no-store", **HEADERS})
