"""What bytes say that they are."""

import filetype

# filetype looks at no more than this many bytes.
HEAD_BYTES = 8192

# HEIC with more than 8 bits, or in layers, as cameras write it: filetype knows only those of phones.
HEIC_BRANDS = frozenset({b"heix", b"heim", b"heis"})


def detect(head: bytes) -> str | None:
    """The content type that the first bytes of a file show, or None when they show none that is known."""
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        return "image/heic"
    kind = filetype.guess(head[:HEAD_BYTES])
    return None if kind is None else str(kind.mime)
