"""Which connections count as one peer's."""

import pytest

from rpc.peers import peer_of


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("testclient", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_peer_is_an_address_or_a_customers_network(host, peer):
    assert peer_of(host) == peer
