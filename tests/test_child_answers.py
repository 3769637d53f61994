"""What a child answers in the end: only renditions that there are, of its own, that database and store would take."""

import io
import json
import os
from dataclasses import replace
from typing import Any

import pytest

from processing.failures import ProcessingFailed, Reason
from processing.image.libvips import Image
from processing.protocol import File
from processing.sandbox import child

IMAGE = Image.black(1, 1, bands=3).webpsave_buffer(keep="none")
ONE_PIXEL: dict[str, Any] = {"width": 1, "height": 1}


@pytest.mark.parametrize("told", ["outside", "through a link", "linked", "of another size", "above", "a folder"])
def test_a_child_cannot_name_files_that_are_not_its_own(tmp_path, told):
    """It has read a stranger's bytes, and what it names is published."""
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    secret, own = tmp_path / "secret.webp", folder / "own.webp"
    secret.write_bytes(IMAGE)
    own.write_bytes(IMAGE)
    (folder / "link.webp").symlink_to(secret)
    os.link(secret, folder / "hard.webp")
    paths = {
        "outside": secret,
        "through a link": folder / "link.webp",
        "linked": folder / "hard.webp",
        "of another size": own,
        "above": folder / ".." / "secret.webp",
        "a folder": folder / "inner",
    }
    file = File(name="full", path=paths[told], mime_type="image/webp", size=0, width=1, height=1)
    size = 4 if told == "of another size" else len(IMAGE)

    assert not child._is_whole(folder, replace(file, size=size))
    assert child._is_whole(folder, replace(file, path=own, size=len(IMAGE)))


NO_ANSWERS = {
    "empty": b"",
    "nothing": b"{}",
    "a list": b"[]",
    "half": b'{"outcome": {"files": []}}',
    "no text": b"\xff",
    "null": b'{"outcome": null}',
    "text that is none": b'{"detail": "\xff"}',
    "endlessly deep": b'{"x": ' + b"[" * 500_000,
}


@pytest.mark.parametrize("text", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_an_answer_that_is_none_is_a_crash(tmp_path, text):
    with pytest.raises(ProcessingFailed) as failed:
        child._outcome(child._read(text), 0, io.BytesIO(b"said in the end"), tmp_path)

    assert failed.value.reason == Reason.CRASHED


@pytest.mark.parametrize(
    ("facts", "file"),
    [
        ({"width": 2**31}, {}),
        ({"width": 10**30}, {}),
        ({"height": -5}, {}),
        ({"duration": 0.0}, {}),
        ({"shown": {"tags": {"title": "a\0b"}}}, {}),
        ({"shown": {"bitrate": -1}}, {}),
        ({"exif": {"make": "a\0b"}}, {}),
        ({}, {"name": "a\0b"}),
        ({}, {"path": "{folder}/\0.webp"}),
        ({}, {"path": "{folder}/" + "x" * 5000 + ".webp"}),
        ({}, {"path": "{folder}/a\nb.webp"}),
    ],
)
def test_what_neither_database_nor_store_would_take_is_a_crash(tmp_path, facts, file):
    """Its job would be repeated for ever."""
    (tmp_path / "a\nb.webp").write_bytes(IMAGE)
    (tmp_path / "own.webp").write_bytes(IMAGE)
    told = {"name": "full", "path": "{folder}/own.webp", "mime_type": "image/webp", "size": len(IMAGE), **ONE_PIXEL}

    def answer(facts: dict[str, Any], file: dict[str, Any]) -> bytes:
        named = {**told, **file}
        named["path"] = named["path"].format(folder=tmp_path)
        return json.dumps({"outcome": {"facts": {"shown": {}, **facts}, "files": [named]}}).encode()

    assert child._outcome(child._read(answer({}, {})), 0, io.BytesIO(), tmp_path).files[0].size == len(IMAGE)
    with pytest.raises(ProcessingFailed) as failed:
        child._outcome(child._read(answer(facts, file)), 0, io.BytesIO(), tmp_path)
    assert failed.value.reason == Reason.CRASHED


@pytest.mark.parametrize("names", [["full", "full"], ["index"], ["hls-90p"], [""]])
def test_a_child_makes_no_rendition_that_there_is_not(tmp_path, names):
    own = tmp_path / "own.webp"
    own.write_bytes(IMAGE)
    made = File(name="full", path=own, mime_type="image/webp", size=len(IMAGE), **ONE_PIXEL)

    assert child._are_whole(tmp_path, (made, replace(made, name="poster")))
    assert not child._are_whole(tmp_path, tuple(replace(made, name=name) for name in names))
