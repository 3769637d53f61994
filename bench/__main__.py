"""`python -m bench`: mediarpc beside a peer and beside the floor. `python -m bench growth`: with more and more rows."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from bench import growth, images, photos, report, servers, videos
from bench.load import Run
from bench.looking import MIB
from bench.measure import Stage, measures, memory, streams
from bench.uploads import make_file, uploads_over
from server.dev import ended_by_signals

USERS = 64
RESULTS = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and write the JSON; the exit status."""
    chosen = parser().parse_args(arguments)
    try:
        with ended_by_signals():
            chosen.run(chosen)
    except servers.BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """The commands, each with its help."""
    top = argparse.ArgumentParser(prog="python -m bench", description="How fast mediarpc is, beside what.")
    _options(top, run_sides, RESULTS / "results.json")
    top.add_argument("--rounds", type=int, default=7, help="how often each side runs (default: 7)")
    top.add_argument("--seconds", type=int, default=4, help="how long each run is (default: 4)")
    commands = top.add_subparsers(metavar="COMMAND")
    more = commands.add_parser("growth", help="the statements at 10^4, 10^5 and 10^6 media rows")
    _options(more, run_growth, RESULTS / "growth.json")
    more.add_argument("--full", action="store_true", help="10^7 rows as well")
    files = commands.add_parser(
        "uploads", help="files of 500 MB, over the embedded store or the one that S3_ENDPOINT names"
    )
    _options(files, run_uploads, RESULTS / "uploads.json")
    images = commands.add_parser("images", help="thumbnails beside sharp and Pillow, and photos by the dozen")
    _options(images, run_images, RESULTS / "images.json")
    ladders = commands.add_parser(
        "videos", help="the ladder of a video beside plain ffmpeg, and how soon its poster shows"
    )
    _options(ladders, run_videos, RESULTS / "videos.json")
    return top


def _options(command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], None], out: Path) -> None:
    command.add_argument("--quick", action="store_true", help="a look in less than a minute, not a measurement")
    command.add_argument("--out", type=Path, default=out, metavar="FILE", help="where the JSON goes")
    command.set_defaults(run=run)


def run_sides(chosen: argparse.Namespace) -> None:
    """Alternate the sides, round after round."""
    rounds, seconds, calls = (1, 1, 5_000) if chosen.quick else (chosen.rounds, chosen.seconds, 100_000)
    with stage() as started:
        everything = measures(started)
        _say("warming up")
        for measure in everything.values():
            measure(1)
        measured = [_round(everything, seconds, number, rounds) for number in range(rounds)]
        _say("streams")
        streamed = streams(started)
        _say("memory")
        held = memory(started, calls=calls, seconds=seconds)
    found = report.rows(measured, held, streamed)
    report.write(chosen.out, measured, found, held)
    print(f"{report.table(found)}\n\n{report.rates(measured)}\n\n{report.machine()}; {rounds} rounds of {seconds} s.")


def _round(everything: dict[str, Callable[[float], Run]], seconds: float, number: int, rounds: int) -> dict[str, Run]:
    _say(f"round {number + 1} of {rounds}")
    # Every other round runs backwards, so that no side always follows the same one.
    order = list(everything)[:: -1 if number % 2 else 1]
    return {name: everything[name](seconds) for name in order}


@contextmanager
def stage() -> Iterator[Stage]:
    """Everything that is measured, started; it is stopped at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mediarpc-bench-")))
        url = stack.enter_context(servers.databases(folder))
        ours_url = servers.prepare_ours(url)
        with_peer = servers.has_peer()
        if not with_peer:
            _say("no peer: it needs node, and `npm ci` in bench/peer")
        yield Stage(
            ours=stack.enter_context(servers.ours(ours_url, folder)),
            two_workers=stack.enter_context(servers.ours(ours_url, folder, workers=2))
            if servers.has_workers()
            else None,
            peer_url=servers.prepare_peer(url) if with_peer else None,
            peer=stack.enter_context(servers.peer(url, folder)) if with_peer else None,
            ours_url=ours_url,
            tokens=[servers.token(f"bench-{number}") for number in range(USERS)],
        )


def run_growth(chosen: argparse.Namespace) -> None:
    """Time the statements with more and more rows beside them."""
    sizes = [10**4, 10**5] if chosen.quick else [10**4, 10**5, 10**6, *([10**7] if chosen.full else [])]
    rounds = 1 if chosen.quick else 9
    with tempfile.TemporaryDirectory(prefix="mediarpc-bench-") as folder, servers.databases(Path(folder)) as url:
        found = growth.measure(url, sizes, rounds, _say)
    report.save(chosen.out, {"machine": report.machine(), "rounds_ms": found})
    print(f"{growth.table(found, sizes)}\n\n{report.machine()}; {rounds} rounds.")


def run_uploads(chosen: argparse.Namespace) -> None:
    """Send large files by every way, round after round."""
    rounds, size, small = (1, 64 * MIB, 9 * MIB) if chosen.quick else (5, 500_000_000, 16 * MIB)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mediarpc-bench-")))
        url = stack.enter_context(servers.databases(folder))
        uploads = stack.enter_context(uploads_over(servers.prepare_ours(url), folder))
        files = [make_file(folder / f"{name}.mp4", bytes_) for name, bytes_ in (("large", size), ("small", small))]
        measured = []
        for number in range(rounds + 1):
            _say(f"round {number} of {rounds}" if number else "warming up")
            measured.append(uploads.of_another_caller(f"bench-{number}").round(*files))
    found = report.uploads(measured[1:])
    report.save(chosen.out, {"machine": report.machine(), "bytes": size, "rounds": measured[1:]})
    print(f"{report.table(found)}\n\n{report.machine()}; {rounds} rounds, {size / 1e6:,.0f} MB, {small // MIB} MiB.")


def run_images(chosen: argparse.Namespace) -> None:
    """Make thumbnails on every side, round after round, in turns."""
    rounds = 3 if chosen.quick else 15
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mediarpc-bench-")))
        photo = images.make_photo(folder / "photo.jpg")
        with images.sides(photo, folder) as sides:
            measured = []
            for number in range(rounds + 1):
                _say(f"round {number} of {rounds}" if number else "warming up")
                measured.append({side: sides[side]() for side in list(sides)[:: -1 if number % 2 else 1]})
        wholes = [asyncio.run(images.whole(photo)) for _ in range(rounds)]
        crowds = _crowds(stack, photo, folder, (1, 4) if chosen.quick else (3, 40))
    found = [*images.rows(measured[1:], wholes), *photos.rows(crowds)]
    report.save(chosen.out, {"machine": report.machine(), "rows": [asdict(row) for row in found]})
    print(f"{report.table(found)}\n\n{report.machine()}; {rounds} rounds.")


def _crowds(stack: ExitStack, photo: Path, folder: Path, rounds_and_photos: tuple[int, int]) -> list[photos.Crowd]:
    rounds, count = rounds_and_photos
    url = stack.enter_context(servers.databases(folder))
    uploads = stack.enter_context(uploads_over(servers.prepare_ours(url), folder))
    found = []
    for number in range(rounds):
        _say(f"{count} photos, round {number + 1} of {rounds}")
        found.append(photos.crowd(uploads.of_another_caller(f"photos-{number}"), photo, count, folder))
    return found


def run_videos(chosen: argparse.Namespace) -> None:
    """Make the ladder on every side, round after round, in turns; then posters."""
    rounds, seconds = (1, 4) if chosen.quick else (5, 60)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mediarpc-bench-")))
        _say("making a video")
        video = videos.make_video(folder / "video.mp4", seconds)
        sides = videos.sides(video, folder)
        measured = []
        for number in range(rounds + 1):
            _say(f"round {number} of {rounds}" if number else "warming up")
            measured.append({side: sides[side]() for side in list(sides)[:: -1 if number % 2 else 1]})
        _say("posters")
        alone = [asyncio.run(videos.poster(video)) for _ in range(rounds + 1)]
        url = stack.enter_context(servers.databases(folder))
        uploads = stack.enter_context(uploads_over(servers.prepare_ours(url), folder))
        published = videos.posters(uploads, video, rounds, folder)
        _say("photos beside videos")
        photo = images.make_photo(folder / "photo.jpg")
        beside = videos.photos_beside(uploads, photo, video, rounds, folder)
    found = videos.rows(measured[1:], alone[1:], published, beside)
    report.save(chosen.out, {"machine": report.machine(), "rows": [asdict(row) for row in found]})
    print(f"{report.table(found)}\n\n{report.machine()}; {rounds} rounds, a video of {seconds} s in 1080p.")


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
