"""A browser without a screen: it keeps cookies, reads pages and sends their forms."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from snowmelt.testing.server import RunningServer

ENOUGH = 8
"""Of so many pages of one kind the next will be no different."""

_VOID = frozenset({"meta", "link", "img", "input", "br"})


@dataclass
class Form:
    """A form with its hidden and visible fields, and the words on its button."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    button: str = ""


class Page(HTMLParser):
    """An answer, and what is in it if it is a page.

    Attributes:
        elements: all start tags with their attributes.
        rows: the cells of each row of its tables, as text.
        left_open: tags that were never closed, or closed in the wrong order; a whole page has none.
    """

    def __init__(self, status: int, headers: dict[str, str], body: str) -> None:
        super().__init__(convert_charrefs=True)
        self.status, self.headers, self.body = status, headers, body
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.rows: list[list[str]] = []
        self.left_open: list[str] = []
        self._open: list[str] = []
        self._words: list[str] = []
        if "html" in headers.get("content-type", ""):
            self.feed(body)
            self.left_open += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.elements.append((tag, values))
        if tag not in _VOID:
            self._open.append(tag)
        match tag:
            case "form":
                self.forms.append(Form(values.get("action", "")))
            case "input" | "textarea":
                self.forms[-1].fields[values["name"]] = values.get("value", "")
            case "tr":
                self.rows.append([])
            case "td" | "th":
                self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.left_open.append(tag)

    def handle_data(self, data: str) -> None:
        self._words.append(data)
        if self._open[-1:] == ["button"] and self.forms:
            self.forms[-1].button += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        """What one reads, blanks made single."""
        return " ".join(" ".join(self._words).split())

    @property
    def cells(self) -> list[list[str]]:
        """The rows of its tables with blanks made single."""
        return [[" ".join(cell.split()) for cell in row] for row in self.rows]

    @property
    def links(self) -> list[str]:
        return [values["href"] for tag, values in self.elements if tag == "a" and "href" in values]

    def form(self, button: str) -> Form:
        """The form with these words on its button."""
        (found,) = [form for form in self.forms if form.button.strip() == button]
        return found


class Browser:
    """One browser with its cookies."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    @property
    def origin(self) -> str:
        return f"http://{self.server.address.host}:{self.server.address.port}"

    def request(self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> Page:
        """The answer to one request, redirects being answers, too."""
        connection = http.client.HTTPConnection(self.server.address.host, self.server.address.port, timeout=60)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **(headers or {})}
        connection.request(method, path, body.encode(), sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self.set_cookies.append(value)
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0].strip('"')
        connection.close()
        return Page(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)

    def get(self, path: str) -> Page:
        """A page, after what redirects lead to."""
        page = self.request("GET", path)
        while page.status == 303:
            page = self.request("GET", page.headers["location"])
        return page

    def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> Page:
        """The answer to a form, as browsers send it."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.origin, **(headers or {})}
        return self.request("POST", path, urlencode(fields), sent)

    def send(self, form: Form, **fields: str) -> Page:
        """What comes of sending a form with some fields filled in, after redirects."""
        answer = self.post(form.action, {**form.fields, **fields})
        return self.get(answer.headers["location"]) if answer.status == 303 else answer

    def login(self, password: str | None = None) -> Page:
        """The page after logging in."""
        form = self.get("/console/login").form("Log in")
        return self.send(form, user=self.server.address.user, password=password or self.server.address.password)


def every_page(browser: Browser, start: str = "/console/") -> Iterator[tuple[str, Page]]:
    """All pages that links lead to, each once, but of each kind only some."""
    waiting, seen = [start], {start}
    kinds: Counter[str] = Counter()
    while waiting:
        path = waiting.pop(0)
        page = browser.get(path)
        yield path, page
        for link in page.links:
            kind = link.partition("?")[0]
            if link.startswith("/console/") and link not in seen and kinds[kind] < ENOUGH:
                kinds[kind] += 1
                seen.add(link)
                waiting.append(link)
