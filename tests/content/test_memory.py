"""A process whose procedures take bytes needs no more memory for many of them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.processes import printed, running
from tests.sample_content import BOUNDARY, FORM, RAW, form, part

MIB = 1024 * 1024
PIECE = bytes(range(256)) * 4096


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    command: list[str | Path] = [sys.executable, "-m", "tests.sample_content"]
    with running(command, tmp_path, PYTHONPATH=str(Path(__file__).parents[2])) as served:
        served.wait_for("http://")
        yield printed(r"^(http://\S+)$", served.output)


def body_of(mebibytes: int, *, as_form: bool) -> Iterator[bytes]:
    opening, closing = form(part("file", "\0", filename="a")).split(b"\0") if as_form else (b"", b"")
    yield opening
    for _ in range(mebibytes):
        yield PIECE
    yield closing


def discarded(url: str, mebibytes: int, *, as_form: bool) -> tuple[int, int]:
    """How many bytes the procedure read, and the most memory that its process ever had, in KiB."""
    headers = FORM if as_form else RAW
    pieces = body_of(mebibytes, as_form=as_form)
    answer = httpx.post(f"{url}/rpc/content.discard", content=pieces, headers=headers, timeout=120)
    data = json.loads(answer.content)["result"]["data"]
    return data["size"], data["peakKib"]


@pytest.mark.parametrize("as_form", [False, True], ids=["raw", "form"])
def test_five_hundred_megabytes_need_no_more_memory_than_one(url: str, *, as_form: bool) -> None:
    """Beyond a few pieces on their way, nothing of a content is held."""
    assert BOUNDARY.encode() not in PIECE
    _, before = discarded(url, 1, as_form=as_form)

    size, after = discarded(url, 500, as_form=as_form)

    assert size == 500 * MIB
    assert after - before < 16 * 1024
