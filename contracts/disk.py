"""A disk without room: an outage of this machine's, whoever meets it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC

from contracts.errors import ServiceUnavailable


@dataclass(kw_only=True)
class DiskFull(ServiceUnavailable):
    """This machine has no room for a file that passes through it, which is no fault of the file's."""

    service: str = "server"


@contextmanager
def writing_to_disk() -> Iterator[None]:
    """Raises DiskFull in place of the OSError of a disk that has no room, or of a quota."""
    try:
        yield
    except OSError as error:
        if error.errno in {ENOSPC, EDQUOT}:
            raise DiskFull from error
        raise
