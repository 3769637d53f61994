"""The errors, each by its code. Written by `mediarpc python`."""

from mediarpc_client.failure import MediaRpcError


class Unauthorized(MediaRpcError):
    """Authentication required."""


class SessionExpired(MediaRpcError):
    """Session expired."""


class InvalidToken(MediaRpcError):
    """Invalid token."""


class Forbidden(MediaRpcError):
    """Forbidden."""


class ValidationError(MediaRpcError):
    """Invalid input."""


class InvalidInput(MediaRpcError):
    """The uploaded bytes differ from what was declared."""


class NotFound(MediaRpcError):
    """Media not found."""


class Conflict(MediaRpcError):
    """The media is in another state."""


class RateLimitExceeded(MediaRpcError):
    """Rate limit exceeded."""


class TooManyRequests(MediaRpcError):
    """Too many requests."""


class StorageLimitExceeded(MediaRpcError):
    """Storage quota exceeded."""


class InvalidFileType(MediaRpcError):
    """The bytes are not of the declared type."""


class FileTooLarge(MediaRpcError):
    """File size exceeds maximum allowed."""


class InternalServerError(MediaRpcError):
    """Internal server error."""


class ServiceUnavailable(MediaRpcError):
    """Service unavailable."""


ERRORS: dict[int, type[MediaRpcError]] = {
    1000: Unauthorized,
    1002: SessionExpired,
    1003: InvalidToken,
    1100: Forbidden,
    1200: ValidationError,
    1201: InvalidInput,
    1300: NotFound,
    1400: Conflict,
    1500: RateLimitExceeded,
    1501: TooManyRequests,
    1600: StorageLimitExceeded,
    1601: InvalidFileType,
    1602: FileTooLarge,
    1900: InternalServerError,
    1903: ServiceUnavailable,
}
