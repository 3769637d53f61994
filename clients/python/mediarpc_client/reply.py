"""What came of a call: a result, or the error of its number."""

from typing import Any

import httpx

from mediarpc_client.errors import ERRORS
from mediarpc_client.failure import MediaRpcError, MediaTransportError


def result_of(response: httpx.Response) -> Any:
    """The result of a response; MediaRpcError, or MediaTransportError for what is no answer of this server."""
    document = _document(response)
    error = document.get("error")
    if isinstance(error, dict) and "rpcCode" in (error.get("data") or {}):
        raise refusal(error["message"], error["data"])
    if "result" not in document:
        status = response.status_code
        raise MediaTransportError(f"The server answered HTTP {status} without a result", status)
    return document["result"]


def refusal(message: str, data: dict[str, Any]) -> MediaRpcError:
    """The error of a number."""
    code = data["rpcCode"]
    return ERRORS.get(code, MediaRpcError)(message, code, data.get("details") or {}, data["requestId"])


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
