"""Requests that no client sends and statements that no one writes: each is refused, and the server goes on."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from harness import Sql
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError

from snowmelt.server.body import MAX_BODY
from snowmelt.sql.limits import MAX_NESTING, MAX_PIECES
from snowmelt.testing.server import RunningServer

PAGE = "https://docs.snowflake.com/en/developer-guide/sql-api/reference"
SIZES = "https://docs.snowflake.com/en/user-guide/query-size-limits"
QUERY = "/queries/v1/query-request"
INTERNAL = ("000603", "300010")


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    body: dict[str, Any]

    @property
    def refused(self) -> str:
        """The code of a refusal that is no internal error."""
        assert self.body.get("success") is False, self.body
        code = str(self.body["code"])
        assert code not in INTERNAL, self.body
        assert self.body["message"]
        return code


class Wire:
    """Requests by hand, with the token of a genuine connection."""

    def __init__(self, server: RunningServer, connection: SnowflakeConnection) -> None:
        self._address = server.address
        assert connection.rest is not None
        self.session_token = connection.rest.token
        self.master_token = connection.rest.master_token

    def __call__(
        self, path: str, body: bytes | dict[str, Any] = b"", token: str | None = None, **headers: str
    ) -> Answer:
        authorization = f'Snowflake Token="{token or self.session_token}"'
        sent = {"Authorization": authorization, "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        opened = http.client.HTTPConnection(self._address.host, self._address.port, timeout=60)
        try:
            opened.request("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), sent)
            answer = opened.getresponse()
            return Answer(answer.status, json.loads(answer.read()))
        finally:
            opened.close()

    def query(self, **body: Any) -> Answer:
        return self(QUERY, body)


@pytest.fixture
def wire(server: RunningServer, connect: Callable[..., SnowflakeConnection]) -> Iterator[Wire]:
    """Whatever is sent, the session that it was sent for goes on, and so does another."""
    own, other = connect(), connect()
    yield Wire(server, own)
    assert Sql(own).one("SELECT 1") == Sql(other).one("SELECT 1") == 1


@pytest.mark.parity("Bad input", "bodies that are no JSON object are refused with 390400", PAGE)
@pytest.mark.parametrize(
    "body",
    [
        b"{nope",
        b"[1]",
        b"5",
        b"\xff\xfe{",
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b'{"sqlText": ' + b"9" * 100_000 + b"}",
    ],
    ids=["unfinished", "array", "number", "bytes", "deep-arrays", "deep-objects", "huge-number"],
)
def test_malformed_json(wire: Wire, body: bytes) -> None:
    answer = wire(QUERY, body)
    assert (answer.status, answer.refused) == (400, "390400")


@pytest.mark.parity("Bad input", "texts that are no Unicode are refused at once, also those of genuine clients", PAGE)
def test_half_characters(sql: Sql) -> None:
    sql.fails("SELECT '\ud800'", 390400)
    with pytest.raises(DatabaseError, match="not valid Unicode"):
        sql("SELECT ?", "\udfff")
    assert sql.one("SELECT '\U0001f600'") == sql.one("SELECT ?", "\U0001f600") == "\U0001f600"


@pytest.mark.parity("Bad input", "requests with missing or wrong fields are refused with 390400", PAGE)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sqlText": None},
        {"sqlText": 5},
        {"sqlText": "SELECT 1", "bindings": [1]},
        {"sqlText": "SELECT 1", "parameters": "x"},
        {"sqlText": "SELECT ?", "bindings": {"1": 5}},
        {"sqlText": "SELECT ?", "bindings": {"1": {}}},
        {"sqlText": "SELECT ?", "bindings": {"1": {"type": "TEXT", "value": {"a": 1}}}},
        {"sqlText": "SELECT ?", "bindings": {"1": {"type": "FIXED", "value": 5}}},
    ],
)
def test_wrong_fields(wire: Wire, body: dict[str, Any]) -> None:
    answer = wire(QUERY, body)
    assert (answer.status, answer.refused) == (400, "390400")


@pytest.mark.parity("Bad input", "values that are none of the bind's type are refused", PAGE)
@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("FIXED", "x", "100038"),
        ("FIXED", "NaN", "100038"),
        ("FIXED", "1E+999999999", "100046"),
        ("REAL", "zz", "100038"),
        ("BOOLEAN", "maybe", "100037"),
        ("DATE", "99999999999999999999", "100040"),
        ("TIME", "soon", "100108"),
        ("TIMESTAMP_NTZ", "x", "100035"),
        ("TIMESTAMP_TZ", "1 2 3", "100035"),
        ("TIMESTAMP_TZ", "1 99999999", "100035"),
        ("BINARY", "zz", "100115"),
        ("NO_SUCH_TYPE", "1", "000002"),
    ],
)
def test_wrong_binds(wire: Wire, kind: str, value: str, code: str) -> None:
    assert wire.query(sqlText="SELECT ?", bindings={"1": {"type": kind, "value": value}}).refused == code


@pytest.mark.parity("Bad input", "parameters of a statement that make no sense are refused", PAGE)
@pytest.mark.parametrize("value", ["x", [], {}])
@pytest.mark.parametrize("name", ["MULTI_STATEMENT_COUNT", "STATEMENT_TIMEOUT_IN_SECONDS"])
def test_wrong_parameters(wire: Wire, name: str, value: object) -> None:
    assert wire.query(sqlText="SELECT 1; SELECT 2", parameters={name: value}).refused == "001008"


@pytest.mark.parity("Bad input", "compressed bodies: bombs, rubbish, unknown encodings", PAGE)
def test_compressed(wire: Wire) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * (1 << 20)) for _ in range((MAX_BODY >> 20) + 1)) + packer.flush()
    assert len(bomb) < 1 << 20
    assert wire(QUERY, bomb, Content_Encoding="gzip").status == 413
    assert wire(QUERY, b"rubbish", Content_Encoding="gzip").refused == "390400"
    assert wire(QUERY, gzip.compress(b"{}" * 99)[:-9], Content_Encoding="gzip").refused == "390400"
    assert wire(QUERY, b"{}", Content_Encoding="br").refused == "390400"


@pytest.mark.parity("Bad input", "absent, unknown and mistaken tokens are refused", PAGE)
def test_tokens(wire: Wire) -> None:
    statement = json.dumps({"sqlText": "SELECT 1"}).encode()
    assert wire(QUERY, statement, Authorization="Bearer x").refused == "390101"
    assert wire(QUERY, statement, Authorization="").refused == "390101"
    for token in ("nonsense", "\xff", "a" * 100_000, wire.master_token):
        assert wire(QUERY, statement, token).refused == "390104"
    for path in ("/session/heartbeat", "/session?delete=true", "/telemetry/send", "/queries/x/abort-request"):
        assert wire(path, token="nonsense").refused == "390104"
    assert wire("/session/token-request", b'{"requestType": "RENEW"}', wire.session_token).refused == "390114"
    assert wire("/session/token-request", b'{"requestType": "CLONE"}', wire.master_token).refused == "000002"


@pytest.mark.parity("Bad input", "unknown endpoints are refused by name", PAGE)
@pytest.mark.parametrize(
    "path",
    ["/nope", "/../../etc/passwd", "/chunks/..%2f..%2fpassword/0", "/queries/v2/query-request", "/queries/v1/../x"],
)
def test_unknown_endpoints(wire: Wire, path: str) -> None:
    answer = wire(path)
    assert (answer.status in (404, 405), answer.refused) == (True, "000002")


@pytest.mark.parity("Bad input", "logins without user, password or sense are refused", PAGE)
@pytest.mark.parametrize(
    "data", [None, 5, {}, {"LOGIN_NAME": 5}, {"LOGIN_NAME": "stranger-1", "PASSWORD": ["x"]}, {"PASSWORD": "x"}]
)
def test_senseless_logins(wire: Wire, data: object) -> None:
    assert wire("/session/v1/login-request", {"data": data}).refused == "390100"


def test_login_with_senseless_parameters(wire: Wire, server: RunningServer) -> None:
    right = {"LOGIN_NAME": server.address.user, "PASSWORD": server.address.password}
    login = "/session/v1/login-request"
    assert wire(login, {"data": {**right, "SESSION_PARAMETERS": {"TIMEZONE": "nowhere"}}}).refused == "001008"
    assert wire(login, {"data": {**right, "SESSION_PARAMETERS": [1]}}).refused == "390400"
    assert wire(f"{login}?databaseName=%22", {"data": right}).refused == "001003"
    assert wire(login, {"data": {**right, "AUTHENTICATOR": "OAUTH"}}).refused == "000002"


MILLION = 1_000_000


@pytest.mark.parity("Bad input", "statements nested too deeply are refused before they are parsed", SIZES)
@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * MILLION + "1" + ")" * MILLION,
        "SELECT " + "(" * MILLION,
        "SELECT " + "[" * MILLION,
        "SELECT * FROM " + "(SELECT * FROM " * 100_000,
        "SELECT * FROM " * 50_000,
        "SELECT 1::" + "struct<" * 50_000,
        "SELECT " + "(" * (MAX_NESTING + 1) + "1" + ")" * (MAX_NESTING + 1),
        "SELECT " + "(" * 900 + "1" + ")" * 900,
        "SELECT " + "1+" * 20_000 + "1",
        "SELECT " + "NOT " * 20_000 + "TRUE",
        "SELECT " + "CASE WHEN " * 20_000,
        " UNION ALL ".join(["SELECT 1"] * 5_000),
    ],
    ids=lambda text: text[7:31],
)
def test_nested_statements(sql: Sql, other: Sql, text: str) -> None:
    assert "nested too deeply" in str(sql.fails(text, 1003))
    assert sql.one("SELECT 1") == other.one("SELECT 1") == 1


@pytest.mark.parity(
    "Bad input", "brackets in texts and comments do not count, and rows side by side are not nested", SIZES
)
def test_brackets_that_do_not_count(sql: Sql) -> None:
    brackets = "(" * 5_000
    assert sql.one(f"SELECT LENGTH('{brackets}') /* {brackets} */ -- {brackets}") == 5_000
    assert sql.one("SELECT COUNT(*) FROM VALUES " + ", ".join(["(1)"] * 2_000)) == 2_000


@pytest.mark.parity("Bad input", "statements of millions of words are refused, large texts are not", SIZES)
def test_large_statements(sql: Sql) -> None:
    sql.fails("SELECT " + "1," * MAX_PIECES + "1", 2)
    sql.fails("SELECT " + "- " * MILLION + "1", 2)
    sql.fails("SELECT '" + "a" * MILLION, 1003)
    sql.fails("SELECT 1 /*" + "a" * MILLION, 1003)
    assert sql.one("SELECT LENGTH('" + "a" * (1 << 20) + "')") == 1 << 20
    assert sql.one("SELECT 1 /*" + "a" * (8 << 20) + "*/") == 1


@pytest.mark.parity("Bad input", "thousands of columns", SIZES)
def test_many_columns(sql: Sql) -> None:
    sql("CREATE TABLE wide (" + ", ".join(f"c{i} NUMBER" for i in range(3_000)) + ")")
    sql("INSERT INTO wide (c0, c2999) VALUES (1, 2)")
    assert sql("SELECT c0, c1, c2999 FROM wide") == [(1, None, 2)]


@pytest.mark.parity("Bad input", "numbers too large for where they stand are refused in Snowflake's words", SIZES)
@pytest.mark.parametrize("text", ["SELECT 1 FROM TABLE(GENERATOR(ROWCOUNT => 99999999999999999999))"])
def test_large_numbers(sql: Sql, text: str) -> None:
    assert "Numeric value '99999999999999999999' is out of range" in str(sql.fails(text, 100046))


@pytest.mark.parity("Bad input", "functions with too few or too many arguments are refused", PAGE)
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT SYSTEM$WAIT()", 938),
        ("SELECT SYSTEM$CANCEL_QUERY()", 938),
        ("SELECT SYSTEM$ABORT_TRANSACTION('1', '2')", 939),
        ("SELECT * FROM TABLE(INFER_SCHEMA())", 938),
        ("SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(SCHEDULED_TIME_RANGE_START => 'soon'))", 100035),
    ],
)
def test_arguments_of_functions(sql: Sql, text: str, code: int) -> None:
    sql.fails(text, code)
