"""The ports that embedded servers are given."""

import socket
from pathlib import Path

import pytest

from server import embedded
from server.embedded import EmbeddedError, free_port

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not OUTGOING.exists(), reason="only Linux says which ports outgoing connections are given")
def test_no_outgoing_connection_can_take_a_free_port_before_its_server_does():
    first = int(OUTGOING.read_text(encoding="ascii").split()[0])
    assert all(free_port() < first for _ in range(100))


def test_a_free_port_is_one_that_nobody_listens_on(monkeypatch):
    """Of two, one of which is taken, it is the other; of none that is free there is a sentence."""
    with socket.create_server(("127.0.0.1", free_port())) as other:
        taken = other.getsockname()[1]
        monkeypatch.setattr(embedded, "PORTS", range(taken, taken + 2))
        assert {free_port() for _ in range(20)} == {taken + 1}
        monkeypatch.setattr(embedded, "PORTS", range(taken, taken + 1))
        with pytest.raises(EmbeddedError, match=rf"^No port from {taken} to {taken} is free$"):
            free_port()
