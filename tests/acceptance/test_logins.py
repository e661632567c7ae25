"""Key pairs, wrong logins and how they are slowed, through the genuine connector."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from harness import Sql
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError

from snowmelt.base.errors import SqlError
from snowmelt.base.settings import Settings
from snowmelt.session.keys import TokenRefused, fingerprint, public_key, verify
from snowmelt.session.logins import FIRST_DELAY, LONGEST_DELAY, MAX_WAITING, LoginGuard
from snowmelt.testing.clock import ManualClock
from snowmelt.testing.server import running_server

KEYS = "https://docs.snowflake.com/en/user-guide/key-pair-auth"
Connect = Callable[..., SnowflakeConnection]


@cache
def key(number: int) -> rsa.RSAPrivateKey:
    """A private key for the tests; making one takes a moment."""
    return rsa.generate_private_key(65537, 2048)


def private(number: int) -> bytes:
    """A private key as the connector takes it."""
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    return key(number).private_bytes(encoding, form, serialization.NoEncryption())


def public(number: int) -> str:
    """The public key as ALTER USER takes it."""
    return _text(key(number).public_key())


def _text(of: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(of.public_bytes(serialization.Encoding.DER, form)).decode()


@pytest.fixture
def user(connect: Connect) -> Iterator[Sql]:
    """A session whose user has no keys before and after the test."""
    sql = Sql(connect())
    yield sql
    sql("ALTER USER SNOWMELT UNSET RSA_PUBLIC_KEY, RSA_PUBLIC_KEY_2")


def by_key(connect: Connect, number: int, **options: object) -> Sql:
    parameters = {"password": None, "authenticator": "SNOWFLAKE_JWT", "private_key": private(number), **options}
    return Sql(connect(**parameters))


@pytest.mark.parity("Key pairs", "log in with either of the user's two keys", KEYS)
def test_either_key(user: Sql, connect: Connect) -> None:
    user(f"ALTER USER snowmelt SET RSA_PUBLIC_KEY = '{public(1)}'")
    assert by_key(connect, 1).one("SELECT CURRENT_USER()") == "SNOWMELT"
    user(f"ALTER USER IF EXISTS SNOWMELT SET RSA_PUBLIC_KEY_2 = '{public(2)}'")
    assert by_key(connect, 2).one("SELECT 1") == by_key(connect, 1).one("SELECT 1") == 1


@pytest.mark.parity("Key pairs", "a wrong key, or one that was taken away, is refused with 390144", KEYS)
def test_wrong_key(user: Sql, connect: Connect) -> None:
    user(f"ALTER USER SNOWMELT SET RSA_PUBLIC_KEY = '{public(1)}'")
    with pytest.raises(DatabaseError, match="JWT token is invalid") as caught:
        by_key(connect, 2)
    assert caught.value.errno == 390144
    incident = str(caught.value).rpartition("[")[2].partition("]")[0]
    details = json.loads(user.one(f"SELECT SYSTEM$GET_LOGIN_FAILURE_DETAILS('{incident}')"))
    assert details["errorCode"] == "JWT_TOKEN_INVALID_PUBLIC_KEY_FINGERPRINT_MISMATCH"
    by_key(connect, 1)
    user("ALTER USER SNOWMELT UNSET RSA_PUBLIC_KEY")
    with pytest.raises(DatabaseError, match="JWT token is invalid"):
        by_key(connect, 1)


@pytest.mark.parity("Key pairs", "DESCRIBE USER shows the keys and their fingerprints", KEYS)
def test_describe_user(user: Sql) -> None:
    user(f"ALTER USER SNOWMELT SET RSA_PUBLIC_KEY = '{public(1)}'")
    found = {row["property"]: row["value"] for row in user.dicts("DESCRIBE USER SNOWMELT")}
    assert found["RSA_PUBLIC_KEY"] == public(1)
    assert found["RSA_PUBLIC_KEY_FP"] == fingerprint(key(1).public_key())
    assert found["RSA_PUBLIC_KEY_2_FP"] is None
    user.fails("DESCRIBE USER nobody", 2003)


@pytest.mark.parity("Key pairs", "what is no key is refused, and so are other properties of users", KEYS)
def test_no_keys(user: Sql) -> None:
    short = _text(rsa.generate_private_key(65537, 1024).public_key())
    curve = _text(ec.generate_private_key(ec.SECP256R1()).public_key())
    for text in ("", "nonsense", "bm9uc2Vuc2U=", short, curve):
        assert "New public key rejected" in str(user.fails(f"ALTER USER SNOWMELT SET RSA_PUBLIC_KEY = '{text}'"))
    user.fails(f"ALTER USER somebody SET RSA_PUBLIC_KEY = '{public(1)}'", 2003)
    assert "PASSWORD" in str(user.fails("ALTER USER SNOWMELT SET PASSWORD = 'x'", 2))


def test_key_of_the_settings() -> None:
    import snowflake.connector

    with running_server(Settings(port=0, rsa_public_key=public(3))) as server:
        options = {**server.parameters, "authenticator": "SNOWFLAKE_JWT", "private_key": private(3)}
        del options["password"]
        with snowflake.connector.connect(**options) as connection:
            assert Sql(connection).one("SELECT 1") == 1
    with pytest.raises(SqlError, match="New public key rejected"), running_server(Settings(port=0, rsa_public_key="x")):
        pass


NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def token(number: int = 1, algorithm: str = "RS256", **changed: object) -> str:
    claims = {
        "iss": f"ACC.ANN.{fingerprint(key(1).public_key())}",
        "sub": "ACC.ANN",
        "iat": NOW,
        "exp": NOW + timedelta(seconds=60),
        **changed,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, None if algorithm == "none" else key(number), algorithm=algorithm)


def test_tokens() -> None:
    keys = [public_key(public(1))]
    verify(token(), "ann", keys, NOW)
    verify(token(exp=NOW + timedelta(days=9)), "ann", keys, NOW + timedelta(minutes=59))
    for wrong in (
        "",
        "x.y.z",
        token(number=2),
        token(algorithm="none"),
        token(sub="ACC.BOB"),
        token(iss="ACC.ANN"),
        token(iss=None),
        token(exp=None),
        token(exp=NOW),
        token(iat=NOW + timedelta(minutes=2)),
        token(exp=NOW + timedelta(days=9), iat=NOW - timedelta(hours=2)),
    ):
        with pytest.raises(TokenRefused):
            verify(wrong, "ann", keys, NOW)
    with pytest.raises(TokenRefused):
        verify(token(), "bob", keys, NOW)
    with pytest.raises(TokenRefused):
        verify(token(), "ann", [], NOW)


@pytest.mark.parity("Key pairs", "a private key in a file, encrypted with a passphrase", KEYS)
def test_key_file(user: Sql, connect: Connect, tmp_path: Path) -> None:
    user(f"ALTER USER SNOWMELT SET RSA_PUBLIC_KEY = '{public(1)}'")
    encrypted = serialization.BestAvailableEncryption(b"open sesame")
    file = tmp_path / "rsa_key.p8"
    file.write_bytes(key(1).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encrypted))
    options = {"password": None, "authenticator": "SNOWFLAKE_JWT", "private_key_file": str(file)}
    assert Sql(connect(**options, private_key_file_pwd="open sesame")).one("SELECT CURRENT_USER()") == "SNOWMELT"


PYTHON = "https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api#connect"


@pytest.mark.parity("Connector", "validate_default_parameters: a missing database or schema is an error", PYTHON)
def test_missing_names_at_login(connect: Connect, database: str) -> None:
    names = {"database": database, "schema": "PUBLIC"}
    assert Sql(connect(**names, validate_default_parameters=True)).one("SELECT CURRENT_SCHEMA()") == "PUBLIC"
    for wrong in ("database", "schema"):
        given = {**names, wrong: "nowhere"}
        assert getattr(connect(**given), wrong) is None
        with pytest.raises(DatabaseError, match=f"The requested {wrong} does not exist") as caught:
            connect(**given, validate_default_parameters=True)
        assert caught.value.errno == 390201


@pytest.mark.parity("Connector", "other ways to prove who one is are refused by name", PYTHON)
@pytest.mark.parametrize(("authenticator", "options"), [("externalbrowser", {}), ("oauth", {"token": "t"})])
def test_other_authenticators(connect: Connect, authenticator: str, options: dict[str, object]) -> None:
    with pytest.raises(DatabaseError, match=f"Unsupported feature 'authenticator {authenticator.upper()}'"):
        connect(authenticator=authenticator, **options)


LOGIN = "https://docs.snowflake.com/en/user-guide/admin-user-management"


@pytest.mark.parity("Connector", "wrong logins are slowed; the right password still works", LOGIN)
def test_wrong_logins_take_time(connect: Connect) -> None:
    def seconds(**options: object) -> float:
        begin = time.monotonic()
        with pytest.raises(DatabaseError) as caught:
            connect(user="stranger", password="guess", **options)
        assert caught.value.errno == 390100
        return time.monotonic() - begin

    spent = [seconds() for _ in range(5)]
    assert spent[4] >= FIRST_DELAY
    assert Sql(connect()).one("SELECT 1") == 1


def test_the_guard() -> None:
    clock = ManualClock()
    guard = LoginGuard(clock)

    def fails(user: str = "ann", address: str = "a") -> float:
        seconds = guard.enter(user, address)
        assert seconds is not None
        clock.advance(seconds)
        guard.leave(user, address, right=False)
        return seconds

    assert [fails() for _ in range(6)] == [0, 0, 0, 0.25, 0.5, 1]
    assert max(fails() for _ in range(9)) == LONGEST_DELAY
    assert guard.enter("bob", "a") == guard.enter("ANN", "b") == 0
    waits = [guard.enter("Ann", "a") for _ in range(MAX_WAITING + 1)]
    assert waits[-1] is None
    assert waits[:3] == [5, 10, 15]  # side by side is no quicker
    guard.leave("ann", "a", right=True)
    assert guard.enter("ann", "a") == 0
    for _ in range(4):
        fails("carl")
    clock.advance(3600)
    assert guard.enter("carl", "a") == 0
