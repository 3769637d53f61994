"""What a file is, is told by what is in it: by whatever brand, in whatever order, behind whatever tags."""

import io
import os
import struct
import zipfile

import pytest

from processing.detect import WINDOW_BYTES, detect, sniff
from processing.detect.reading import MAX_WINDOWS
from tests import audio_files, images
from tests.audio_files import audio_file
from tests.boxes import box, branded, ftyp, track
from tests.images import animation, encoded, scene
from tests.media_files import HTML, SVG
from tests.videos import MIME_TYPES, clip, edited

MP3 = audio_file("mp3", tags=())
UNTAGGED = MP3[MP3.index(b"\xff\xfb") :]
SOUND = ("-f", "lavfi", "-i", "sine=d=2", "-map", "0:v", "-map", "1:a")


def shown(body: bytes) -> str | None:
    return detect(io.BytesIO(body))


def in_matroska(body: bytes) -> bytes:
    """The same streams in another container."""
    return edited(body, "-c", "copy", kind="mkv")


@pytest.mark.parametrize("kind", images.MIME_TYPES)
def test_every_image_is_told(kind):
    assert shown(encoded(scene(), kind)) == images.MIME_TYPES[kind]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_an_image_of_its_type(kind):
    assert shown(animation(kind)) == images.MIME_TYPES[kind]


@pytest.mark.parametrize("kind", audio_files.MIME_TYPES)
def test_every_audio_is_told(kind):
    assert shown(audio_file(kind)) == audio_files.MIME_TYPES[kind]


@pytest.mark.parametrize("kind", MIME_TYPES)
def test_every_video_is_told(kind):
    assert shown(clip(kind)) == MIME_TYPES[kind]


@pytest.mark.parametrize(
    ("brands", "content_type"),
    [
        ([b"avis", b"avis", b"msf1"], "image/avif"),
        ([b"avif"], "image/avif"),
        ([b"mif1", b"miaf", b"avif"], "image/avif"),
        ([b"miaf", b"avif"], "image/avif"),
        ([b"mif2", b"avif"], "image/avif"),
        ([b"heic"], "image/heic"),
        ([b"heix", b"mif1"], "image/heic"),
        ([b"mif1", b"heix"], "image/heic"),
        ([b"mif2", b"heic"], "image/heic"),
        ([b"msf1", b"hevc"], "image/heic"),
        ([b"hevc", b"msf1"], "image/heic"),
        ([b"heim"], "image/heic"),
        ([b"heis"], "image/heic"),
        ([b"MiHE", b"mif1", b"heic"], "image/heic"),
        ([b"mif1"], "image/heif"),
    ],
)
def test_an_image_is_told_by_any_of_its_brands(brands, content_type):
    assert shown(ftyp(*brands) + box(b"meta", bytes(4))) == content_type


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_an_image_whose_brands_name_no_codec_is_told_by_its_items(kind):
    assert shown(branded(encoded(scene(), kind), b"mif1", b"miaf")) == images.MIME_TYPES[kind]


@pytest.mark.parametrize("brand", [b"mp42", b"isom", b"dash", b"M4A ", b"M4B ", b"M4V ", b"3gp4", b"iso5", b"abcd"])
def test_sound_and_video_in_mp4_are_told_by_their_tracks(brand):
    """Whatever the brand says: Android's recorders say mp42, Chromium's MediaRecorder iso5, some what nobody knows."""
    assert shown(branded(audio_file("m4a"), brand)) == "audio/mp4"
    assert shown(branded(clip("mp4"), brand)) == "video/mp4"


@pytest.mark.parametrize("flags", ["+faststart", "+frag_keyframe+empty_moov", "+dash+delay_moov+frag_keyframe"])
def test_tracks_are_found_where_they_stand(flags):
    both = edited(clip("mp4"), *SOUND, "-c:v", "copy", "-movflags", flags)
    alone = edited(both, "-vn", "-c", "copy", "-movflags", flags)

    assert (shown(both), shown(alone)) == ("video/mp4", "audio/mp4")


def test_tracks_are_found_behind_a_long_index():
    """The second track's handler stands behind all that the first one tells of its frames."""
    index = box(b"stbl", bytes(400_000))
    moov = box(b"moov", track(1, b"soun"), box(b"free", index), track(2, b"vide"))

    assert shown(ftyp(b"isom") + moov) == "video/mp4"
    assert shown(ftyp(b"isom") + box(b"mdat", bytes(3_000_000)) + moov) == "video/mp4"


def test_chapters_with_images_make_no_video_of_an_audio():
    """As audiobooks have them: a track of text and one of images."""
    chapters = track(2, b"text"), track(3, b"vide")

    assert shown(ftyp(b"M4B ") + box(b"moov", track(1, b"soun", 2, 3), *chapters)) == "audio/mp4"
    assert shown(ftyp(b"M4B ") + box(b"moov", track(1, b"soun", 2), *chapters)) == "video/mp4"


@pytest.mark.parametrize("beginning", [b"wide", b"skip", b"free", b"pnot"])
def test_quicktime_need_not_begin_with_its_name(beginning):
    body = clip("mov")

    assert shown(body[:4] + beginning + body[8:]) == "video/quicktime"


@pytest.mark.parametrize("first", [b"mdat", b"moov"])
def test_quicktime_may_begin_with_its_frames_or_its_tracks(first):
    moov = box(b"moov", track(1, b"vide"), track(2, b"soun"))

    assert shown(box(b"mdat", bytes(100_000)) + moov if first == b"mdat" else moov) == "video/quicktime"


def test_a_box_of_64_bits_is_walked_over():
    mdat = struct.pack(">I4sQ", 1, b"mdat", 16 + 50_000) + bytes(50_000)

    assert shown(ftyp(b"qt  ") + mdat + box(b"moov", track(1, b"vide"))) == "video/quicktime"


def test_what_was_cut_off_before_its_tracks_is_what_its_brand_says():
    assert shown(ftyp(b"mp42") + box(b"mdat", bytes(500))[:-100]) == "video/mp4"
    assert shown(ftyp(b"M4A ")) == "audio/mp4"


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9", "libsvtav1"])
def test_matroska_is_webm_when_all_its_tracks_are(codec):
    assert shown(in_matroska(clip("webm", codec=codec))) == "video/webm"


def test_matroska_as_chromium_records_it_is_taken():
    """H.264 and Opus, by the type video/x-matroska."""
    h264 = in_matroska(clip("mp4"))

    assert shown(h264) == "video/webm"
    assert shown(edited(h264, *SOUND, "-c:v", "copy", "-c:a", "libopus", kind="mkv")) == "video/webm"


def test_sound_in_webm_is_no_video():
    assert shown(in_matroska(audio_file("webm"))) == "audio/webm"


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "mpeg4"), ("mov", "prores_ks"), ("mp4", "mjpeg")])
def test_other_matroska_is_refused(kind, codec):
    assert shown(in_matroska(clip(kind, codec=codec))) is None


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("seconds", [0.01, 0.05, 1.0])
def test_mp3_is_told_by_its_frames(rate, seconds):
    """From 8 kHz (FFE3) to 48 kHz (FFFB), with tags and without, be it one frame long."""
    body = audio_file("mp3", seconds, rate, tags=())

    assert shown(body) == "audio/mpeg"
    assert shown(body[body.index(b"\xff") :]) == "audio/mpeg"


def test_checksums_in_mp3_change_nothing():
    """FFFA, FFF2 and FFE2 begin frames that have one."""
    frame = b"\xff\xfa\x50\xc4" + bytes(204)

    assert shown(frame * 10) == "audio/mpeg"


APE = b"APETAGEX" + struct.pack("<IIII", 2000, 32 + 8, 1, 0xA0000000) + bytes(8)
ID3 = b"ID3\x04\0\0\0\0\x02\x01" + bytes(257)
ID3_WITH_FOOTER = b"ID3\x04\0\x10\0\0\0\x20" + bytes(32) + b"3DI\x04\0\x10\0\0\0\x20"


@pytest.mark.parametrize(
    "front",
    [ID3, ID3 * 3, ID3_WITH_FOOTER, ID3 + bytes(5000), bytes(1152), bytes(60_000), APE + bytes(40), APE + ID3 + APE],
    ids=["ID3", "three", "footer", "padding", "zeros", "many zeros", "APE", "both"],
)
def test_sound_is_found_behind_tags_and_zeros(front):
    front = front.replace(APE + ID3 + APE, APE + bytes(40) + ID3 + APE + bytes(40))
    for kind in ("flac", "aac"):
        assert shown(front + audio_file(kind, tags=())) == audio_files.MIME_TYPES[kind]
    assert shown(front + UNTAGGED) == "audio/mpeg"


def test_a_tag_may_tell_a_wrong_size():
    assert shown(APE + UNTAGGED) == "audio/mpeg"
    assert shown(ID3[:-100] + UNTAGGED) == "audio/mpeg"
    assert shown(ID3 + b"junk" * 100 + UNTAGGED) == "audio/mpeg"


@pytest.mark.parametrize("name", [b"RF64", b"BW64"])
def test_wav_of_more_than_4_gib_is_wav(name):
    assert shown(name + b"\xff\xff\xff\xffWAVEds64" + bytes(40)) == "audio/wav"


def test_a_video_in_ogg_is_no_audio():
    theora = b"OggS\0\2" + bytes(20) + b"\1\x07" + b"\x80theora"

    assert shown(theora + audio_file("ogg")) is None
    assert shown(audio_file("ogg").replace(b"OpusHead", b"Speex   ", 1)) is None


def _zip(body: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("a.mp3", body)
    return written.getvalue()


REFUSED = {
    "nothing": b"",
    "a byte": b"\0",
    "zeros": bytes(200_000),
    "noise": bytes(range(1, 255)) * 400,
    "HTML": HTML,
    "SVG": SVG,
    "a page before MP3": HTML + UNTAGGED,
    "a page before a video": HTML + clip("mov"),
    "a page by the size of a box": b"<htmfree" + HTML * 100,
    "a playlist": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
    "a list to concatenate": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "a playlist behind ID3": ID3 + b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
    "a page behind ID3": ID3 + HTML * 200,
    "a ZIP of MP3": _zip(UNTAGGED),
    "PDF": b"%PDF-1.7\n" + UNTAGGED,
    "text in UTF-16": "\ufeffA page of text, of more than one frame".encode("utf-16") * 100,
    "TIFF": encoded(scene(), "TIFF"),
    "BMP": encoded(scene(), "BMP"),
    "ICO": b"\0\0\1\0\1\0" + bytes(100),
    "JPEG 2000": encoded(scene(), "JPEG2000"),
    "AVI": b"RIFF\0\0\1\0AVI LIST" + bytes(100) + UNTAGGED,
    "ASF": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(200),
    "MPEG-TS": (b"\x47\x40\0\x10" + b"\xff" * 184) * 100,
    "MPEG-PS": b"\0\0\1\xba\x44" + bytes(9) + b"\0\0\1\xc0\x08\0" + UNTAGGED,
    "FLV": b"FLV\1\4\0\0\0\x09" + UNTAGGED,
    "a camera's raw image": ftyp(b"crx ", b"isom") + box(b"moov", track(1, b"vide")),
    "boxes without tracks": box(b"free", HTML) * 3,
    "EBML of something else": b"\x1a\x45\xdf\xa3\x87\x42\x82\x84abcd",
    "the first two bytes of MP3": b"\xff\xfb" + HTML * 100,
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_is_something_else_is_refused(body):
    assert shown(body) is None


@pytest.mark.parametrize(
    "body",
    [
        clip("mp4"),
        clip("mov"),
        clip("webm"),
        audio_file("mp3"),
        audio_file("ogg"),
        audio_file("aac"),
        animation("WEBP"),
    ],
)
def test_whatever_is_cut_off_or_spoiled_has_some_answer(body):
    for end in {*range(64), *range(64, len(body), max(1, len(body) // 50))}:
        shown(body[:end])
        shown(body[:end] + os.urandom(64) + body[end + 64 :])


def _reads(body: bytes) -> list[tuple[int, int]]:
    """The ranges of a file that are asked for."""
    reader, asked = sniff(len(body)), []
    try:
        asked.append(next(reader))
        while True:
            start, length = asked[-1]
            asked.append(reader.send(body[start : start + length]))
    except StopIteration:
        return asked


def test_few_small_ranges_are_read_of_whatever_comes():
    endless = ftyp(b"isom") + box(b"free", bytes(20_000)) * 500
    boxes = ftyp(b"isom") + box(b"free") * 500_000

    assert len(_reads(clip("mp4"))) <= 3
    for body in (endless, boxes):
        asked = _reads(body)
        assert len(asked) <= MAX_WINDOWS
        assert {length for _, length in asked} == {WINDOW_BYTES}


def test_nothing_is_read_again_that_is_known():
    body = audio_file("wav")
    reader = sniff(len(body), body[:WINDOW_BYTES])

    with pytest.raises(StopIteration) as found:
        next(reader)
    assert found.value.value == "audio/wav"
