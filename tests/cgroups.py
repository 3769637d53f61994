"""A cgroup with a bound of memory, as a container has one, and how to start something in it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Cgroup:
    """A folder of the kernel's."""

    folder: Path

    def starting(self, *command: str | Path) -> list[str | Path]:
        """A command that runs another inside."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', self.folder / "cgroup.procs", *command]

    def kills(self) -> int:
        """How many processes the kernel has killed in it for want of memory."""
        about = next(file for name in ("memory.events", "memory.oom_control") if (file := self.folder / name).exists())
        return int(dict(line.split() for line in about.read_text().splitlines())["oom_kill"])


@contextmanager
def bounded_memory(size_bytes: int) -> Iterator[Cgroup]:
    """A cgroup whose processes have so much memory together, and no swap; OSError where none can be made."""
    is_v1 = (V1 / "memory.limit_in_bytes").exists()
    folder = (V1 if is_v1 else V2) / f"mediarpc-test-{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        (folder / ("memory.limit_in_bytes" if is_v1 else "memory.max")).write_text(str(size_bytes))
        swap = folder / ("memory.memsw.limit_in_bytes" if is_v1 else "memory.swap.max")
        if swap.exists():
            swap.write_text(str(size_bytes) if is_v1 else "0")
        yield Cgroup(folder)
    finally:
        folder.rmdir()
