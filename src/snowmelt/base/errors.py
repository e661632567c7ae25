"""Errors as Snowflake names them: a numeric code, an SQLSTATE and a message.

`SqlError` is the user's kind of error: the statement or its data is wrong, and the client sees it as the genuine
connector's `ProgrammingError`. Anything else that escapes is the system's kind and is reported as an internal error.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class SqlError(Exception):
    """An error that Snowflake would raise for a statement.

    Attributes:
        message: the text shown to the user, in Snowflake's words.
        code: Snowflake's error number, such as 2003.
        sqlstate: the five-character SQLSTATE, such as ``42S02``.
        hint: advice that Snowflake does not give; appended to the message on its own line.
    """

    message: str
    code: int = 1003
    sqlstate: str = "42000"
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


def syntax_error(detail: str, line: int = 1, position: int = 0) -> SqlError:
    """A statement that cannot be parsed (001003)."""
    return SqlError(f"SQL compilation error:\nsyntax error line {line} at position {position} {detail}.", 1003, "42000")


def unsupported(feature: str, hint: str | None = None) -> SqlError:
    """A refusal by name of something Snowflake has and Snowmelt does not (000002)."""
    return SqlError(f"Unsupported feature '{feature}'.", 2, "0A000", hint)


def object_missing(kind: str, name: str) -> SqlError:
    """An object that does not exist (002003), `kind` being ``Table``, ``Schema`` and so on."""
    return SqlError(f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.", 2003, "42S02")


def object_exists(name: str) -> SqlError:
    """CREATE of a name that is taken (002002)."""
    return SqlError(f"SQL compilation error:\nObject '{name}' already exists.", 2002, "42710")


def other_kind(found: str, wanted: str) -> SqlError:
    """A table where a view was named, or the other way round (002203); IF EXISTS does not help."""
    return SqlError(
        f"SQL compilation error:\nObject found is of type '{found}', not specified type '{wanted}'.", 2203, "02000"
    )


def invalid_identifier(name: str, line: int | None = None, position: int | None = None) -> SqlError:
    """A column that is not there (000904)."""
    where = f" error line {line} at position {position}\n" if line is not None else "\n"
    return SqlError(f"SQL compilation error:{where}invalid identifier '{name}'", 904, "42000")


def wrong_match_operator() -> SqlError:
    """A MATCH_CONDITION that is not a single comparison (010001)."""
    return SqlError(
        "SQL compilation error:\nMATCH_CONDITION clause is invalid: Only comparison operators '>=', '>', '<=' and '<' "
        "are allowed. Keywords such as AND and OR are not allowed.",
        10001,
        "42601",
    )


def ambiguous_column(name: str) -> SqlError:
    """A column that more than one table has (002028)."""
    return SqlError(f"SQL compilation error:\nambiguous column name '{name}'", 2028, "42601")


def wrong_arguments(function: str, types: str) -> SqlError:
    """Arguments of types that a function or operator does not take (001044)."""
    return SqlError(
        f"SQL compilation error:\nInvalid argument types for function '{function}': ({types})", 1044, "42000"
    )


def unknown_function(name: str) -> SqlError:
    """A function that is not known (002140)."""
    return SqlError(f"SQL compilation error:\nUnknown function {name}.", 2140, "42601")


NO_CURRENT = {"database": 90105, "schema": 90106}
"""Codes of `no_current`."""


def no_current(kind: str) -> SqlError:
    """A statement that needs a current database or schema where there is none (090105, 090106)."""
    return SqlError(
        f"Cannot perform this operation. This session does not have a current {kind}. "
        f"Call 'USE {kind.upper()}', or use a qualified name.",
        NO_CURRENT[kind],
        "22000",
    )


def canceled() -> SqlError:
    """A statement that was aborted (000604)."""
    return SqlError("SQL execution canceled", 604, "57014")
