"""The bytes that a call brings beside its input, as a procedure reads them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from contracts.errors import ErrorCode, RpcError, ValidationFailed


class ContentBrokenOff(RpcError):
    """The client left before the content was whole: what the call began is to be undone, and nobody hears of it."""

    code = ErrorCode.INVALID_INPUT
    sentence = "The content broke off"


@dataclass(kw_only=True)
class ContentStalled(ContentBrokenOff):
    """Nothing of the content came for `idleSeconds` seconds: what the call began is undone."""

    idle_seconds: float

    @property
    def message(self) -> str:
        """The sentence with the time that was waited."""
        return f"The content broke off: nothing came for {self.idle_seconds:g} seconds"


class Content:
    """A call's bytes in chunks as they arrive; what nobody has asked for yet waits at the client.

    Only after StopAsyncIteration has everything come. Before it, ContentBrokenOff says that the rest will not, and
    ValidationFailed that the form around the file is not as it should be. `filename` and `content_type` are what the
    client said; `length` is how many bytes it announced, which a form does not tell.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        *,
        filename: str | None = None,
        content_type: str | None = None,
        length: int | None = None,
    ) -> None:
        self.filename = filename
        self.content_type = content_type
        self.length = length
        self._chunks = chunks

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._chunks)


def unreadable(field: str, message: str) -> ValidationFailed:
    """The refusal of a request that brings bytes, at a field of its form when one is to blame."""
    return ValidationFailed.of("content", message, field)
