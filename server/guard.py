"""What goes with stored bytes that this server hands out, so that they do not act in its origin.

A browser shows sound and video in a page of its own making, under this policy: they are the only thing it may load.
"""

GUARD = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; media-src 'self'; sandbox",
}
