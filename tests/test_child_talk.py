"""What a child says to its parent, when it has read a stranger's bytes and no longer does what it was written for."""

import asyncio
import stat
import sys

import pytest

from processing.failures import ProcessingFailed, Reason
from processing.protocol import Answer
from processing.registry import LADDERS
from processing.sandbox import child
from processing.sandbox.child import processed
from tests.videos import clip

DEADLINE_SECONDS = 60.0


@pytest.fixture
async def heard():
    """What is made of all that a program prints, as its answer and what it told before."""
    started = []

    async def hear(program: str) -> tuple[Answer | None, list[float]]:
        told = []

        async def tell(done: float) -> None:
            told.append(done)

        command = (sys.executable, "-Ic", f"import os, time\n{program}")
        limit = child.MAX_ANSWER_BYTES
        talking = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, limit=limit)
        started.append(talking)
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await child._answer(talking, None, tell), told

    yield hear
    for talking in started:
        if talking.returncode is None:
            talking.kill()
        await talking.wait()


async def test_it_tells_how_far_it_is_and_then_answers(heard):
    program = r"""os.write(1, b'{"done":0.5}\n{"done":1}\n{"failure":"video_damaged"}\n')"""

    answer, told = await heard(program)
    assert (answer.failure, told) == (Reason.VIDEO_DAMAGED, [0.5, 1.0])


async def test_who_has_answered_is_not_waited_for(heard):
    answer, _ = await heard(
        r"""os.write(1, b'{"failure":"video_damaged"}\n{"failure":"crashed"}\n'); time.sleep(600)"""
    )

    assert answer.failure == Reason.VIDEO_DAMAGED


async def test_half_a_line_is_no_answer(heard):
    assert (await heard(r"""os.write(1, b'{"failure":"video_damaged"}')"""))[0] is None


@pytest.mark.parametrize("said", ['{"done":2}', '{"done":-1}', '{"done":true}', '{"done":NaN}', "", "[]", "{}\0"])
async def test_what_cannot_be_read_ends_it(heard, said):
    answer, told = await heard(f"while True: os.write(1, {said.encode()!r} + b'\\n')")

    assert (answer.failure, told) == (Reason.CRASHED, [])


@pytest.mark.parametrize("said", [b'{"done":0}\n', b"x" * 65536], ids=["lines", "one line"])
async def test_who_does_not_stop_talking_is_ended(heard, said):
    with pytest.raises(ProcessingFailed) as failed:
        await heard(f"while True: os.write(1, {said!r} * (65536 // {len(said)}))")

    assert failed.value.reason == Reason.CRASHED


async def test_the_ffmpeg_of_the_setting_is_run(tmp_path, monkeypatch):
    """Its variable alone is handed on to the child."""
    source, chosen = tmp_path / "video.mp4", tmp_path / "ffmpeg"
    source.write_bytes(clip())
    chosen.write_text("#!/bin/sh\necho the chosen one\nexit 1\n")
    chosen.chmod(stat.S_IRWXU)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(chosen))

    with pytest.raises(ProcessingFailed, match="the chosen one"):
        async with processed(source, "video/mp4", processor=LADDERS, root=tmp_path):
            pass
