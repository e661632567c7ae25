"""Endpoints of a session's life: login, renewal of tokens, heartbeat, end.

Follows the connector's `auth/_auth.py` and `network.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from snowmelt.base.errors import SqlError, unsupported
from snowmelt.server.answer import envelope, failure, refusal
from snowmelt.server.auth import EXPIRED_MASTER, MASTER_EXPIRED, SQLSTATE_CONNECTION, executor_of, token_of
from snowmelt.server.body import BodyError, read_object
from snowmelt.server.host import Executor
from snowmelt.server.parameters import listed, merged
from snowmelt.server.service import Service, reply
from snowmelt.session.logins import incorrect
from snowmelt.session.tokens import Tokens

_PASSWORD_AUTHENTICATORS = ("SNOWFLAKE", "USERNAME_PASSWORD_MFA")
_KEY_PAIR = "SNOWFLAKE_JWT"


def routes(service: Service) -> list[Route]:
    """The routes of this module."""
    endpoints = SessionEndpoints(service)
    return [
        Route("/session/v1/login-request", endpoints.login, methods=["POST"]),
        Route("/session/authenticator-request", endpoints.sign_on_elsewhere, methods=["POST"]),
        Route("/session/token-request", endpoints.renew, methods=["POST"]),
        Route("/session/heartbeat", endpoints.heartbeat, methods=["POST", "GET"]),
        Route("/session", endpoints.end, methods=["POST", "DELETE"]),
        Route("/telemetry/send", endpoints.telemetry, methods=["POST"]),
    ]


@cache
def server_version() -> str:
    """Snowmelt's version, or ``0`` in a tree that is not installed."""
    try:
        return version("snowmelt")
    except PackageNotFoundError:
        return "0"


class SessionEndpoints:
    """Login, renewal, heartbeat, end."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._tokens = service.host.tokens

    async def login(self, request: Request) -> Response:
        """Name and password, or a signed token, in exchange for a session and its tokens."""
        data = (await read_object(request)).get("data")
        query = request.query_params
        try:
            given = _credentials(data)
            login = partial(
                self._service.host.login,
                given.user,
                given.password,
                token=given.token,
                role=query.get("roleName"),
                database=query.get("databaseName"),
                schema=query.get("schemaName"),
                warehouse=query.get("warehouse"),
                parameters=given.parameters,
            )
            address = request.client.host if request.client else ""
            executor = await self._service.host.guard.admit(given.user, address, lambda: self._service.in_thread(login))
        except SqlError as error:
            return reply(failure(error))
        return reply(envelope(_login_data(executor, self._tokens.issue(executor))))

    async def sign_on_elsewhere(self, request: Request) -> Response:
        """Where a client could prove who its user is: nowhere."""
        data = (await read_object(request)).get("data")
        return reply(failure(_unknown_authenticator(str(data.get("AUTHENTICATOR")) if isinstance(data, dict) else "")))

    async def renew(self, request: Request) -> Response:
        """A new pair of tokens for a master token."""
        kind = (await read_object(request)).get("requestType", "RENEW")
        if kind != "RENEW":
            return reply(failure(unsupported(f"token request of type {kind}")))
        renewed = self._tokens.renew(token_of(request))
        if renewed is None:
            return reply(refusal(MASTER_EXPIRED, EXPIRED_MASTER, sqlState=SQLSTATE_CONNECTION))
        executor, tokens = renewed
        data = {
            "sessionToken": tokens.session_token,
            "validityInSecondsST": tokens.session_seconds,
            "masterToken": tokens.master_token,
            "validityInSecondsMT": tokens.master_seconds,
            "masterValidityInSeconds": tokens.master_seconds,
            "sessionId": executor.id,
        }
        return reply(envelope(data))

    async def heartbeat(self, request: Request) -> Response:
        """A sign of life. It is also how a client that joins by tokens checks them."""
        executor_of(request, self._tokens)
        return reply(envelope({}))

    async def end(self, request: Request) -> Response:
        """Close what the token speaks for; for a procedure's worker that is its view, not the caller's session."""
        if request.method != "DELETE" and request.query_params.get("delete", "").lower() != "true":
            return reply(failure(unsupported("POST /session without delete=true")))
        executor = executor_of(request, self._tokens)
        self._tokens.revoke(executor)
        await self._service.in_thread(executor.close)
        return reply(envelope({}))

    async def telemetry(self, request: Request) -> Response:
        """Client telemetry is accepted and dropped; only a session may send it."""
        executor_of(request, self._tokens)
        await read_object(request)
        return reply(envelope({}))


@dataclass(frozen=True)
class Credentials:
    """What a login request brings: a password, or a token signed with a private key."""

    user: str
    password: str | None = field(repr=False)
    token: str | None = field(repr=False)
    parameters: dict[str, Any]


def _credentials(data: Any) -> Credentials:
    """What a login request brings.

    Raises:
        SqlError: 390100 without a user, 000002 for any login but by password or key pair.
        BodyError: the session parameters are no object.
    """
    if not isinstance(data, dict) or not data.get("LOGIN_NAME"):
        raise incorrect()
    authenticator = str(data.get("AUTHENTICATOR", "SNOWFLAKE")).upper()
    if authenticator not in (*_PASSWORD_AUTHENTICATORS, _KEY_PAIR):
        raise _unknown_authenticator(authenticator)
    password, parameters = data.get("PASSWORD"), data.get("SESSION_PARAMETERS") or {}
    if not isinstance(parameters, dict):
        raise BodyError(400, "SESSION_PARAMETERS must be an object.")
    return Credentials(
        str(data["LOGIN_NAME"]),
        None if password is None else str(password),
        str(data.get("TOKEN") or "") if authenticator == _KEY_PAIR else None,
        {str(name).upper(): value for name, value in parameters.items()},
    )


def _unknown_authenticator(name: str) -> SqlError:
    return unsupported(f"authenticator {name.upper()}", "Log in with user and password, or with a key pair.")


def _login_data(executor: Executor, tokens: Tokens) -> dict[str, Any]:
    return {
        "token": tokens.session_token,
        "validityInSeconds": tokens.session_seconds,
        "masterToken": tokens.master_token,
        "masterValidityInSeconds": tokens.master_seconds,
        "displayUserName": executor.user,
        "serverVersion": f"Snowmelt {server_version()}",
        "firstLogin": False,
        "remMeToken": None,
        "remMeValidityInSeconds": 0,
        "healthCheckInterval": 45,
        "newClientForUpgrade": None,
        "sessionId": executor.id,
        "parameters": listed(merged(executor.parameters())),
        "sessionInfo": {
            "databaseName": executor.database,
            "schemaName": executor.schema,
            "warehouseName": executor.warehouse,
            "roleName": executor.role,
        },
        "idToken": None,
        "responseData": None,
    }
