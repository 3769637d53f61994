"""Where callers find renditions: in public, or signed for a while."""

import hmac
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import jwt

from storage.keys import public_prefix
from storage.presign import Presigner, window_start
from storage.renditions import kind_of

PLAYLISTS_PATH = "/hls"
# Signed at the start of a window, a URL is the same for the whole of it, and good for another one after its end.
WINDOW_SECONDS = 3600
TTL_SECONDS = 2 * WINDOW_SECONDS
ALGORITHM = "HS256"


class Addresses(Protocol):
    """Says the URL of a rendition by its key."""

    def of(self, key: str, now: datetime) -> str:
        """Where a file is."""

    def of_playlist(self, media_id: UUID, key: str, now: datetime) -> str:
        """Where a playlist is, from which a player finds everything else without a cookie or a header."""


class PublicAddresses:
    """Everybody may read the bucket, below a base URL; a playlist's own references lead on."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def of(self, key: str, _now: datetime) -> str:
        """Good for as long as the object is there."""
        return f"{self.base_url}/{key}"

    def of_playlist(self, _media_id: UUID, key: str, now: datetime) -> str:
        """As that of any other file."""
        return self.of(key, now)


class SignedAddresses:
    """The bucket is private: files are reached by signed GETs, playlists at this server, which signs what is in them.

    A playlist's path holds a token of its media, so that a reference to another playlist of the media leads on.
    """

    def __init__(self, presigner: Presigner, server_url: str, secret: str) -> None:
        self._presigner = presigner
        self._base_url = server_url + PLAYLISTS_PATH
        self._key = hmac.digest(secret.encode(), b"mediarpc playlists", "sha256")

    def of(self, key: str, now: datetime) -> str:
        """Good for one to two hours, and the same within each hour."""
        return self._presigner.shown(
            key,
            content_type=kind_of(key).content_type,
            caching=f"private, max-age={WINDOW_SECONDS}",
            now=window_start(now, WINDOW_SECONDS),
            ttl_seconds=TTL_SECONDS,
        )

    def of_playlist(self, media_id: UUID, key: str, now: datetime) -> str:
        """Good for one to two hours, and the same within each hour."""
        end = window_start(now, WINDOW_SECONDS) + timedelta(seconds=TTL_SECONDS)
        token = jwt.encode({"sub": str(media_id), "exp": end}, self._key, ALGORITHM)
        return f"{self._base_url}/{token}/{key.removeprefix(public_prefix(media_id))}"

    def seconds_left(self, now: datetime) -> int:
        """How long the same URLs are still told; each is good for another hour then."""
        return WINDOW_SECONDS - int(now.timestamp()) % WINDOW_SECONDS

    def media_of(self, token: str) -> UUID | None:
        """The media whose playlists a token opens; None when it opens none, or none any more."""
        try:
            claims = jwt.decode(token, self._key, [ALGORITHM], options={"require": ["sub", "exp"]})
        except jwt.InvalidTokenError:
            return None
        return UUID(claims["sub"])
