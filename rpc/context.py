"""What a procedure gets beside its input."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct

from contracts.ceilings import Ceilings
from contracts.errors import AuthenticationRequired, ForeignOwner, ServiceOnly
from contracts.owners import Owner
from contracts.plans import PlanQuotas
from rpc.auth import Caller
from rpc.concurrency import Slots
from rpc.in_flight import InFlight
from rpc.limits import RateLimits
from sql.database import Database
from sql.notifier import Notifier
from sql.rows import MediaRow
from storage.addresses import Addresses
from storage.presign import Presigner
from storage.s3 import ObjectStore

if TYPE_CHECKING:
    from rpc.introspection import Introspection  # its HTTP client takes a fifth of a process's start

ARRIVALS_PER_CALLER = 16  # that wait on this process's disk, each up to a part
LOOK_SECONDS = 1.5  # storage is looked at no more often


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPolicy:
    """How long a signed URL is good for, and how much later its bytes may still be arriving, in seconds.

    An upload in parts lives for `multipart_ttl_seconds` after a part was signed last. A completion waits for
    `complete_wait_seconds` until the media is ready or failed, unless its caller says otherwise.
    """

    url_ttl_seconds: int
    grace_seconds: int
    multipart_ttl_seconds: int
    complete_wait_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerLimits:
    """How many media an owner may have, and how many of them as uploads that are not completed."""

    media: int
    pending_uploads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What outlives a call: opened once per process, by `server/resources.py`.

    `addresses` says where renditions are; they weigh on the quota when `renditions_count`. With `scans`, nobody gets an
    original before a scanner has found it clean. `completions` are those that this process is at, and
    `looks` those at what storage has of uploads, one of each for all who wait. Of each of the `parts` that
    come through the server one call at a time is read, and so many `arrivals` of each caller.
    """

    db: Database
    store: ObjectStore
    presigner: Presigner
    addresses: Addresses
    renditions_count: bool
    scans: bool
    uploads: UploadPolicy
    owner_limits: OwnerLimits
    ceilings: Ceilings
    plans: PlanQuotas
    post_media_limit: int
    limits: RateLimits
    notifier: Notifier
    introspection: "Introspection | None"
    completions: InFlight[UUID, MediaRow | None] = field(default_factory=InFlight)
    parts: Slots[tuple[UUID, int]] = field(default_factory=partial(Slots, 1))
    arrivals: Slots[str] = field(default_factory=partial(Slots, ARRIVALS_PER_CALLER))
    looks: InFlight[UUID, bool] = field(default_factory=lambda: InFlight(keep_seconds=LOOK_SECONDS))


class Context(Struct, kw_only=True):
    """One call: who calls, when, under which request id, and the resources it may use."""

    identity: Caller | None
    now: datetime
    request_id: str
    resources: Resources
    db: Database

    @property
    def caller(self) -> Caller:
        """The authenticated caller; AuthenticationRequired when there is none."""
        if self.identity is None:
            raise AuthenticationRequired
        return self.identity

    @property
    def owners(self) -> list[str] | None:
        """The owners whose media the caller may touch by id; None when everybody's."""
        return None if self.caller.is_service else [self.caller.key, *self.caller.owners]

    def owner(self, named: Owner | None) -> str:
        """The key of the owner that a call names, the caller when it names none; ForeignOwner when that may not be."""
        if named is None:
            return self.caller.key
        if self.owners is not None and named.key not in self.owners:
            raise ForeignOwner(owner=f"{named.type}:{named.id}")
        return named.key

    def quota_of(self, owner: str) -> int | None:
        """The quota that the caller's plan gives an owner: to the caller alone; None leaves what is stored."""
        return self.resources.plans.of(self.caller.plan) if owner == self.caller.key else None

    def require_service(self) -> None:
        """Raise ServiceOnly for a caller without the scope `service`."""
        if not self.caller.is_service:
            raise ServiceOnly

    @property
    def store(self) -> ObjectStore:
        """The private bucket."""
        return self.resources.store
