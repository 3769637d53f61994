"""How many files a worker processes at once, when settings do not say."""

import pytest

from server import doctor, lanes
from server.doctor import examine
from server.lanes import MIB, Lanes
from server.settings import Settings
from server.work import policy_of


@pytest.fixture
def machine(monkeypatch):
    """Have a machine with so much memory and so many cores."""

    def have(mebibytes: int, cores: int) -> None:
        for module in (lanes, doctor):
            monkeypatch.setattr(module, "memory_bytes", lambda: mebibytes * MIB)
        monkeypatch.setattr(lanes, "cores", lambda: cores)

    return have


@pytest.mark.parametrize(
    ("mebibytes", "cores", "images"),
    [(600, 8, 1), (100, 8, 1), (1024, 8, 1), (2048, 8, 5), (4096, 8, 8), (4096, 2, 2), (65536, 64, 64)],
)
def test_images_are_one_per_core_as_far_as_the_memory_goes(machine, mebibytes, cores, images):
    """That an audio file, a poster and a video leave at their side; one in any case."""
    machine(mebibytes, cores)

    assert Lanes.of(Settings()) == Lanes(images=images, audio_files=1, posters=1, videos=1)


def test_videos_leave_less_for_images(machine):
    machine(2048, 8)

    assert Lanes.of(Settings(video_concurrency=3)).images == 1


def test_what_is_set_stays_as_it_is_set(machine):
    machine(600, 8)
    settings = Settings(image_concurrency=8, audio_concurrency=4, poster_concurrency=3, video_concurrency=2)

    assert Lanes.of(settings) == Lanes(images=8, audio_files=4, posters=3, videos=2)


async def test_a_worker_has_these_lanes(machine, resources, settings):
    machine(1024, 8)

    assert policy_of(resources, settings).lanes == {
        "default": 8,
        "image": 1,
        "audio": 1,
        "long-audio": 1,
        "poster": 1,
        "video": 1,
    }


async def memory(settings: Settings) -> str:
    return next(str(finding) for finding in await examine(settings) if finding.subject == "memory")


@pytest.mark.usefixtures("resources")
async def test_the_doctor_tells_what_a_worker_takes(machine, settings):
    machine(2048, 4)

    assert await memory(settings) == (
        "ok       memory: a worker here takes about 1720 MiB of 2048 MiB "
        "(at once: images 4, audio files 1, posters 1, videos 1)"
    )


@pytest.mark.usefixtures("resources")
async def test_the_doctor_warns_of_a_cgroup_that_is_killed_as_a_whole(machine, settings, monkeypatch):
    """As Kubernetes has it, unless told otherwise."""
    machine(2048, 4)
    monkeypatch.setattr(doctor, "dies_as_one", lambda: True)

    found = await memory(settings)
    assert found.startswith("warning  memory: ")
    assert "memory.oom.group" in found
