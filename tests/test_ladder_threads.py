"""How much of a machine an encoder takes: all of a small one, and of a large one no more than its memory allows."""

from fractions import Fraction
from pathlib import Path

from processing.video.ladder import Run, command, rungs, threads


def test_threads_rise_with_the_cores_to_a_bound(subtests):
    """A video in 4K takes 4.5 GiB of address space with 12 of each, and with 48 more than the 8 that it may have."""
    for cores, at_once in ((1, 1), (2, 3), (4, 6), (8, 12), (16, 12), (128, 12)):
        with subtests.test(cores=cores):
            assert threads(cores) == at_once


def test_the_decoder_the_filters_and_each_encoder_are_told():
    """Whoever is not told takes as many as the machine has cores, or more."""
    run = Run(
        source=Path("/video"),
        mime_type="video/mp4",
        rungs=rungs(1280, 720),
        image=0,
        sound=None,
        rate=Fraction(30),
        seconds=1.0,
        cores=64,
        most_pixels=4096**2,
    )

    words = command("ffmpeg", run)
    places = [place for place, word in enumerate(words) if word in {"-threads", "-filter_complex_threads"}]
    assert [words[place + 1] for place in places] == ["12"] * 4
    starts = [words.index("-i"), words.index("-filter_complex"), *(n for n, word in enumerate(words) if word == "-map")]
    assert sorted(places + starts) == [n for pair in zip(places, starts, strict=True) for n in pair]
