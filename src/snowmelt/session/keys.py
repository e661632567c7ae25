"""Public keys of the user, and the tokens that clients sign with the private ones (authenticator SNOWFLAKE_JWT).

Source: docs.snowflake.com/en/user-guide/key-pair-auth and .../key-pair-auth-troubleshooting
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from snowmelt.base.errors import SqlError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# Cryptography is imported where a key is used: no start without keys has to wait for it.

PROPERTIES = ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")
"""The properties of a user that hold public keys: two, so that keys can be changed while both are in use."""

LIFETIME = timedelta(hours=1)
"""For how long after its issue a token is accepted, whatever it says itself."""

SKEW = timedelta(seconds=60)
"""How far a client's clock may be ahead."""

_LEAST_BITS = 2048
_ARMOUR = re.compile(r"-----(BEGIN|END) PUBLIC KEY-----|\s+")


class TokenRefused(Exception):
    """A token that does not prove who its sender is; the text is the reason, as Snowflake names it."""


def public_key(text: str) -> RSAPublicKey:
    """The RSA key that ``ALTER USER ... SET RSA_PUBLIC_KEY`` is given: base64, with or without PEM's lines around it.

    Raises:
        SqlError: it is none, or shorter than 2,048 bits.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        found = load_der_public_key(base64.b64decode(_ARMOUR.sub("", text), validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise _rejected("Invalid public key") from error
    if not isinstance(found, RSAPublicKey):
        raise _rejected("Only RSA keys are supported")
    if found.key_size < _LEAST_BITS:
        raise _rejected(f"The key has fewer than {_LEAST_BITS} bits")
    return found


def _rejected(reason: str) -> SqlError:
    return SqlError(f"New public key rejected by current policy. Reason: '{reason}'", 3543, "22023")


def fingerprint(key: RSAPublicKey) -> str:
    """``SHA256:`` and the base64 of the hash of the key, as RSA_PUBLIC_KEY_FP shows it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def verify(token: str, user: str, keys: Iterable[RSAPublicKey], now: datetime) -> None:
    """Hold a login token against the public keys of `user`.

    A token says ``iss`` = ACCOUNT.USER.SHA256:fingerprint and ``sub`` = ACCOUNT.USER. The account may be any, as it may
    in every login here.

    Raises:
        TokenRefused: it is not one of this user's, not signed by one of the keys, or too old.
    """
    import jwt

    issuer, subject = _names(token)
    name, _, claimed = issuer.partition(".SHA256:")
    if name != subject or subject.partition(".")[2].upper() != user.upper():
        raise TokenRefused("JWT_TOKEN_INVALID_USER_IN_ISSUER")
    key = next((each for each in keys if fingerprint(each) == f"SHA256:{claimed}"), None)
    if key is None:
        raise TokenRefused("JWT_TOKEN_INVALID_PUBLIC_KEY_FINGERPRINT_MISMATCH")
    try:
        # Times are looked at below, by the process's own clock.
        options: Any = {"require": ["iat", "exp"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        claims = jwt.decode(token, key, algorithms=["RS256"], options=options)
    except jwt.InvalidSignatureError as error:
        raise TokenRefused("JWT_TOKEN_INVALID_SIGNATURE") from error
    except jwt.PyJWTError as error:
        raise TokenRefused("JWT_TOKEN_INVALID") from error
    issued, ends = _seconds(claims["iat"]), _seconds(claims["exp"])
    if issued > now.timestamp() + SKEW.total_seconds():
        raise TokenRefused("JWT_TOKEN_INVALID_ISSUE_TIME")
    if min(ends, issued + LIFETIME.total_seconds()) <= now.timestamp():
        raise TokenRefused("JWT_TOKEN_EXPIRED")


def _names(token: str) -> tuple[str, str]:
    """Issuer and subject of a token that has not been verified."""
    import jwt

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise TokenRefused("JWT_TOKEN_INVALID") from error
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not isinstance(issuer, str) or not isinstance(subject, str):
        raise TokenRefused("JWT_TOKEN_INVALID")
    return issuer, subject


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TokenRefused("JWT_TOKEN_INVALID")
    return float(value)
