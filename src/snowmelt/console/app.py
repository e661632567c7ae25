"""The console as routes of an ASGI application: pages, logins, and the statements that users send off."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from snowmelt.base.errors import SqlError
from snowmelt.console.access import LINK_LIFETIME, Links, Notice, Visitor, Visitors, same, told
from snowmelt.console.entry import ROOT, link_home
from snowmelt.console.gate import Gate, Refused, check_origin
from snowmelt.console.host import Host
from snowmelt.console.page import NotThere, Page, Visit
from snowmelt.console.pages import PAGES
from snowmelt.console.templates import Templates
from snowmelt.console.worksheet import worksheet

MAX_FORM = 1 << 20
"""Bytes of a form."""

_STATIC = Path(__file__).parent / "static"
_WRONG_LOGIN = 390100

Answer = Callable[[Request, Visitor], Awaitable[Response]]


class Console:
    """The console of one server."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._visitors = Visitors(host)
        self._links = Links(host.clock)
        self._templates = Templates(host.clock)

    def application(self) -> ASGIApp:
        """What the server's application mounts at `ROOT`."""
        return Starlette(
            routes=[
                Route("/login", self._login_form, methods=["GET"]),
                Route("/login", self._login, methods=["POST"]),
                Route("/enter", self._enter_form, methods=["GET"]),
                Route("/enter", self._enter, methods=["POST"]),
                Route("/link", self._link, methods=["POST"]),
                Route("/logout", self._with_form(self._logout), methods=["POST"]),
                Route("/statement", self._with_form(self._run), methods=["POST"]),
                Route("/worksheet", self._with_form(self._worksheet), methods=["POST"]),
                *(Route(page.path, self._page(page), methods=["GET"]) for page in PAGES),
                Mount("/static", StaticFiles(directory=_STATIC)),
            ],
            exception_handlers={
                HTTPException: self._http_error,
                NotThere: self._not_there,
                SqlError: self._sql_error,
                Refused: self._refused,
            },
            middleware=[Middleware(Gate, failed=self._failed)],
        )

    def close(self) -> None:
        """End all logins, and what runs for them."""
        self._visitors.close()

    # --- logins ------------------------------------------------------------------------------------------------------

    async def _login_form(self, request: Request) -> Response:
        if self._visitor(request) is not None:
            return _see_other(_below_root(request.query_params.get("next")))
        return self._ask_login(request)

    def _ask_login(
        self, request: Request, message: str = "", user: str = "", where: str = "", status: int = 200
    ) -> Response:
        """The login page; its form brings what a cookie says, so that only this page's own form is taken."""
        proof = request.cookies.get(_cookie(request, "login")) or secrets.token_urlsafe(32)
        where = where or request.query_params.get("next", "")
        text = self._templates.render("login.html", message=message, user=user, csrf=proof, next=_below_root(where))
        response = Response(text, status, media_type="text/html")
        _set_cookie(response, _cookie(request, "login"), proof)
        return response

    async def _login(self, request: Request) -> Response:
        form = await self._proven(request)
        user, where = form.get("user", ""), form.get("next", "")
        try:
            session = await self._checked(request, user, form.get("password", ""))
        except SqlError as error:
            status = 401 if error.code == _WRONG_LOGIN else 400
            return self._ask_login(request, error.message, user, where, status)
        cookie = await run_in_threadpool(self._visitors.admit, session)
        return _admitted(request, cookie, _below_root(where))

    async def _checked(self, request: Request, user: str, password: str) -> Any:
        """A session of whoever has the password, slowed as those of all clients.

        Raises:
            SqlError: 390100 for a wrong user or password.
        """
        address = request.client.host if request.client else ""
        return await self._host.guard.admit(user, address, lambda: run_in_threadpool(self._host.login, user, password))

    async def _link(self, request: Request) -> Response:
        """A link that logs in once, for a program that has the password: `snowmelt console`."""
        if "origin" in request.headers or request.headers.get("content-type") != "application/json":
            raise Refused("Links are for programs; browsers log in by the form.")
        try:
            given = json.loads(await _body(request))
            user, password = str(given["user"]), str(given["password"])
        except (ValueError, KeyError, TypeError) as error:
            raise Refused("The request must be JSON with user and password.") from error
        try:
            session = await self._checked(request, user, password)
        except SqlError as error:
            return JSONResponse({"message": error.message, "code": error.code}, 401)
        await run_in_threadpool(session.close)
        path = f"{ROOT}/enter#{self._links.make(session.user)}"
        return JSONResponse({"path": path, "seconds": int(LINK_LIFETIME.total_seconds())})

    async def _enter_form(self, request: Request) -> Response:
        """The page of such a link. Its token stands behind the # and so reaches no log; a script posts it."""
        proof = request.cookies.get(_cookie(request, "login")) or secrets.token_urlsafe(32)
        response = Response(self._templates.render("enter.html", csrf=proof), media_type="text/html")
        _set_cookie(response, _cookie(request, "login"), proof)
        return response

    async def _enter(self, request: Request) -> Response:
        form = await self._proven(request)
        user = self._links.take(form.get("token", ""))
        if user is None:
            message = "This link was used before or is too old. Log in here, or ask for another one."
            return self._ask_login(request, message, status=401)
        session = await run_in_threadpool(self._host.open_session, user)
        cookie = await run_in_threadpool(self._visitors.admit, session)
        return _admitted(request, cookie, link_home())

    async def _logout(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        await run_in_threadpool(self._visitors.leave, visitor)
        response = _see_other(f"{ROOT}/login")
        response.delete_cookie(_cookie(request, "session"), path=ROOT)
        return response

    # --- pages -------------------------------------------------------------------------------------------------------

    def _page(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            visitor = self._visitor(request)
            if visitor is None:
                return _to_login(request)
            return await run_in_threadpool(self._shown, request, visitor, page)

        return endpoint

    def _shown(self, request: Request, visitor: Visitor, page: Page) -> Response:
        visit = Visit(visitor.reader, request.query_params, self._host.clock.now())
        found = page.view(visit)
        notice, visitor.notice = visitor.notice, None
        return self._rendered(request, visitor, page, found, notice)

    def _rendered(
        self, request: Request, visitor: Visitor, page: Page, found: dict[str, Any], notice: Notice | None = None
    ) -> Response:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        text = self._templates.render(
            page.template, **found, page=page, visitor=visitor, here=here, zone=visitor.reader.zone, notice=notice
        )
        return Response(text, media_type="text/html")

    async def _run(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        """Run a statement that a page has shown beside its button, and go back to that page."""
        statement = form.get("statement", "")
        try:
            visitor.notice = told(statement, await run_in_threadpool(visitor.run, statement))
        except SqlError as error:
            visitor.notice = told(statement, error)
        return _see_other(_below_root(form.get("back")))

    async def _worksheet(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        page = next(page for page in PAGES if page.path == "/worksheet")
        found = await run_in_threadpool(worksheet, visitor, form.get("text", ""))
        return self._rendered(request, visitor, page, found)

    # --- forms -------------------------------------------------------------------------------------------------------

    def _visitor(self, request: Request) -> Visitor | None:
        return self._visitors.find(request.cookies.get(_cookie(request, "session"), ""))

    def _with_form(
        self, take: Callable[[Request, Visitor, dict[str, str]], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint for a form of a user who has logged in, and whose page it comes from."""

        async def endpoint(request: Request) -> Response:
            visitor = self._visitor(request)
            if visitor is None:
                return _see_other(f"{ROOT}/login")
            form = await _form(request)
            if not same(form.get("csrf"), visitor.csrf):
                raise Refused("The form does not come from a page of this login. Load the page again.")
            return await take(request, visitor, form)

        return endpoint

    async def _proven(self, request: Request) -> dict[str, str]:
        """The form of a login page, which must have come with its cookie.

        Raises:
            Refused: it has not.
        """
        form = await _form(request)
        if not same(form.get("csrf"), request.cookies.get(_cookie(request, "login"))):
            raise Refused("The form does not come from the login page. Load it again; it needs cookies.")
        return form

    # --- errors ------------------------------------------------------------------------------------------------------

    def _error(self, request: Request, title: str, message: str, status: int) -> Response:
        text = self._templates.render(
            "error.html", title=title, message=message, status=status, visitor=self._visitor(request), here=link_home()
        )
        return Response(text, status, media_type="text/html")

    async def _http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            return self._error(request, "No such page", "The console has no page at this address.", 404)
        return self._error(request, "Not possible", str(error.detail), error.status_code)

    async def _not_there(self, request: Request, error: Exception) -> Response:
        return self._error(request, "Not there", str(error), 404)

    async def _sql_error(self, request: Request, error: Exception) -> Response:
        """A statement of a page has failed, most likely since what it is about was dropped."""
        assert isinstance(error, SqlError)
        status = 404 if error.code == 2003 else 422
        return self._error(request, "This page cannot be shown", f"{error.code:06d}: {error}", status)

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return self._error(request, "Refused", str(error), error.status)

    def _failed(self, request: Request, incident: str) -> Response:
        message = f"The server's log has more under incident {incident}."
        return self._error(request, "The console failed", message, 500)


def _to_login(request: Request) -> Response:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return _see_other(f"{ROOT}/login?{urlencode({'next': here})}")


def _below_root(path: str | None) -> str:
    """An address of the console, never one elsewhere."""
    parts = urlsplit(path or "")
    safe = not parts.scheme and not parts.netloc and parts.path.startswith(f"{ROOT}/") and "\\" not in parts.path
    return str(path) if safe else link_home()


def _see_other(path: str) -> Response:
    return RedirectResponse(path, 303)


def _cookie(request: Request, purpose: str) -> str:
    """A cookie's name. Browsers tell hosts apart but not ports: two servers on this machine need two names."""
    server = request.scope.get("server") or ("", 0)
    return f"snowmelt_{purpose}_{server[1]}"


def _set_cookie(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, path=ROOT, httponly=True, samesite="strict")


def _admitted(request: Request, cookie: str, where: str) -> Response:
    response = _see_other(where)
    _set_cookie(response, _cookie(request, "session"), cookie)
    response.delete_cookie(_cookie(request, "login"), path=ROOT)
    return response


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form that a page of the console has sent.

    Raises:
        Refused: it comes from elsewhere, is too large or no form.
    """
    check_origin(request)
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise Refused("This is not a form.", 415)
    try:
        return dict(parse_qsl((await _body(request)).decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError as error:
        raise Refused("The form cannot be read.", 400) from error


async def _body(request: Request) -> bytes:
    """The request's body.

    Raises:
        Refused: it is too large.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_FORM:
            raise Refused(f"The form is larger than {MAX_FORM} bytes.", 413)
        parts.append(part)
    return b"".join(parts)
