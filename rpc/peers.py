"""Who is at the other end of a connection, as far as shares go: an address, or the network of one customer."""

from ipaddress import IPv6Address, ip_address

CUSTOMER_BITS = 64  # of an IPv6 address: whoever has one has all that begin so


def peer_of(host: str | None) -> str:
    """The name of a share; one for all whose address is not known."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(IPv6Address(int(address) >> CUSTOMER_BITS << CUSTOMER_BITS))
    return str(address)
