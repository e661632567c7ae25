"""Which executor a request speaks for, and the refusals that make clients renew, log in again or give up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from snowmelt.server.answer import refusal
from snowmelt.server.host import Executor
from snowmelt.session.tokens import TokenState, TokenStore

NO_AUTHORIZATION = "390101"
BAD_REQUEST = "390400"
TOKEN_INVALID = "390104"
SESSION_GONE = "390111"
SESSION_EXPIRED = "390112"
MASTER_EXPIRED = "390114"
SQLSTATE_CONNECTION = "08001"

EXPIRED_MASTER = "Authentication token has expired.  The user must authenticate again."

_PREFIX = 'snowflake token="'


@dataclass
class AuthError(Exception):
    """A request without a valid token. The connector renews on 390112 and gives up on the others."""

    code: str
    message: str

    def answer(self) -> dict[str, Any]:
        return refusal(self.code, self.message, sqlState=SQLSTATE_CONNECTION)


_REFUSALS = {
    TokenState.EXPIRED: (SESSION_EXPIRED, "Your session has expired. Please login again."),
    TokenState.ENDED: (SESSION_GONE, "Session no longer exists.  New login required to access the service."),
    TokenState.UNKNOWN: (TOKEN_INVALID, "The session token is not known. Log in again."),
}


def token_of(request: Request) -> str:
    """The token in the Authorization header.

    Raises:
        AuthError: 390101 when there is none.
    """
    header = request.headers.get("authorization", "")
    if not header.lower().startswith(_PREFIX) or not header.endswith('"'):
        raise AuthError(NO_AUTHORIZATION, "Authorization header not found in the request data.")
    return header[len(_PREFIX) : -1]


def executor_of(request: Request, tokens: TokenStore[Any]) -> Executor:
    """The executor that the request's session token speaks for.

    Raises:
        AuthError: 390112 when the token has expired, which makes the client show its master token; 390111 when the
            session was closed; 390101 or 390104 when the token is absent or unknown.
    """
    token = token_of(request)
    executor: Executor | None = tokens.resolve(token)
    if executor is not None:
        return executor
    raise AuthError(*_REFUSALS[tokens.state(token)])
