"""The names of objects. Only this server makes them; none comes from a client.

    staging/{home}/{mediaId}_{name}             written through the signed URL
    {home}/{mediaId}_{attempt}_{name}           the verified bytes, written once by the server
    {mediaId}/{attempt}/{rendition}             in the public bucket, written once by a worker

The home is users/{id}/posts or users/{id}/profile, by purpose, and owners/{type}/{id}/... for an owner who is no user.
Everything private of one media stands under two prefixes that end in its id, which has a fixed length; everything
public under one, which tells neither its owner nor its name.
"""

import re
import secrets
import unicodedata
from hashlib import sha256
from urllib.parse import quote
from uuid import UUID

from contracts.media import Purpose
from contracts.owners import USER, named

MAX_NAME_CHARACTERS = 80
MAX_OWNER_CHARACTERS = 128  # of the percent-encoded id; a longer one ends in its hash
FOLDERS = {Purpose.POST: "posts", Purpose.PROFILE: "profile"}


def staging_key(owner_id: str, media_id: UUID, filename: str, purpose: Purpose) -> str:
    """The key that the signed URL of an upload writes to."""
    return f"staging/{_home(owner_id, purpose)}/{media_id}_{safe_name(filename)}"


def original_key(owner_id: str, media_id: UUID, filename: str, purpose: Purpose) -> str:
    """A new key for the verified bytes of an upload; no two calls give the same, so no two attempts share one."""
    return f"{_home(owner_id, purpose)}/{media_id}_{new_attempt()}_{safe_name(filename)}"


def rendition_key(media_id: UUID, attempt: str, filename: str) -> str:
    """The public key of a rendition that one attempt at processing made."""
    return f"{public_prefix(media_id)}{attempt}/{filename}"


def belongs_to(key: str, rendition: str) -> bool:
    """Whether an object is that of a rendition's key, or a segment of it when it is a playlist."""
    stem, _, extension = rendition.rpartition(".")
    return key == rendition or (extension == "m3u8" and key.startswith(f"{stem}-"))


def new_attempt() -> str:
    """A name for one attempt, which no other has and nobody guesses: 96 random bits."""
    return secrets.token_hex(12)


def public_prefix(media_id: UUID) -> str:
    """The prefix under which everything public of a media stands."""
    return f"{media_id}/"


def prefixes(owner_id: str, media_id: UUID, purpose: Purpose) -> tuple[str, str]:
    """The prefixes under which everything private of a media stands."""
    home = _home(owner_id, purpose)
    return f"staging/{home}/{media_id}_", f"{home}/{media_id}_"


def safe_name(filename: str) -> str:
    """An ASCII slug of a file name that keeps its extension; never empty, never with a dot in front."""
    ascii_name = unicodedata.normalize("NFKD", filename).encode("ascii", "ignore").decode()
    stem, dot, extension = ascii_name.rpartition(".")
    stem, extension = (stem, extension) if dot else (ascii_name, "")
    slug = _slug(stem)[:MAX_NAME_CHARACTERS] or "file"
    suffix = _slug(extension)[:10]
    return f"{slug}.{suffix}" if suffix else slug


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-_")


def _home(owner_id: str, purpose: Purpose) -> str:
    kind, name = named(owner_id)
    whose = "users" if kind == USER else f"owners/{_folder(kind)}"
    return f"{whose}/{_folder(name)}/{FOLDERS[purpose]}"


def _folder(name: str) -> str:
    # S3 servers that keep objects as files read "." and ".." as folders, and take names of up to 255 bytes.
    quoted = quote(name, safe="").replace(".", "%2E")
    if len(quoted) > MAX_OWNER_CHARACTERS:
        quoted = quoted[:MAX_OWNER_CHARACTERS] + "~" + sha256(name.encode()).hexdigest()
    return quoted
