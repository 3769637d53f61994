"""A subscription as its reader knows it: how far it has come, and what is to be done when it breaks off."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from httpx_sse import ServerSentEvent

from mediarpc_client.failure import MediaTransportError
from mediarpc_client.reply import refusal

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
WORTH_TRYING_AGAIN = -32603


class Stream:
    """Events across connections: each goes on behind the last event that was read."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self.members = dict(members)
        self.is_over = False
        self._delay = FIRST_DELAY_SECONDS

    def begin(self, status: int) -> None:
        """MediaTransportError for an answer that no stream comes of, however often it is asked for."""
        if status != HTTPStatus.OK and status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise MediaTransportError(f"The stream was refused with HTTP {status}", status)

    def feed(self, event: ServerSentEvent) -> list[Any]:
        """The data of an event, none of what only keeps the stream alive; MediaRpcError of a failure that stays."""
        if event.event == "message":
            self.members["lastEventId"] = event.id
            self._delay = FIRST_DELAY_SECONDS
            return [json.loads(event.data)]
        if event.event == "serialized-error":
            error = json.loads(event.data)
            if error["code"] != WORTH_TRYING_AGAIN:
                raise refusal(error["message"], error["data"])
        self.is_over = self.is_over or event.event == "return"
        return []

    def delay(self) -> float:
        """The seconds until the next connection, twice as many with each that brought nothing."""
        now, self._delay = self._delay, min(2 * self._delay, LONGEST_DELAY_SECONDS)
        return now
