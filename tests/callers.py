"""Who calls, where it matters what a token allows."""

from rpc.auth import Caller

SERVICE = Caller("backend", scopes=frozenset({"service"}))
