"""No rendition holds anything but the image: asked of exiftool, which wrote what must not come out."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from processing.image.process import process
from processing.protocol import Policy, Task
from tests.images import MIME_TYPES, encoded, oriented, scene, vips

EXIFTOOL = shutil.which("exiftool")
SECRET = "SECRET4711"

pytestmark = pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not here (on Debian: libimage-exiftool-perl)")

# Written into every source, each where its format can hold it.
TOLD = [
    "-EXIF:GPSLatitude=33.8568",
    "-EXIF:GPSLatitudeRef=S",
    "-EXIF:GPSLongitude=151.2153",
    "-EXIF:GPSLongitudeRef=E",
    f"-EXIF:SerialNumber={SECRET}",
    f"-EXIF:LensSerialNumber={SECRET}",
    f"-EXIF:OwnerName={SECRET}",
    f"-EXIF:Artist={SECRET}",
    f"-EXIF:ImageDescription={SECRET}",
    f"-EXIF:UserComment={SECRET}",
    f"-XMP:Creator={SECRET}",
    "-XMP:GPSLatitude=33.8568",
    "-XMP-aux:SerialNumber=" + SECRET,
]
ONLY_IN_JPEG = [f"-IPTC:By-line={SECRET}", f"-Comment={SECRET}"]

# What a WebP must say to be one; whatever stands in another group is told about the image.
GROUPS = {"SourceFile", "ExifTool", "File", "RIFF", "Composite"}
COMPOSED = {"Composite:ImageSize", "Composite:Megapixels"}


def told(*paths: Path) -> list[dict[str, Any]]:
    """Every tag of each file, by group and name."""
    said = subprocess.run([str(EXIFTOOL), "-json", "-G", "-a", "-u", "-ee", *paths], capture_output=True, check=True)
    tags: list[dict[str, Any]] = json.loads(said.stdout)
    return tags


def write(path: Path, *tags: str) -> None:
    subprocess.run([str(EXIFTOOL), "-q", "-overwrite_original", *tags, path], capture_output=True, check=True)


def talkative(folder: Path, kind: str) -> Path:
    """An image with everything in its metadata that a camera and its owner may put there."""
    if kind == "GIF":
        path = folder / "source.gif"
        path.write_bytes(encoded(scene(), "GIF", comment=SECRET.encode()))
        write(path, f"-XMP:Creator={SECRET}")
        return path
    path = folder / f"source.{kind.lower().replace('heif', 'heic')}"
    profile = vips(scene()).icc_transform("p3", input_profile="srgb").get("icc-profile-data")
    path.write_bytes(encoded(scene(), kind, icc_profile=profile))
    write(path, *TOLD, *(ONLY_IN_JPEG if kind == "JPEG" else []))
    if kind == "JPEG":
        thumbnail = folder / "thumbnail.jpg"
        thumbnail.write_bytes(encoded(scene(160, 120)))
        write(path, f"-ThumbnailImage<={thumbnail}")
    return path


@pytest.mark.parametrize("kind", MIME_TYPES)
def test_no_rendition_holds_metadata(tmp_path, kind):
    source = talkative(tmp_path, kind)
    (before,) = told(source)
    assert SECRET in json.dumps(before)
    assert kind == "GIF" or "EXIF:GPSLatitude" in before
    assert kind != "JPEG" or "EXIF:ThumbnailImage" in before

    task = Task(source=source, mime_type=MIME_TYPES[kind], folder=tmp_path, policy=Policy(keep_location=True))
    outcome = process(task)

    for after in told(*(file.path for file in outcome.files)):
        assert {tag.partition(":")[0] for tag in after} <= GROUPS
        assert {tag for tag in after if tag.startswith("Composite:")} <= COMPOSED
        assert after["File:MIMEType"] == "image/webp"
    assert not any(SECRET.encode() in file.path.read_bytes() for file in outcome.files)
    assert kind == "GIF" or (outcome.facts.exif and outcome.facts.exif.location)


def test_an_upright_rendition_tells_no_orientation(tmp_path):
    """One that did would be turned once more."""
    source = tmp_path / "source.jpg"
    source.write_bytes(oriented(6))

    outcome = process(Task(source=source, mime_type="image/jpeg", folder=tmp_path))

    tags = {tag for file in told(*(file.path for file in outcome.files)) for tag in file}
    assert not any("Orientation" in tag for tag in tags)
