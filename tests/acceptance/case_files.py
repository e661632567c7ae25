"""SQL cases as text: ``tests/cases/*.case``.

A file begins with ``title:`` (what PARITY.md calls it) and ``source:`` (Snowflake's page, for all cases below it; a
``source:`` line between cases changes it). Then come cases:

    --- what is claimed, in a few words
    CREATE TABLE t (n NUMBER);
    SELECT n, 'x' AS s FROM t;
    => N NUMBER(38,0) | S VARCHAR
    1 | x
    NULL | y

The answer of the last statement is compared. After ``=>`` come the columns' names, each with its type if that is
claimed too (``NUMBER`` alone leaves the digits open), then the rows, cells between ``|``. A cell is the value as
Python prints it; NULL is a null, ``''`` an empty text. Rows come in the order given: write ORDER BY.
``=> error 002140`` claims a failure with that number, and each line below is a part of its message.
``=> ok`` claims only that the statements run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from snowflake.connector.constants import FIELD_ID_TO_NAME
from snowflake.connector.cursor import ResultMetadata

CASES = Path(__file__).parents[1] / "cases"

_ERROR = re.compile(r"error (\d{6})")


@dataclass(frozen=True)
class Case:
    """One claim: statements, and what the last of them answers.

    Attributes:
        file: the file's name.
        subject: the file's title.
        title: what is claimed.
        source: Snowflake's page.
        statements: separated by semicolons, as users write them.
        columns: names with types, empty for an expected error or ``ok``.
        rows: the cells' texts.
        errno: number of the expected error.
        message: parts of the expected error's message.
    """

    file: str
    subject: str
    title: str
    source: str
    statements: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    errno: int | None = None
    message: tuple[str, ...] = ()


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of one file.

    Raises:
        ValueError: the file is not written as this module's text says.
    """
    head, *parts = re.split(r"^--- ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    subject, source = _field(head, "title"), _field(head, "source")
    if subject is None:
        raise ValueError(f"{path.name}: no title")
    for part in parts:
        title, _, body = part.partition("\n")
        statements, arrow, answer = body.partition("\n=> ")
        if source is None or not arrow:
            raise ValueError(f"{path.name}: {title}: no source or no answer")
        head_line, *lines = answer.rstrip().split("\n")
        new_source = _field(answer, "source")
        lines = [line for line in lines if line.strip() and not line.startswith("source: ")]
        yield _case(path.name, subject, title.strip(), source, statements.strip(), head_line.strip(), lines)
        source = new_source or source


def _case(file: str, subject: str, title: str, source: str, statements: str, head: str, lines: Sequence[str]) -> Case:
    error = _ERROR.fullmatch(head)
    if error is not None:
        return Case(file, subject, title, source, statements, (), (), int(error.group(1)), tuple(lines))
    if head == "ok":
        return Case(file, subject, title, source, statements, (), ())
    rows = tuple(_cells(line) for line in lines)
    return Case(file, subject, title, source, statements, _cells(head), rows)


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.split("|"))


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"^{name}: *(\S.*)$", text, flags=re.MULTILINE)
    return found.group(1).strip() if found else None


def all_cases() -> list[Case]:
    """The cases of all files."""
    return [case for path in sorted(CASES.glob("*.case")) for case in read_cases(path)]


def shown_column(column: ResultMetadata, expected: str) -> str:
    """A result column as cases write it, with as much of its type as `expected` tells."""
    wanted = expected.rpartition(" ")[2]
    if wanted == expected or wanted.islower():  # a word in small letters is part of the name
        return column.name
    kind = {"FIXED": "NUMBER", "TEXT": "VARCHAR", "REAL": "FLOAT"}.get(name := FIELD_ID_TO_NAME[column.type_code], name)
    if "(" in wanted and kind == "NUMBER":
        kind = f"NUMBER({column.precision},{column.scale})"
    elif "(" in wanted and kind in ("VARCHAR", "BINARY"):
        kind = f"{kind}({column.internal_size})"
    elif "(" in wanted:
        kind = f"{kind}({column.scale})"
    return f"{column.name} {kind}"


def shown(value: Any) -> str:
    """A value as cases write it."""
    if value is None:
        return "NULL"
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str):
        return " ".join(value.split()) or "''"
    return str(value)
