"""Moments as stores write them.

botocore reads each with dateutil, which takes any notation there is, and most of the time that a listing takes.
"""

from datetime import datetime
from email.utils import parsedate_to_datetime

from botocore.utils import parse_timestamp


def timestamp(written: str) -> datetime:
    """Read an ISO 8601 text, as bodies have, an HTTP date, as headers have, or whatever botocore takes.

    Raises ValueError.
    """
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(written)
        except (TypeError, ValueError):
            continue
    return parse_timestamp(written)  # type: ignore[no-any-return] # botocore has no types
