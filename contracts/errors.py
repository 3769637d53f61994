"""The one error table, and one exception class for each error that this server raises.

A procedure raises where the failure is known; `rpc/dispatch.py` catches once; each dialect prints the outcome in its
own form. Facts are attributes of the exception and become `details` on the wire, in camelCase.
"""

from dataclasses import dataclass, field, fields
from enum import IntEnum
from errno import errorcode
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Self

from pydantic import WithJsonSchema
from pydantic.alias_generators import to_camel

from contracts.tokens import TokenFault

JSONRPC_INVALID_PARAMS = -32602
JSONRPC_INTERNAL_ERROR = -32603
_INPUT_CODES = range(1200, 1300)
_ISSUES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "path": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
            "code": {"type": "string"},
            "message": {"type": "string"},
        },
        "required": ["path", "code", "message"],
        "additionalProperties": False,
    },
}


_RELEASES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"at": {"type": "string", "format": "date-time"}, "bytes": {"type": "integer"}},
        "required": ["at", "bytes"],
        "additionalProperties": False,
    },
}


class ErrorCode(IntEnum):
    """code = number, sentence, HTTP status in the envelope, tRPC key. The numbers are those of VRSS's api-contracts."""

    sentence: str
    http_status: int
    trpc_key: str

    def __new__(  # noqa: D102 - the class tells the columns
        cls, number: int, sentence: str, http_status: HTTPStatus, trpc_key: str
    ) -> Self:
        code = int.__new__(cls, number)
        code._value_ = number
        code.sentence, code.http_status, code.trpc_key = sentence, int(http_status), trpc_key
        return code

    UNAUTHORIZED = 1000, "Authentication required", HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED"
    INVALID_CREDENTIALS = 1001, "Invalid credentials", HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED"
    SESSION_EXPIRED = 1002, "Session expired", HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED"
    INVALID_TOKEN = 1003, "Invalid token", HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED"
    EMAIL_NOT_VERIFIED = 1004, "Email not verified", HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED"
    ACCOUNT_DISABLED = 1005, "Account disabled", HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED"

    FORBIDDEN = 1100, "Forbidden", HTTPStatus.FORBIDDEN, "FORBIDDEN"
    INSUFFICIENT_PERMISSIONS = 1101, "Insufficient permissions", HTTPStatus.FORBIDDEN, "FORBIDDEN"
    ACCESS_DENIED = 1102, "Access denied", HTTPStatus.FORBIDDEN, "FORBIDDEN"

    VALIDATION_ERROR = 1200, "Invalid input", HTTPStatus.BAD_REQUEST, "BAD_REQUEST"
    INVALID_INPUT = 1201, "The uploaded bytes differ from what was declared", HTTPStatus.BAD_REQUEST, "BAD_REQUEST"
    MISSING_REQUIRED_FIELD = 1202, "A required field is missing", HTTPStatus.BAD_REQUEST, "BAD_REQUEST"
    INVALID_FORMAT = 1203, "Invalid format", HTTPStatus.BAD_REQUEST, "BAD_REQUEST"
    INVALID_EMAIL = 1204, "Invalid email", HTTPStatus.BAD_REQUEST, "BAD_REQUEST"
    INVALID_PASSWORD = 1205, "Invalid password", HTTPStatus.BAD_REQUEST, "BAD_REQUEST"
    INVALID_USERNAME = 1206, "Invalid username", HTTPStatus.BAD_REQUEST, "BAD_REQUEST"

    NOT_FOUND = 1300, "Media not found", HTTPStatus.BAD_REQUEST, "NOT_FOUND"
    RESOURCE_NOT_FOUND = 1301, "Resource not found", HTTPStatus.BAD_REQUEST, "NOT_FOUND"
    USER_NOT_FOUND = 1302, "User not found", HTTPStatus.BAD_REQUEST, "NOT_FOUND"
    POST_NOT_FOUND = 1303, "Post not found", HTTPStatus.BAD_REQUEST, "NOT_FOUND"
    FEED_NOT_FOUND = 1304, "Feed not found", HTTPStatus.BAD_REQUEST, "NOT_FOUND"
    CONVERSATION_NOT_FOUND = 1305, "Conversation not found", HTTPStatus.BAD_REQUEST, "NOT_FOUND"
    MESSAGE_NOT_FOUND = 1306, "Message not found", HTTPStatus.BAD_REQUEST, "NOT_FOUND"

    CONFLICT = 1400, "The media is in another state", HTTPStatus.CONFLICT, "CONFLICT"
    ALREADY_EXISTS = 1401, "Already exists", HTTPStatus.CONFLICT, "CONFLICT"
    DUPLICATE_USERNAME = 1402, "Username taken", HTTPStatus.CONFLICT, "CONFLICT"
    DUPLICATE_EMAIL = 1403, "Email taken", HTTPStatus.CONFLICT, "CONFLICT"
    ALREADY_FOLLOWING = 1404, "Already following", HTTPStatus.CONFLICT, "CONFLICT"
    ALREADY_FRIENDS = 1405, "Already friends", HTTPStatus.CONFLICT, "CONFLICT"

    RATE_LIMIT_EXCEEDED = 1500, "Rate limit exceeded", HTTPStatus.TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS"
    TOO_MANY_REQUESTS = 1501, "Too many requests", HTTPStatus.TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS"
    QUOTA_EXCEEDED = 1502, "Quota exceeded", HTTPStatus.TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS"

    STORAGE_LIMIT_EXCEEDED = 1600, "Storage quota exceeded", HTTPStatus.BAD_REQUEST, "FORBIDDEN"
    INVALID_FILE_TYPE = 1601, "The bytes are not of the declared type", HTTPStatus.BAD_REQUEST, "UNSUPPORTED_MEDIA_TYPE"
    FILE_TOO_LARGE = 1602, "File size exceeds maximum allowed", HTTPStatus.BAD_REQUEST, "PAYLOAD_TOO_LARGE"
    STORAGE_QUOTA_EXCEEDED = 1603, "Storage quota exceeded", HTTPStatus.BAD_REQUEST, "FORBIDDEN"

    INTERNAL_SERVER_ERROR = 1900, "Internal server error", HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR"
    DATABASE_ERROR = 1901, "Database error", HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR"
    EXTERNAL_SERVICE_ERROR = 1902, "External service error", HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR"
    SERVICE_UNAVAILABLE = 1903, "Service unavailable", HTTPStatus.INTERNAL_SERVER_ERROR, "SERVICE_UNAVAILABLE"
    UNKNOWN_ERROR = 9999, "Unknown error", HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR"

    @property
    def jsonrpc(self) -> int:
        """The number in JSON-RPC's `error.code`: the spec's for bad input and the unforeseen, else the code itself."""
        if self is ErrorCode.INTERNAL_SERVER_ERROR:
            return JSONRPC_INTERNAL_ERROR
        return JSONRPC_INVALID_PARAMS if self in _INPUT_CODES else int(self)


@dataclass(kw_only=True)
class RpcError(Exception):
    """A failure that the caller is told: its code, a sentence, and its facts as details."""

    code: ClassVar[ErrorCode]
    sentence: ClassVar[str | None] = None

    @property
    def message(self) -> str:
        """What the caller reads; it never quotes an exception or a secret."""
        return self.sentence or self.code.sentence

    @property
    def details(self) -> dict[str, Any] | None:
        """The facts in camelCase, or None when there are none."""
        return {to_camel(fact.name): getattr(self, fact.name) for fact in fields(self)} or None

    def __str__(self) -> str:
        return f"{int(self.code)} {self.message}"


class AuthenticationRequired(RpcError):
    """The procedure needs a caller and the request names none."""

    code = ErrorCode.UNAUTHORIZED


class SessionExpired(RpcError):
    """The token was good once; its `exp` has passed."""

    code = ErrorCode.SESSION_EXPIRED


class InvalidToken(RpcError):
    """The token's signature, algorithm, issuer, audience or claims are not what this server accepts.

    The log has the fault. So has the answer of `mediarpc dev`; others learn no more than that it is invalid.
    """

    code = ErrorCode.INVALID_TOKEN

    def __init__(self, fault: TokenFault, *, explained: bool = False) -> None:
        self.fault = fault
        self.explained = explained

    @property
    def message(self) -> str:
        """The sentence, with that of the fault where it is explained."""
        return f"{self.code.sentence}: {self.fault.sentence}" if self.explained else self.code.sentence


class ForeignSite(RpcError):
    """The caller is named by a cookie alone, and the request may have been made by a page of another site."""

    code = ErrorCode.FORBIDDEN
    sentence = "The cookie is not accepted from another site"


@dataclass(kw_only=True)
class ForeignOwner(RpcError):
    """The caller's token does not allow to act for this owner."""

    code = ErrorCode.FORBIDDEN
    sentence = "The token does not allow to act for this owner"
    owner: str


class ServiceOnly(RpcError):
    """The procedure is for tokens with the scope `service`."""

    code = ErrorCode.FORBIDDEN
    sentence = "The token needs the scope service"


@dataclass(kw_only=True)
class ValidationFailed(RpcError):
    """The input does not fit the procedure's model; the message is the first issue's."""

    code = ErrorCode.VALIDATION_ERROR
    field: str
    errors: Annotated[list[dict[str, Any]], WithJsonSchema(_ISSUES)]
    field_errors: dict[str, list[str]]

    @classmethod
    def of(cls, code: str, message: str, field: str = "") -> Self:
        """One issue, at a member of the input when one is to blame."""
        issue = {"path": [field] if field else [], "code": code, "message": message}
        return cls(field=field, errors=[issue], field_errors={field: [message]})

    @property
    def message(self) -> str:
        """The first issue's sentence."""
        return str(self.errors[0]["message"])


class UploadExpired(RpcError):
    """The signed URL ran out before the bytes came."""

    code = ErrorCode.VALIDATION_ERROR
    sentence = "Upload expired. Please initiate a new upload."


@dataclass(kw_only=True)
class SizeDiffers(RpcError):
    """Storage holds another number of bytes than declared; the upload stays pending, so the PUT can be repeated."""

    code = ErrorCode.INVALID_INPUT
    sentence = "The uploaded size differs from the declared size"
    declared: int
    actual: int


class DigestDiffers(RpcError):
    """The bytes' SHA-256 is not the declared one; the upload stays pending, so the PUT can be repeated."""

    code = ErrorCode.INVALID_INPUT
    sentence = "The uploaded bytes differ from the declared SHA-256"


class UnknownProcedure(RpcError):
    """No procedure has this name."""

    code = ErrorCode.NOT_FOUND

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def message(self) -> str:
        """The sentence with the name that was asked for."""
        return f"Procedure '{self.name[:100]}' not found"


class WrongAddress(RpcError):
    """Nothing is called at the address that a request went to."""

    code = ErrorCode.NOT_FOUND

    def __init__(self, rpc_path: str) -> None:
        self.rpc_path = rpc_path

    @property
    def message(self) -> str:
        """The sentence with the addresses where something is."""
        return (
            f"Nothing is called at this address. POST JSON-RPC and envelopes to {self.rpc_path}, without a slash behind"
            f" it, and call tRPC at {self.rpc_path}/{{procedure}}."
        )


class MediaNotFound(RpcError):
    """No media of this caller has this id: unknown, deleted and somebody else's read the same."""

    code = ErrorCode.NOT_FOUND


class UploadNotFound(MediaNotFound):
    """`completeUpload` knows no upload of this caller with this id."""

    sentence = "Upload not found or already completed"


@dataclass(kw_only=True)
class RenditionNotFound(RpcError):
    """The media has no rendition of this name (yet)."""

    code = ErrorCode.NOT_FOUND
    sentence = "Rendition not found"
    rendition: str


@dataclass(kw_only=True)
class UploadIncomplete(RpcError):
    """The bytes have not arrived; the upload stays pending until `expiresAt`."""

    code = ErrorCode.CONFLICT
    sentence = "The bytes have not arrived: PUT them to uploadUrl first"
    media_id: str
    expires_at: str


@dataclass(kw_only=True)
class PartsMissing(RpcError):
    """Storage does not have these parts; the upload stays pending until `expiresAt`."""

    code = ErrorCode.CONFLICT
    sentence = "Parts are missing: send them, then complete"
    media_id: str
    missing_parts: list[int]
    expires_at: str


@dataclass(kw_only=True)
class PartDiffers(RpcError):
    """Storage has a part of another size or ETag than declared; the upload stays pending, so it can be sent again."""

    code = ErrorCode.INVALID_INPUT
    sentence = "A part differs from what was declared"
    part_number: int
    declared: int | str
    actual: int | str


@dataclass(kw_only=True)
class PartUnknown(RpcError):
    """The upload has no part of this number; an upload by one PUT has none at all."""

    code = ErrorCode.VALIDATION_ERROR
    sentence = "The upload has no part of this number"
    part_number: int
    total_parts: int


@dataclass(kw_only=True)
class UploadPending(RpcError):
    """The media has no verified bytes yet, so there is nothing to download."""

    code = ErrorCode.CONFLICT
    sentence = "The upload is not completed"
    media_id: str


class MediaInfected(RpcError):
    """The file holds malware: nobody gets it any more, and soon it goes."""

    code = ErrorCode.CONFLICT
    sentence = "The file holds malware"


class MediaUnscanned(RpcError):
    """No scanner has found the file clean, or not yet; what is ready can be downloaded."""

    code = ErrorCode.CONFLICT
    sentence = "The file has not been found clean"


class MediaProcessed(RpcError):
    """The media is ready: there is nothing to cancel any more."""

    code = ErrorCode.CONFLICT
    sentence = "The media is processed already"


class UploadCompleted(RpcError):
    """A completed media is not cancelled any more; `deleteMedia` deletes it."""

    code = ErrorCode.CONFLICT
    sentence = "The upload is completed: use deleteMedia"


@dataclass(kw_only=True)
class MediaUnusable(RpcError):
    """A post or a profile takes only what is `processing` or `ready`: verified, and not failed."""

    code = ErrorCode.CONFLICT
    sentence = "The media is not ready or processing"
    media_id: str
    status: str


@dataclass(kw_only=True)
class OtherPurpose(RpcError):
    """The media was uploaded for another purpose: what is for posts is no profile image, and the other way round."""

    code = ErrorCode.CONFLICT
    sentence = "The media was uploaded for another purpose"
    media_id: str
    purpose: str


@dataclass(kw_only=True)
class NoImage(RpcError):
    """A profile image has to be an image."""

    code = ErrorCode.CONFLICT
    sentence = "The media is not an image"
    media_id: str
    type: str


@dataclass(kw_only=True)
class AttachedElsewhere(RpcError):
    """The media belongs to the post `postId`; detach it there first."""

    code = ErrorCode.CONFLICT
    sentence = "The media is attached to another post"
    media_id: str
    post_id: str


@dataclass(kw_only=True)
class SeveralOwners(RpcError):
    """The media belongs to another owner than the first one: a post has media of one owner."""

    code = ErrorCode.CONFLICT
    sentence = "The media of a post belong to one owner"
    media_id: str


@dataclass(kw_only=True)
class PostFull(RpcError):
    """The post has room for `limit` media, and `mediaId` would be the next; none was attached."""

    code = ErrorCode.CONFLICT
    sentence = "The post has no room for so many media"
    media_id: str
    post_id: str
    limit: int


class IdempotencyKeyTaken(RpcError):
    """The key named another input before, or an upload that was deleted since."""

    code = ErrorCode.CONFLICT
    sentence = "The idempotency key was used for another upload, or for one that was deleted"


@dataclass(kw_only=True)
class RateLimitExceeded(RpcError):
    """The caller's window for this procedure is full; in `retryAfter` seconds it has room."""

    code = ErrorCode.RATE_LIMIT_EXCEEDED
    retry_after: int


@dataclass(kw_only=True)
class AnswersTooLarge(RpcError):
    """The answers of a batch are larger than `limitBytes` together; ask for the rest in another request."""

    code = ErrorCode.TOO_MANY_REQUESTS
    sentence = "The answers of this batch are too large together"
    limit_bytes: int


@dataclass(kw_only=True)
class StorageLimitExceeded(RpcError):
    """`required` bytes do not fit into what used and reserved bytes, and renditions that count, leave of the quota.

    `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest first.
    """

    code = ErrorCode.STORAGE_LIMIT_EXCEEDED
    used: int
    reserved: int
    quota: int
    available: int
    required: int
    releases: Annotated[list[dict[str, Any]], WithJsonSchema(_RELEASES)] = field(default_factory=list)


@dataclass(kw_only=True)
class MediaLimitExceeded(StorageLimitExceeded):
    """The owner has `media` of `maxMedia` media, deleted ones until they are gone; so no byte is `available`."""

    sentence = "The owner has too many media"
    media: int
    max_media: int


@dataclass(kw_only=True)
class PendingUploadLimitExceeded(StorageLimitExceeded):
    """The owner has `pendingUploads` of `maxPendingUploads` uploads to complete; so no byte is `available`."""

    sentence = "Too many uploads are not completed"
    pending_uploads: int
    max_pending_uploads: int


@dataclass(kw_only=True)
class InvalidFileType(RpcError):
    """The bytes say another type than the declared one, or none; the upload is refused and its object goes."""

    code = ErrorCode.INVALID_FILE_TYPE
    declared: str
    reason: str

    @classmethod
    def shown(cls, declared: str, detected: str | None) -> Self:
        """The refusal of bytes that show what they were not declared as."""
        return cls(declared=declared, reason=f"The bytes show {detected or 'no known media type'}")


@dataclass(kw_only=True)
class FileTooLarge(RpcError):
    """The declared size is over the ceiling of its type."""

    code = ErrorCode.FILE_TOO_LARGE
    size: int
    max_size: int
    content_type: str

    @property
    def message(self) -> str:
        """The sentence with the type whose ceiling it is."""
        return f"File size exceeds maximum allowed for {self.content_type}"


@dataclass(kw_only=True)
class ServiceUnavailable(RpcError):
    """`service` (database, storage, authentication or this server) is down or too slow; the call may be repeated."""

    code = ErrorCode.SERVICE_UNAVAILABLE
    service: str


class InternalError(RpcError):
    """Anything unforeseen; the log has it under the request id."""

    code = ErrorCode.INTERNAL_SERVER_ERROR


class ServiceError(Exception):
    """What a service answered instead, as facts for the log: its own code, never its text, an address or a secret."""

    def __init__(self, **facts: object) -> None:
        super().__init__(facts)
        self.facts = facts


def cause_of(error: BaseException) -> dict[str, object]:
    """What the log tells of an error's cause: its class, and the code by which a service or the machine names it."""
    cause = error.__cause__
    if cause is None:
        return {}
    facts: dict[str, object] = {"cause": type(cause).__name__}
    if isinstance(cause, ServiceError):
        facts |= cause.facts
    elif isinstance(cause, OSError) and cause.errno:
        facts["code"] = errorcode.get(cause.errno, cause.errno)
    return facts
