"""The Python client of mediarpc: every procedure with its types, and uploads that go on where they were broken off."""

from mediarpc_client.client import AsyncClient, Client
from mediarpc_client.failure import MediaRpcError, MediaTransportError
from mediarpc_client.upload import Progress

__all__ = ["AsyncClient", "Client", "MediaRpcError", "MediaTransportError", "Progress"]
