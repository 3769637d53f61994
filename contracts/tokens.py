"""What can be wrong with a token: a word for the log, and a sentence for whoever develops against `mediarpc dev`.

Neither holds anything of the token.
"""

from enum import StrEnum
from typing import Self


class TokenFault(StrEnum):
    """fault = word, sentence. The words are stable."""

    sentence: str

    def __new__(cls, word: str, sentence: str) -> Self:  # noqa: D102 - the class tells the columns
        fault = str.__new__(cls, word)
        fault._value_ = word
        fault.sentence = sentence
        return fault

    MALFORMED = "malformed", "it is no JWT: three parts in base64url, of which two are JSON objects"
    ALGORITHM = "algorithm", "alg must be HS256 with AUTH_JWT_SECRET, and RS256, ES256 or EdDSA with AUTH_JWKS_URL"
    UNKNOWN_KEY = "unknown_key", "AUTH_JWKS_URL has no key of its kid"
    SIGNATURE = "signature", "it is signed with another key or secret than this server's"
    NO_SUB = "no_sub", "sub is missing: the user's id"
    NO_EXP = "no_exp", "exp is missing: when it ends, in seconds since 1970"
    NO_ISS = "no_iss", "iss is missing, and AUTH_ISSUER is set"
    NO_AUD = "no_aud", "aud is missing, and AUTH_AUDIENCE is set"
    WRONG_ISS = "wrong_iss", "iss is not AUTH_ISSUER"
    WRONG_AUD = "wrong_aud", "aud is not AUTH_AUDIENCE"
    NOT_YET_VALID = "not_yet_valid", "nbf or iat is in the future: compare the clocks"
    BAD_TIME = "bad_time", "exp, nbf and iat must be numbers, in seconds since 1970"
    BAD_SUB = "bad_sub", "sub must be a string of 1 to 64 printable characters"
    BAD_JTI = "bad_jti", "jti must be a string"
    BAD_PLAN = "bad_plan", "plan must be free, basic, pro or premium"
    BAD_SCOPE = "bad_scope", "scope must be a string of words, separated by spaces"
    BAD_OWNERS = "bad_owners", 'owners must be an array of strings like "event:42"'
    INACTIVE = "inactive", "AUTH_INTROSPECTION_URL answers that it is not active"
