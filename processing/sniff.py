"""What bytes say that they are."""

import filetype

# filetype looks at no more than this many bytes.
HEAD_BYTES = 8192


def detect(head: bytes) -> str | None:
    """The content type that the first bytes of a file show, or None when they show none that is known."""
    kind = filetype.guess(head[:HEAD_BYTES])
    return None if kind is None else str(kind.mime)
