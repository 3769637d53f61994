"""What comes out of an image: upright, sRGB, in the fixed sizes, true to its source."""

import base64
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import thash
from PIL import Image, ImageSequence, ImageStat

from processing.detect import detect
from processing.failures import ProcessingFailed, Reason
from processing.image.process import process
from processing.protocol import Exif, File, Location, Outcome, Policy, Task
from tests.images import (
    MIME_TYPES,
    animation,
    capture_exif,
    difference,
    encoded,
    likeness,
    oriented,
    png,
    scene,
    vips,
)

NAMES = ["thumb150", "thumb300", "thumb600", "thumb1200", "full"]
P3_RED = (234, 51, 35)  # what sRGB's (255, 0, 0) is in Display P3

Made = Callable[..., Outcome]


@pytest.fixture
def made(tmp_path) -> Made:
    """Process bytes as what they show that they are."""

    def make(body: bytes, **told) -> Outcome:
        source, folder = tmp_path / "source", tmp_path / "made"
        source.write_bytes(body)
        folder.mkdir(exist_ok=True)
        mime_type = detect(io.BytesIO(body))
        assert mime_type is not None
        return process(Task(source=source, mime_type=mime_type, folder=folder, **told))

    return make


def opened(file: File) -> Image.Image:
    image = Image.open(io.BytesIO(file.path.read_bytes()))
    assert image.format == "WEBP"
    assert file.mime_type == "image/webp"
    assert image.size == (file.width, file.height)
    assert file.path.stat().st_size == file.size
    image.load()
    return image


def named(outcome: Outcome, name: str) -> Image.Image:
    return opened(next(file for file in outcome.files if file.name == name))


def sizes(outcome: Outcome) -> list[tuple[int, int]]:
    return [opened(file).size for file in outcome.files]


@pytest.mark.parametrize("kind", MIME_TYPES)
def test_every_format_becomes_the_same_renditions(made, kind):
    """Thumbnails fit their boxes uncut, in their order; the full size is the source's; all look like it."""
    image = scene(1600, 1000)
    outcome = made(encoded(image, kind))

    assert [file.name for file in outcome.files] == NAMES
    assert sizes(outcome) == [(150, 94), (300, 188), (600, 375), (1200, 750), (1600, 1000)]
    assert (outcome.facts.width, outcome.facts.height, outcome.facts.shown.frames) == (1600, 1000, 1)
    assert "image/" + outcome.facts.shown.format == MIME_TYPES[kind]
    near = 6 if kind == "GIF" else 3  # a GIF has 256 colours
    for file in outcome.files:
        sized = image.resize(opened(file).size, Image.Resampling.LANCZOS)
        assert difference(opened(file), sized) < near
        assert likeness(opened(file).convert("RGB"), sized) > (0.9 if kind == "GIF" else 0.97)


@pytest.mark.parametrize(
    ("kind", "brands"),
    [
        ("AVIF", [b"avis", b"miaf", b"mif1", b"mif2", b"msf1", b"MA1B"]),
        ("HEIF", [b"hevc", b"heix", b"miaf", b"mif1", b"mif2", b"msf1", b"MiHE"]),
    ],
)
def test_an_image_of_any_brand_is_read(made, kind, brands):
    """The decoder of AVIF reads more than those that libvips knows it by."""
    body = encoded(scene(), kind)
    for brand in brands:
        outcome = made(body[:8] + brand + body[12:])
        assert difference(named(outcome, "full"), scene()) < 3
        assert difference(named(outcome, "thumb150"), scene().resize((150, 113))) < 3


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(made, kind, orientation):
    outcome = made(oriented(orientation, kind))

    assert (outcome.facts.width, outcome.facts.height) == (480, 360)
    assert difference(named(outcome, "full"), scene()) < 3
    assert difference(named(outcome, "thumb150"), scene().resize((150, 113))) < 3


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (151, 149), (7, 3), (3001, 17)])
@pytest.mark.parametrize("kind", MIME_TYPES)
def test_no_rendition_is_larger_than_its_source(made, kind, size):
    width, height = size
    outcome = made(encoded(Image.new("RGB", size, (90, 120, 200)), kind))

    assert [file.name for file in outcome.files] == NAMES
    assert sizes(outcome)[-1] == size
    for box, (made_width, made_height) in zip((150, 300, 600, 1200), sizes(outcome), strict=False):
        assert max(made_width, made_height) == min(box, max(size))
        assert made_width <= width
        assert made_height <= height


def test_thumbnails_of_a_small_image_have_its_size(made):
    assert sizes(made(encoded(scene(200, 100)))) == [(150, 75), (200, 100), (200, 100), (200, 100), (200, 100)]


@pytest.mark.parametrize("kind", MIME_TYPES)
def test_square_thumbnails_show_the_middle(made, kind):
    """Those of a profile image are cut; its full size is not."""
    outcome = made(encoded(scene(1000, 400), kind), square=True)

    assert sizes(outcome) == [(150, 150), (300, 300), (400, 400), (400, 400), (1000, 400)]
    middle = scene(1000, 400).crop((300, 0, 700, 400)).resize((150, 150))
    assert difference(named(outcome, "thumb150"), middle) < (6 if kind == "GIF" else 3)


def test_square_thumbnails_of_a_turned_image_are_upright(made):
    outcome = made(oriented(6), square=True)

    assert sizes(outcome) == [(150, 150), (300, 300), (360, 360), (360, 360), (480, 360)]
    assert difference(named(outcome, "thumb300"), scene().crop((60, 0, 420, 360)).resize((300, 300))) < 3


def test_an_image_longer_than_a_webp_can_be_is_shrunk(made):
    outcome = made(encoded(Image.new("RGB", (20, 20_000), (90, 120, 200)), "PNG"))

    assert sizes(outcome)[-1] == (16, 16383)
    assert (outcome.facts.width, outcome.facts.height) == (20, 20_000)


def _tagged(kind: str) -> bytes:
    """A red in Display P3."""
    image = Image.new("RGB", (64, 48), P3_RED)
    profile = vips(image).icc_transform("p3", input_profile="srgb").get("icc-profile-data")
    return encoded(image, kind, icc_profile=profile, **({"chroma": 444} if kind == "HEIF" else {}))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_a_wide_gamut_is_converted(made, kind):
    """The pixels are those of sRGB, not those of the source without its profile."""
    outcome = made(_tagged(kind))

    for name in ("thumb150", "full"):
        found = named(outcome, name)
        assert "icc_profile" not in found.info
        assert difference(found, Image.new("RGB", (64, 48), (255, 0, 0))) < 5
        assert difference(found, Image.new("RGB", (64, 48), P3_RED)) > 15


@pytest.mark.parametrize("keep", ["icc", "none"])
def test_cmyk_becomes_rgb(made, keep):
    """By its profile, and by a usual one when it has none."""
    body = vips(scene()).icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(Q=95, keep=keep)

    outcome = made(body)

    assert difference(named(outcome, "full"), scene()) < 8
    assert difference(named(outcome, "thumb1200"), scene()) < 8


def test_a_profile_that_does_not_fit_is_left_aside(made):
    """A broken one too: the image is taken for sRGB."""
    grey = scene().convert("L")
    profile = vips(scene()).icc_transform("p3", input_profile="srgb").get("icc-profile-data")

    for wrong in (profile, b"no profile" * 20):
        assert difference(named(made(encoded(grey, "PNG", icc_profile=wrong)), "full"), grey) < 5
    broken = made(encoded(scene(), "PNG", icc_profile=b"no profile" * 20))
    assert difference(named(broken, "full"), scene()) < 3


def test_16_bits_become_8(made):
    body = vips(scene()).cast("ushort").linear(257, 0).cast("ushort").copy(interpretation="rgb16").pngsave_buffer()

    outcome = made(body)

    assert difference(named(outcome, "full"), scene()) < 3
    assert difference(named(outcome, "thumb300"), scene().resize((300, 225))) < 3


@pytest.mark.parametrize(
    "body",
    [
        encoded(scene(mode="L"), "JPEG"),
        encoded(scene(mode="LA"), "PNG"),
        encoded(scene(mode="1"), "PNG"),
        encoded(scene().quantize(), "PNG"),
        encoded(scene(), "JPEG", progressive=True),
        encoded(scene(), "JPEG", subsampling=0),
        encoded(scene(), "WEBP", lossless=True),
    ],
    ids=["grey", "grey with alpha", "black and white", "palette", "progressive", "unsubsampled", "lossless"],
)
def test_every_kind_of_pixel_is_read(made, body):
    source = Image.open(io.BytesIO(body))
    expected = source.convert("RGBA" if "A" in source.mode else "RGB")

    found = named(made(body), "full")

    # Under what is transparent, a WebP may have any colour.
    assert difference(_over_white(found), _over_white(expected)) < 6


def _over_white(image: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "HEIF"])
def test_what_is_transparent_stays_so(made, kind):
    outcome = made(encoded(scene(mode="RGBA"), kind))

    for name in ("thumb150", "full"):
        found = named(outcome, name)
        opacity = found.getchannel("A")
        assert ImageStat.Stat(opacity.crop((0, 0, 30, 20))).mean[0] < 3
        assert ImageStat.Stat(opacity.crop((found.width - 30, 0, *found.size))).mean[0] > 252
        expected = scene(mode="RGBA").resize(found.size)
        assert difference(_over_white(found), _over_white(expected)) < 4


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_stays_one_in_its_full_size_alone(made, kind):
    outcome = made(animation(kind))

    assert outcome.facts.shown.frames == 5
    assert (outcome.facts.width, outcome.facts.height) == (64, 48)
    full = named(outcome, "full")
    assert full.info["loop"] == 0
    milliseconds, reds = [], []
    for frame in ImageSequence.Iterator(full):
        frame.load()
        milliseconds.append(frame.info["duration"])
        reds.append(ImageStat.Stat(frame.convert("RGB")).mean[0])
    assert milliseconds == [100] * 5
    assert reds == [pytest.approx(40 * number, abs=8) for number in range(5)]
    assert [_frames(named(outcome, name)) for name in NAMES[:-1]] == [1, 1, 1, 1]


def _frames(image: Image.Image) -> int:
    return sum(1 for _ in ImageSequence.Iterator(image))


def test_the_placeholder_is_a_thumb_hash_of_the_image(made):
    """It has the image's shape and mean colour, transparency too."""
    solid = _thumb_hash(made(encoded(Image.new("RGB", (300, 200), (200, 100, 50)), "PNG")))

    assert thash.thumb_hash_to_average_rgba(solid) == pytest.approx((200 / 255, 100 / 255, 50 / 255, 1), abs=0.03)
    assert thash.thumb_hash_to_approximate_aspect_ratio(solid) == pytest.approx(1.5, abs=0.2)

    seen_through = thash.thumb_hash_to_average_rgba(_thumb_hash(made(encoded(scene(mode="RGBA"), "PNG"))))
    assert seen_through is not None
    assert seen_through[3] < 1


def _thumb_hash(outcome: Outcome) -> list[int]:
    return list(base64.b64decode(outcome.facts.shown.placeholder or ""))


def test_the_dominant_colour_is_the_one_that_most_pixels_have(made):
    image = Image.new("RGB", (300, 200), (32, 96, 208))
    image.paste((250, 250, 250), (0, 0, 300, 60))

    dominant = made(encoded(image, "PNG")).facts.shown.dominant_color

    channels = [int(dominant[at : at + 2], 16) for at in (1, 3, 5)]
    assert dominant.startswith("#")
    assert channels == [pytest.approx(value, abs=4) for value in (32, 96, 208)]


def test_the_dominant_colour_is_one_that_shows(made):
    image = Image.new("RGBA", (300, 200), (255, 0, 0, 0))
    image.paste((20, 140, 60, 255), (0, 0, 60, 200))

    dominant = made(encoded(image, "PNG")).facts.shown.dominant_color

    assert [int(dominant[at : at + 2], 16) for at in (1, 3, 5)] == [pytest.approx(v, abs=6) for v in (20, 140, 60)]


def test_nothing_dominates_where_nothing_shows(made):
    assert made(encoded(Image.new("RGBA", (30, 20), (255, 0, 0, 0)), "PNG")).facts.shown.dominant_color == "#000000"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_camera_and_time_are_told_and_the_place_is_not(made, kind):
    told = made(encoded(scene(), kind, exif=capture_exif())).facts.exif

    assert told == Exif(
        make="Maker", model="Model 7", lens="50 mm", captured_at="2024-05-06T07:08:09+02:00", location=None
    )


def test_the_place_is_told_when_it_is_to_be_kept(made):
    told = made(encoded(scene(), exif=capture_exif()), policy=Policy(keep_location=True)).facts.exif

    assert told.location == Location(latitude=-33.856917, longitude=151.209333, altitude=58.0)


def test_a_camera_without_offset_tells_local_time(made):
    assert made(encoded(scene(), exif=capture_exif(offset=None))).facts.exif.captured_at == "2024-05-06T07:08:09"


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0" + b"\xff" * 500])
def test_unreadable_exif_is_left_out(made, exif):
    assert made(encoded(scene(), exif=exif)).facts.exif == Exif()


@pytest.mark.parametrize(
    ("mime_type", "body"),
    [("image/png", encoded(scene())), ("image/jpeg", encoded(scene(), "AVIF")), ("image/gif", png(1, 1))],
)
def test_a_file_is_read_as_what_it_was_taken_for_or_not_at_all(tmp_path, mime_type, body):
    source = Path(tmp_path, "source")
    source.write_bytes(body)

    with pytest.raises(ProcessingFailed) as refused:
        process(Task(source=source, mime_type=mime_type, folder=tmp_path))

    assert refused.value.reason == Reason.FORMAT_MISMATCH


def test_likeness_tells_images_apart():
    """It is what renditions are measured by."""
    image = scene()

    assert likeness(image, image) == pytest.approx(1.0, abs=1e-4)
    assert likeness(image, image.rotate(180)) < 0.95
    assert likeness(image, Image.effect_noise(image.size, 80).convert("RGB")) < 0.2
