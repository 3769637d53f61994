"""What a child made of a file, kept and given again: for tests whose subject is the calls around it.

A child makes the same of the same bytes, so it is asked once; a small photo takes it longer than all those calls.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from jobs import process, videos
from processing.protocol import Outcome, from_json, to_json
from processing.registry import Processor
from processing.sandbox.child import Listener, own_folder, processed

OUTCOME = "outcome.json"


class Rendered:
    """Outcomes in a folder, which processes may share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def install(self, patch: Any = setattr) -> None:
        """Have the jobs of this process ask here."""
        for module in (videos, process):
            patch(module, "processed", self.processed)

    @asynccontextmanager
    async def processed(
        self,
        source: Path,
        mime_type: str,
        *,
        processor: Processor | None = None,
        tell: Listener | None = None,
        **asked: Any,
    ) -> AsyncIterator[Outcome]:
        """As `processing.sandbox.child.processed`, but that half of the work being done is told, and no other part."""
        kept = self._place(source, mime_type, processor and processor.module, sorted(asked.items()))
        if not kept.exists():
            async with processed(source, mime_type, processor=processor, **asked) as outcome:
                self._keep(outcome, kept)
        if tell is not None:
            await tell(0.5)
        outcome = from_json(Outcome, (kept / OUTCOME).read_bytes())
        with own_folder() as folder:
            shutil.copytree(kept, folder, dirs_exist_ok=True)
            yield replace(outcome, files=tuple(replace(file, path=folder / file.path.name) for file in outcome.files))

    def _place(self, source: Path, *asked: Any) -> Path:
        return self._folder / sha256(repr(asked).encode() + source.read_bytes()).hexdigest()

    def _keep(self, outcome: Outcome, kept: Path) -> None:
        """Whole, or not at all: a process may end in the middle, and others at once may have made the same."""
        partial = Path(tempfile.mkdtemp(dir=self._folder))
        for file in outcome.files:
            for path in (*file.segments, file.path):
                shutil.copy(path, partial)
        (partial / OUTCOME).write_bytes(to_json(outcome))
        try:
            partial.rename(kept)
        except OSError:
            if not kept.exists():
                raise
            shutil.rmtree(partial)


@pytest.fixture(scope="session")
def rendered(run_folder: Path) -> Path:
    """Where is kept what children made of files, for all worker processes of the run."""
    folder = run_folder / "rendered"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def rendered_once(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs of the test's own process ask a child for the same once."""
    Rendered(rendered).install(monkeypatch.setattr)
