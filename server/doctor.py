"""`mediarpc doctor`: whether everything that the settings name is there and does what is needed of it, a line each."""

import asyncio
import io
import os
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import aiohttp
from yarl import URL

from contracts.errors import ServiceUnavailable, cause_of
from jobs.scan import Scanner
from processing.sandbox.cgroup import dies_as_one, memory_bytes
from processing.sandbox.probe import Sandbox, sandbox
from rpc.context import Resources
from server.lanes import MIB, Lanes
from server.resources import open_resources
from server.settings import Settings
from sql.readiness import State, readiness
from storage.addresses import SignedAddresses
from storage.bucket import ObjectMissing
from storage.calls import ObjectsRemain, StoreError

TIMEOUT_SECONDS = 15.0
PROBE = b"mediarpc doctor"

# What to do about the codes by which a store refuses a setting.
ADVICE = {
    "NoSuchBucket": "create the bucket, or name another by S3_BUCKET or S3_PUBLIC_BUCKET",
    "InvalidAccessKeyId": "it does not know S3_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "S3_SECRET_ACCESS_KEY is not the secret of S3_ACCESS_KEY_ID",
    "AuthorizationHeaderMalformed": "S3_REGION is not its region",
    "PermanentRedirect": "S3_REGION or S3_ENDPOINT is not where the bucket is",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "AccessDenied": "allow this to the key pair",
}

Verdict = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do about it."""

    subject: str
    verdict: Verdict
    sentence: str

    def __str__(self) -> str:
        return f"{self.verdict:8} {self.subject}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a browser gets."""

    status: int
    is_whole: bool
    is_guarded: bool


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything, one after the other; nothing that fails keeps the rest from being looked at."""
    async with open_resources(settings) as resources:
        return [await _bounded(subject, look) for subject, look in _looks(resources, settings)]


def _looks(resources: Resources, settings: Settings) -> Iterator[tuple[str, Callable[[], Awaitable[Finding]]]]:
    yield "callers", lambda: _callers(settings)
    yield "database", lambda: _database(resources)
    yield "storage", lambda: _storage(resources)
    yield "renditions", lambda: _renditions(resources)
    yield "virus scan", lambda: _scan(settings)
    yield "processing", _processing
    yield "memory", lambda: _memory(settings)


async def _bounded(subject: str, look: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await look()
    except ServiceUnavailable as away:
        return Finding(subject, "failed", _reason(away))
    except TimeoutError:
        return Finding(subject, "failed", f"no answer in {TIMEOUT_SECONDS:.0f} s")


def _reason(away: ServiceUnavailable) -> str:
    """Why a service is not there, in its own words when it has any, and what to do."""
    facts = cause_of(away)
    if not isinstance(away.__cause__, StoreError):
        return f"the {away.service} that the settings name does not answer as it should"
    bucket = f" for {facts['bucket']}" if "bucket" in facts else ""
    advice = ADVICE.get(str(facts["code"]), "see what this store means by it")
    return f"it answers {facts['operation']}{bucket} with {facts['code']}: {advice}"


async def _callers(settings: Settings) -> Finding:
    if settings.has_verifier:
        return Finding("callers", "ok", "tokens can be verified")
    return Finding("callers", "failed", "set AUTH_JWT_SECRET, AUTH_JWKS_URL or AUTH_INTROSPECTION_URL")


async def _database(resources: Resources) -> Finding:
    match await readiness(resources.db):
        case State.UNREACHABLE:
            raise ServiceUnavailable(service="database")
        case State.MIGRATIONS_MISSING:
            return Finding("database", "failed", "migrations are missing: run mediarpc migrate")
        case State.READ_ONLY:
            return Finding("database", "failed", "it takes no writes: name the primary, in read-write mode")
        case State.READY:
            return Finding("database", "ok", "it answers, takes writes, and has every migration")


async def _storage(resources: Resources) -> Finding:
    store = resources.store
    await store.check()
    for bucket in (store, store.public):
        key = f"doctor/{uuid.uuid4()}.txt"
        try:
            await bucket.write(key, io.BytesIO(PROBE), size_bytes=len(PROBE), content_type="text/plain")
            await bucket.head(key)
            await bucket.remove([key])
        except (ObjectMissing, ObjectsRemain):
            return Finding("storage", "failed", f"{bucket.name} does not keep to what was written and deleted")
    return Finding("storage", "ok", f"{store.name} and {store.public.name} can be written, read and deleted from")


async def _renditions(resources: Resources) -> Finding:
    """As a browser sees them, by the address that callers are told."""
    key = f"doctor/{uuid.uuid4()}.webp"
    url = resources.addresses.of(key, datetime.now(UTC))
    unsigned_url = url.partition("?")[0]
    where = unsigned_url.removesuffix(f"/{key}")
    await resources.store.public.write(key, io.BytesIO(PROBE), size_bytes=len(PROBE), content_type="image/webp")
    try:
        async with aiohttp.ClientSession() as session:
            shown, unsigned = await _seen(session, url), await _seen(session, unsigned_url)
    except aiohttp.ClientError:
        return Finding("renditions", "failed", f"{where} does not answer")
    finally:
        with suppress(ObjectsRemain):
            await resources.store.public.remove([key])
    judge = _private if isinstance(resources.addresses, SignedAddresses) else _public
    return judge(where, shown, unsigned)


async def _seen(session: aiohttp.ClientSession, url: str) -> _Seen:
    async with session.get(URL(url, encoded=True)) as answer:
        body, guarded = await answer.read(), answer.headers.get("x-content-type-options")
        return _Seen(answer.status, is_whole=body == PROBE, is_guarded=guarded == "nosniff")


def _public(where: str, shown: _Seen, _unsigned: _Seen) -> Finding:
    if not shown.is_whole:
        return Finding("renditions", "failed", f"{where} answers {shown.status}: let everybody read the bucket")
    if not shown.is_guarded:
        return Finding("renditions", "warning", f"add X-Content-Type-Options: nosniff at {where}")
    return Finding("renditions", "ok", f"everybody can read them at {where}")


def _private(where: str, shown: _Seen, unsigned: _Seen) -> Finding:
    if unsigned.is_whole:
        return Finding("renditions", "failed", f"everybody can read them at {where}: make the bucket private")
    if not shown.is_whole:
        return Finding("renditions", "failed", f"{where} answers a signed GET with {shown.status}")
    return Finding("renditions", "ok", f"they are private, and signed GETs are answered at {where}")


async def _scan(settings: Settings) -> Finding:
    if settings.clamav_url is None:
        return Finding("virus scan", "warning", "CLAMAV_URL is not set: files are published unscanned")
    return Finding("virus scan", "ok", f"{await Scanner(settings.clamav_url).version()} answers")


async def _processing() -> Finding:
    found = await asyncio.to_thread(sandbox)
    lacking = [sentence for holds, sentence in _holds(found) if not holds]
    if lacking:
        return Finding("processing", "warning", f"what looks into strangers' files {', and '.join(lacking)}")
    guards = f"no network, and no file but its own (Landlock {found.landlock})"
    return Finding("processing", "ok", f"what looks into strangers' files has {guards}{_whose(found)}")


def _holds(found: Sandbox) -> Iterator[tuple[bool, str]]:
    yield found.sockets, "has a network: this kernel or this container has no seccomp filters"
    yield found.files, "reads whatever this user can read: this kernel has no Landlock, or has it switched off"
    yield found.user is not None or os.getuid() != 0, "runs as root: give this container CAP_SETUID, or another user"


def _whose(found: Sandbox) -> str:
    return ", and is a user of its own" if found.user is not None else ""


async def _memory(settings: Settings) -> Finding:
    """Whether a worker here has room for what it processes at once; where another machine works, look there."""
    lanes, there = Lanes.of(settings), memory_bytes()
    at_once = f"images {lanes.images}, audio files {lanes.audio_files}, posters {lanes.posters}, videos {lanes.videos}"
    takes = f"a worker here takes about {lanes.memory_bytes // MIB} MiB of {there // MIB} MiB (at once: {at_once})"
    if lanes.memory_bytes > there:
        settings_at_once = "IMAGE_CONCURRENCY, AUDIO_CONCURRENCY, POSTER_CONCURRENCY or VIDEO_CONCURRENCY"
        advice = f"give it more memory, or lower {settings_at_once}"
        return Finding("memory", "warning", f"{takes}: {advice}")
    if dies_as_one():
        return Finding(
            "memory", "warning", f"{takes}, and is killed along with a file that needs too much: unset memory.oom.group"
        )
    return Finding("memory", "ok", takes)
