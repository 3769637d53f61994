"""From what the libraries raise about a token to its fault; their texts may quote the token, so no text is kept."""

from contextlib import suppress

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError

from contracts.tokens import TokenFault

_OF_ERRORS: dict[type[Exception], TokenFault] = {
    jwt.InvalidSignatureError: TokenFault.SIGNATURE,
    jwt.InvalidAlgorithmError: TokenFault.ALGORITHM,
    jwt.PyJWKClientError: TokenFault.UNKNOWN_KEY,
    jwt.ImmatureSignatureError: TokenFault.NOT_YET_VALID,
    jwt.InvalidIssuedAtError: TokenFault.BAD_TIME,
    jwt.InvalidIssuerError: TokenFault.WRONG_ISS,
    jwt.InvalidAudienceError: TokenFault.WRONG_AUD,
    InvalidSubjectError: TokenFault.BAD_SUB,
    InvalidJTIError: TokenFault.BAD_JTI,
    OverflowError: TokenFault.BAD_TIME,
}
_OF_ABSENCE = {
    "sub": TokenFault.NO_SUB,
    "exp": TokenFault.NO_EXP,
    "iss": TokenFault.NO_ISS,
    "aud": TokenFault.NO_AUD,
}
_OF_CLAIMS = {
    "sub": TokenFault.BAD_SUB,
    "exp": TokenFault.BAD_TIME,
    "plan": TokenFault.BAD_PLAN,
    "scope": TokenFault.BAD_SCOPE,
    "owners": TokenFault.BAD_OWNERS,
}


def fault_of(error: Exception, token: str) -> TokenFault:
    """Why the check of a JWT failed."""
    if isinstance(error, jwt.MissingRequiredClaimError):
        return _OF_ABSENCE[error.claim]
    if (known := _OF_ERRORS.get(type(error))) is not None:
        return known
    # Of what decodes without being verified, PyJWT refuses only a time that is none.
    return TokenFault.BAD_TIME if _has_claims(token) else TokenFault.MALFORMED


def fault_of_claim(error: ValueError) -> TokenFault:
    """Which claim msgspec found to be of another kind, which its message ends with, or `sub` when it found none."""
    place = str(error).rpartition("`$.")[2]
    return _OF_CLAIMS.get(place.partition("[")[0].rstrip("`"), TokenFault.NO_SUB)


def is_jwt(token: str) -> bool:
    """Whether a token has the form of a JWT; other signed cookies have three parts too, but no algorithm."""
    try:
        return "alg" in jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError):
        return False


def _has_claims(token: str) -> bool:
    with suppress(jwt.PyJWTError, ValueError):
        jwt.decode(token, options={"verify_signature": False})
        return True
    return False
