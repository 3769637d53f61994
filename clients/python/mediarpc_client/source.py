"""A file to upload: what it is called and of which type, its digest, and its bytes piece by piece."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mediarpc_client.formats import CONTENT_TYPES
from mediarpc_client.transport import PIECE_BYTES


@dataclass(frozen=True, slots=True)
class Source:
    """A file as its upload declares it; one that changes meanwhile is refused by its digest."""

    path: Path
    filename: str
    content_type: str
    size: int

    @classmethod
    def of(cls, path: Path, filename: str | None, content_type: str | None) -> "Source":
        """The file at a path; ValueError when neither type nor extension says what it is."""
        name = filename or path.name
        known = content_type or CONTENT_TYPES.get(Path(name).suffix.removeprefix(".").lower())
        if known is None:
            raise ValueError(f"{name}: the extension tells no content type; name it")
        return cls(path, name, known, path.stat().st_size)

    def digest(self) -> str:
        """The SHA-256 in hexadecimal digits."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def pieces(self, offset: int, size: int) -> Iterator[bytes]:
        """The bytes of a part, piece by piece."""
        with self.path.open("rb") as file:
            file.seek(offset)
            sent = 0
            while sent < size and (piece := file.read(min(PIECE_BYTES, size - sent))):
                yield piece
                sent += len(piece)
