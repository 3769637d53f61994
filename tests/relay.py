"""A relay of connections on a real socket, which can be cut."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

_RESET = struct.pack("ii", 1, 0)
_CHUNK_BYTES = 65_536


@dataclass
class Relay:
    """A port behind which another one is; while it is down, connections end as soon as they are made."""

    listener: socket.socket
    to_port: int
    down: Event = field(default_factory=Event)
    pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Where clients connect to."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def cut(self) -> None:
        """Reset every connection, and each that is made until `mend`."""
        self.down.set()
        while self.pairs:
            for end in self.pairs.pop():
                _reset(end)

    def mend(self) -> None:
        """Let connections through again."""
        self.down.clear()

    def accept(self) -> None:
        """Serve until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.down.is_set():
                    _reset(client)
                    continue
                server = socket.create_connection(("127.0.0.1", self.to_port))
                self.pairs.append((client, server))
                Thread(target=_pass, args=(client, server), daemon=True).start()
                Thread(target=_pass, args=(server, client), daemon=True).start()


@contextmanager
def relay_to(port: int) -> Iterator[Relay]:
    """A relay on a free port, for as long as it is needed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(listener, port)
        accepting = Thread(target=relay.accept)
        accepting.start()
        try:
            yield relay
        finally:
            relay.cut()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _pass(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes, until either side ends."""
    with suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RD)
    end.close()
