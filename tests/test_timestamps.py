"""Moments as stores write them, read as botocore reads them."""

from datetime import UTC, datetime
from io import BytesIO

import pytest
from botocore.utils import parse_timestamp

from storage.timestamps import timestamp

WRITTEN = [
    "2026-02-03T04:05:06Z",
    "2026-02-03T04:05:06.789Z",
    "2026-02-03T04:05:06.123456789Z",
    "2026-02-03T04:05:06+01:00",
    "Tue, 03 Feb 2026 04:05:06 GMT",
    "2026-02-03 04:05:06Z",
    "1770091506",
]


def test_a_moment_is_the_one_that_botocore_reads(subtests):
    for written in WRITTEN:
        with subtests.test(written=written):
            assert timestamp(written) == parse_timestamp(written)


def test_moments_are_not_of_the_zone_of_the_machine():
    assert timestamp("2026-02-03T04:05:06.789Z") == datetime(2026, 2, 3, 4, 5, 6, 789_000, UTC)
    assert timestamp("Tue, 03 Feb 2026 04:05:06 GMT") == datetime(2026, 2, 3, 4, 5, 6, 0, UTC)


@pytest.mark.parametrize("written", ["", "yesterday, or so", "Tue, 03 Fe", "2026-02-"], ids=str)
def test_what_is_no_moment_is_refused_as_botocore_refuses_it(written):
    """A header may end anywhere."""
    with pytest.raises((TypeError, ValueError, RuntimeError)) as theirs:
        parse_timestamp(written)
    with pytest.raises(type(theirs.value)):
        timestamp(written)


async def test_the_store_is_read_with_it(resources, monkeypatch):
    """Neither a listing nor a HEAD is left to dateutil."""
    await resources.store.write("k", BytesIO(b"x"), size_bytes=1, content_type="image/png")
    monkeypatch.setattr("dateutil.parser.parse", None)
    assert (await resources.store.head("k")).size_bytes == 1
    assert await resources.store.keys_under("") == ["k"]
