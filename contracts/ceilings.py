"""How large a file of each kind may be: by one PUT, and in parts or through the server."""

from dataclasses import dataclass

from contracts.errors import FileTooLarge
from contracts.formats import Format, MediaType
from contracts.sizes import MIB

DEFAULT_BYTES = {MediaType.IMAGE: 10 * MIB, MediaType.VIDEO: 100 * MIB, MediaType.AUDIO: 20 * MIB}
DEFAULT_MULTIPART_BYTES = {**DEFAULT_BYTES, MediaType.VIDEO: 500 * MIB}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The most bytes of each kind; in parts there may be as many as in one PUT at least."""

    put: dict[MediaType, int]
    multipart: dict[MediaType, int]

    def of_put(self, accepted: Format) -> int:
        """The ceiling of one PUT."""
        return self.put[accepted.type]

    def of_multipart(self, accepted: Format) -> int:
        """The ceiling of an upload in parts, and of one through the server."""
        return max(self.put[accepted.type], self.multipart[accepted.type])

    def check_put(self, accepted: Format, size: int) -> None:
        """Raise FileTooLarge for more than one PUT may bring."""
        _check(accepted, size, self.of_put(accepted))

    def check_multipart(self, accepted: Format, size: int) -> None:
        """Raise FileTooLarge for more than may come in parts or through the server."""
        _check(accepted, size, self.of_multipart(accepted))


def _check(accepted: Format, size: int, ceiling: int) -> None:
    if size > ceiling:
        raise FileTooLarge(size=size, max_size=ceiling, content_type=accepted.content_type)


DEFAULT_CEILINGS = Ceilings(put=DEFAULT_BYTES, multipart=DEFAULT_MULTIPART_BYTES)
