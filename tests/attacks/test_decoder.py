"""A decoder that was taken over gets nowhere: not to its parent, not to others' files, not to the network."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from processing.sandbox.probe import sandbox
from tests.attacks import decoder
from tests.videos import clip

pytestmark = pytest.mark.embedded

VIDEO = clip()

# Kernels and containers refuse these to everybody, or to ordinary users.
REFUSED_TO_MANY = {
    "trace the parent",
    "read the parent's memory",
    "make a namespace",
    "make a namespace by clone",
    "enter a namespace",
    "use io_uring",
    "use a key ring",
    "load a program into the kernel",
    "watch the processor",
    "write beside the interpreter",
    "fill the table of processes",
}

# The process whose child is taken over: it has secrets in its variables, and hides none of them by itself.
WORKER = """
import asyncio, sys
from pathlib import Path
from processing.sandbox.child import processed
from processing.failures import ProcessingFailed
from processing.registry import LADDERS

async def main():
    try:
        async with processed(Path(sys.argv[1]), "video/mp4", processor=LADDERS):
            pass
    except ProcessingFailed as failed:
        print(failed.detail)

input()
asyncio.run(main())
"""


@pytest.fixture
def places(reachable: Path) -> Path:
    """A secret, and what another may read or lose."""
    (reachable / "secret").write_text("AUTH_JWT_SECRET=secret")
    (reachable / "secret").chmod(0o600)
    (reachable / "public").mkdir()
    (reachable / "victim").write_text("another's")
    (reachable / "video.mp4").write_bytes(VIDEO)
    return reachable


def taken_over(places: Path, parent: int) -> Path:
    """The decoder as a program that attacks a process."""
    named = {name: str(places / name) for name in ("secret", "public", "victim")}
    program = places / "ffmpeg"
    program.write_text(
        f"#!{sys.executable} -I\nPLACES = { ({**named, 'parent': parent}) }\n{inspect.getsource(decoder)}"
    )
    program.chmod(0o755)
    return program


def test_a_decoder_that_is_not_confined_gets_through(places):
    """What is tried below works, wherever the machine itself does not refuse it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as victim:
        program = taken_over(places, victim.pid)
        said = subprocess.run([program], cwd=places, capture_output=True, check=False, timeout=60)
        victim.kill()

    assert decoder.ATTACKS.keys() - REFUSED_TO_MANY <= set(json.loads(said.stdout)), said.stderr


def test_one_that_was_taken_over_gets_through_nothing(places):
    """Of all ways out none is open, to root's decoder as to an ordinary user's."""
    assert sandbox().landlock, "this kernel has no Landlock"
    variables = {
        **os.environ,
        "IMAGEIO_FFMPEG_EXE": str(places / "ffmpeg"),
        "DATABASE_URL": "postgresql://secret@db/media",
    }
    command = [sys.executable, "-c", WORKER, str(places / "video.mp4")]
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        taken_over(places, worker.pid)
        said, _ = worker.communicate("\n", timeout=120)

    assert json.loads(said) == []
    assert (places / "victim").read_text() == "another's"
    assert list((places / "public").iterdir()) == []
