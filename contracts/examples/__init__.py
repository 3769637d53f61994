"""Calls and their answers as they look on the wire, one story of them all: in the order of the table of contents."""

from contracts.examples.library import LIBRARY
from contracts.examples.media import Example
from contracts.examples.owners import OWNERS
from contracts.examples.uploads import UPLOADS

__all__ = ["EXAMPLES", "Example"]

EXAMPLES: dict[str, tuple[Example, ...]] = {**UPLOADS, **LIBRARY, **OWNERS}
