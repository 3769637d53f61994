"""What a call can fail with."""

from typing import Any


class MediaRpcError(Exception):
    """The server's refusal: its number, its facts, and the id under which the server's log has it.

    Each number has a class of its own in `mediarpc_client.errors`.
    """

    def __init__(self, message: str, code: int, details: dict[str, Any], request_id: str) -> None:
        super().__init__(message)
        self.message, self.code, self.details, self.request_id = message, code, details, request_id

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


class MediaTransportError(Exception):
    """The server or storage could not be reached, or did not answer as they do; `status` is that of HTTP."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
