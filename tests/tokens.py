"""Keys, tokens good and bad, and a server that publishes a JWKS."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

SECRET = "a secret for tokens, long enough for HS256"
OTHER_SECRET = "another secret, which nobody was ever given"


def claims(**different: Any) -> dict[str, Any]:
    """Claims that are accepted, but for those that are given; None leaves one out."""
    told = {"sub": "ada", "exp": int(time.time()) + 24 * 3600, **different}
    return {name: value for name, value in told.items() if value is not None}


def token(secret: str = SECRET, **different: Any) -> str:
    """An HS256 token."""
    return jwt.encode(claims(**different), secret, algorithm="HS256")


def by_hand(header: Any, payload: Any, secret: str | bytes | None = SECRET) -> str:
    """A token that no library would write: any header, any payload, and an HMAC or nothing as signature."""
    signed = b".".join(
        _base64url(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, payload)
    )
    key = secret.encode() if isinstance(secret, str) else secret
    signature = b"" if key is None else hmac.digest(key, signed, hashlib.sha256)
    return (signed + b"." + _base64url(signature)).decode()


@cache
def keys() -> dict[str, tuple[str, Any]]:
    """Algorithm and private key by key id."""
    return {
        "rsa": ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "ec": ("ES256", ec.generate_private_key(ec.SECP256R1())),
        "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    }


def jwks() -> dict[str, Any]:
    """The public halves of `keys`."""
    writers: dict[str, Any] = {"rsa": RSAAlgorithm, "ec": ECAlgorithm, "ed": OKPAlgorithm}
    return {
        "keys": [
            {**writers[name].to_jwk(key.public_key(), as_dict=True), "kid": name, "alg": algorithm, "use": "sig"}
            for name, (algorithm, key) in keys().items()
        ]
    }


def signed(name: str, kid: str | None = None, **different: Any) -> str:
    """A token that is signed with one of `keys`."""
    algorithm, key = keys()[name]
    return jwt.encode(claims(**different), key, algorithm=algorithm, headers={"kid": kid or name})


def public_pem(name: str) -> bytes:
    """A public key as everybody may read it."""
    pem: bytes = keys()[name][1].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


class Publisher:
    """Where a JWKS is published: what it answers, and whether it does, and how often it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.body = json.dumps(jwks()).encode()
        self.asked = 0
        self.answers = threading.Event()
        self.answers.set()


@contextmanager
def publishing() -> Iterator[Publisher]:
    """A server on this machine that publishes `jwks`."""
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.asked += 1
            publisher.answers.wait()
            self.send_response(publisher.status)
            self.send_header("content-length", str(len(publisher.body)))
            self.end_headers()
            self.wfile.write(publisher.body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        publisher.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield publisher
        finally:
            publisher.answers.set()
            server.shutdown()
            serving.join()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
