"""What goes with stored bytes that this server hands out, so that they do not act in its origin."""

GUARD = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox"}
