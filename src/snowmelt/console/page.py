"""What a page is: the contract that every entry of `PAGES` in `snowmelt.console.pages` keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from snowmelt.catalog.names import FullName
from snowmelt.console.entry import ROOT
from snowmelt.console.reader import Reader


class NotThere(Exception):
    """What a page is about does not exist; the message says so to its reader."""


@dataclass(frozen=True)
class Visit:
    """One look at a page.

    Attributes:
        parameters: those of the address.
    """

    reader: Reader
    parameters: Mapping[str, str]
    now: datetime

    def needed(self, name: str) -> str:
        """A parameter that the page is nothing without.

        Raises:
            NotThere: the address lacks it.
        """
        value = self.parameters.get(name)
        if not value:
            raise NotThere(f"The address lacks the parameter {name}.")
        return value

    def full_name(self) -> FullName:
        """The object that the address names.

        Raises:
            NotThere: it names none.
        """
        return FullName(self.needed("database"), self.needed("schema"), self.needed("name"))


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        path: its address below `ROOT`.
        title: its name in the menu, and in the browser's title.
        template: the file in `templates` that shows what `view` gives.
        view: reads what there is to show, by SQL only.
        section: the path of the page of the menu that it belongs to; its own for those in the menu.
    """

    path: str
    title: str
    template: str
    view: Callable[[Visit], dict[str, Any]]
    section: str

    @property
    def in_menu(self) -> bool:
        return self.section == self.path


@dataclass(frozen=True)
class Button:
    """A statement that a page offers to run: it stands beside the button, word for word."""

    label: str
    statement: str


def link(path: str, name: FullName | None = None, **parameters: str | None) -> str:
    """The address of a page, of one about the object `name` if that is given."""
    about = {} if name is None else {"database": name.database, "schema": name.schema, "name": name.name}
    query = {**about, **{key: value for key, value in parameters.items() if value}}
    return ROOT + path + ("?" + urlencode(query) if query else "")


def full_name(row: Mapping[str, Any]) -> FullName:
    """The name of an object in a row of SHOW or of a history."""
    return FullName(str(row["database_name"]), str(row["schema_name"]), str(row["name"]))
