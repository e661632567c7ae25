"""The protocol's edges, by plain HTTP: hosts, bodies, tokens, unknown paths, secrets in logs."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from test_server_fakes import Rig, serving

from snowmelt.base.datatypes import NUMBER
from snowmelt.base.loopback import is_loopback
from snowmelt.base.result import Result, rows_result
from snowmelt.base.settings import Settings
from snowmelt.server.body import BodyError, read_object
from snowmelt.server.serve import Server


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def token(rig: Rig) -> str:
    executor = rig.host.login("ann", "secret", role=None, database=None, schema=None, warehouse=None, parameters={})
    return rig.host.tokens.issue(executor).session_token


def call(
    rig: Rig, method: str, path: str, body: bytes = b"", token: str = "", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(rig.address, rig.port, timeout=30)
    sent = dict(headers or {})
    if token:
        sent["Authorization"] = f'Snowflake Token="{token}"'
    connection.request(method, path, body, sent)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    is_json = "json" in (response.getheader("content-type") or "")
    return response.status, json.loads(text) if is_json else text


def test_front_page_says_what_this_is(rig: Rig) -> None:
    status, text = call(rig, "GET", "/")
    assert status == 200 and text.startswith(b"Snowmelt")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost:80", "[::1]:80", "my-account.localhost:8085", "127.9.9.9"])
def test_loopback_hosts_are_served(rig: Rig, name: str) -> None:
    assert call(rig, "GET", "/", headers={"Host": name})[0] == 200


@pytest.mark.parametrize(
    "name", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", ""]
)
def test_foreign_hosts_are_refused(rig: Rig, name: str) -> None:
    status, answer = call(rig, "GET", "/", headers={"Host": name})
    assert (status, answer["success"], answer["code"]) == (403, False, "390403")


def test_loopback_names() -> None:
    assert is_loopback("LOCALHOST.") and is_loopback("[::1]")
    assert not is_loopback("0.0.0.0") and not is_loopback("")


@pytest.mark.parametrize(
    ("header", "code"),
    [({}, "390101"), ({"Authorization": "Basic x"}, "390101"), ({"Authorization": 'Snowflake Token="no"'}, "390104")],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/queries/v1/query-request"),
        ("POST", "/queries/v1/abort-request"),
        ("GET", "/queries/x/result"),
        ("POST", "/queries/x/abort-request"),
        ("GET", "/monitoring/queries/x"),
        ("POST", "/session/heartbeat"),
        ("POST", "/session?delete=true"),
        ("POST", "/telemetry/send"),
    ],
)
def test_every_endpoint_wants_a_token(rig: Rig, method: str, path: str, header: dict[str, str], code: str) -> None:
    status, answer = call(rig, method, path, headers=header)
    assert (status, answer["success"], answer["code"]) == (200, False, code)
    assert isinstance(answer["data"], dict)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {}),
        (b"[1]", {}),
        (b"\xff\xfe", {}),
        pytest.param(b"[" * 200_000, {}, id="deep"),
        (b"not gzip", {"Content-Encoding": "gzip"}),
        pytest.param(gzip.compress(b'{"sqlText": "x"}')[:-4], {"Content-Encoding": "gzip"}, id="cut gzip"),
        (b"{}", {"Content-Encoding": "br"}),
        (b"{}", {}),
        (b'{"sqlText": 1}', {}),
        (b'{"sqlText": "x", "bindings": [1]}', {}),
        (b'{"sqlText": "x", "bindings": {"1": "x"}}', {}),
    ],
)
def test_malformed_requests(rig: Rig, token: str, body: bytes, headers: dict[str, str]) -> None:
    status, answer = call(rig, "POST", "/queries/v1/query-request?requestId=", body, token, headers)
    assert (status, answer["success"], answer["code"]) == (400, False, "390400")


@pytest.mark.parametrize("packed", [False, True])
def test_oversized_bodies(packed: bool) -> None:
    raw = b'{"a": "' + b"x" * 5000 + b'"}'
    content = gzip.compress(raw) if packed else raw
    parts = [content[i : i + 100] for i in range(0, len(content), 100)]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    headers = [(b"content-encoding", b"gzip")] if packed else []
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    with pytest.raises(BodyError) as caught:
        asyncio.run(read_object(request, limit=1000))
    assert caught.value.status == 413
    assert not parts


def test_unknown_paths_are_refused_by_name(rig: Rig, token: str) -> None:
    status, answer = call(rig, "POST", "/queries/v2/query-request", b"{}", token)
    assert status == 404
    assert answer["message"] == "Unsupported feature 'POST /queries/v2/query-request'."
    assert call(rig, "GET", "/queries/v1/query-request", token=token)[0] == 405
    assert call(rig, "GET", "/chunks/guess/0")[0] == 404


def test_only_renewal_of_tokens_is_supported(rig: Rig, token: str) -> None:
    answer = call(rig, "POST", "/session/token-request", b'{"requestType": "CLONE"}', token)[1]
    assert answer["code"] == "000002"
    answer = call(rig, "POST", "/session/token-request", b'{"requestType": "RENEW"}', token)[1]
    assert answer["code"] == "390114"


def test_answers_carry_what_clients_read(rig: Rig, token: str) -> None:
    rig.host.answers["n"] = rows_result([("N", NUMBER)], [(1,)])
    body = json.dumps({"sqlText": "n", "bindings": {"1": {"type": "fixed", "value": "1"}}}).encode()
    data = call(rig, "POST", "/queries/v1/query-request", body, token)[1]["data"]
    assert (data["total"], data["returned"], data["numberOfBinders"]) == (1, 1, 1)
    assert (data["finalDatabaseName"], data["finalRoleName"]) == ("DB", "SYSADMIN")
    parameters = {entry["name"]: entry["value"] for entry in data["parameters"]}
    assert parameters["CLIENT_STAGE_ARRAY_BINDING_THRESHOLD"] == 65_280
    assert parameters["CLIENT_TELEMETRY_ENABLED"] is False


def test_faults_outside_statements_are_incidents(rig: Rig, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(query_id: str) -> Result | None:
        raise RuntimeError("inner detail")

    monkeypatch.setattr(rig.host, "result", broken)
    status, answer = call(rig, "GET", "/queries/unknown/result", token=token)
    assert (status, answer["code"]) == (200, "000603")
    assert "inner detail" not in answer["message"]


def test_secrets_stay_out_of_the_log(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rig.host.answers["broken"] = RuntimeError("broken")
    body = json.dumps({"data": {"LOGIN_NAME": "ann", "PASSWORD": "secret"}}).encode()
    login = call(rig, "POST", "/session/v1/login-request", body)[1]["data"]
    answer = call(rig, "POST", "/queries/v1/query-request", b'{"sqlText": "broken"}', login["token"])[1]
    assert answer["code"] == "000603"
    call(rig, "POST", "/session/token-request", b"{}", login["masterToken"])
    assert caplog.records
    for hidden in (login["token"], login["masterToken"], "PASSWORD"):
        assert hidden not in caplog.text


def test_taken_port_is_reported_to_the_caller(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = Server(rig.host, Settings(port=taken.getsockname()[1]))
        with pytest.raises(OSError):
            server.start()
        server.stop()
