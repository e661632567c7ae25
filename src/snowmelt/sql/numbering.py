"""The engine's sequences, which stand behind those of Snowflake and behind AUTOINCREMENT columns.

A value is given once: a rollback leaves a gap (see `snowmelt.storage.connection`).
"""

from __future__ import annotations

_LEAST, _GREATEST = -(2**63), 2**63 - 1


def physical(number: int, *, temporary: bool = False) -> str:
    """The engine's name of the sequence with that id."""
    return f"temp.q{number}" if temporary else f"data.q{number}"


def create(number: int, start: int, increment: int, *, temporary: bool = False) -> str:
    """The statement that makes a sequence."""
    name = f"TEMP SEQUENCE q{number}" if temporary else f"SEQUENCE {physical(number)}"
    return f"CREATE {name} START {start} INCREMENT {increment} MINVALUE {_LEAST} MAXVALUE {_GREATEST}"


def drop(number: int, *, temporary: bool = False) -> str:
    """The statement that removes a sequence."""
    return f"DROP SEQUENCE IF EXISTS {physical(number, temporary=temporary)}"


def next_value(sequence: str) -> str:
    """An expression that takes the next value of a sequence with that name in the engine."""
    return f"nextval('{sequence}')"


def takes_number(text: str) -> bool:
    """Whether an expression takes a value of a sequence."""
    return "nextval(" in text


def unordered_value(sequence: str) -> str:
    """As `next_value`, for numbers of which nothing is asked but that they differ.

    The engine leaves all that is around a plain nextval to a single thread, so that numbers follow the order of the
    rows. It does not for one in a list.
    """
    return f"[{next_value(sequence)}][1]"


def following(number: int, step: int) -> str:
    """A query for the value that comes next when the step is `step`."""
    return (
        f"SELECT coalesce(last_value + {step}, start_value) FROM duckdb_sequences() "
        f"WHERE schema_name = 'data' AND sequence_name = 'q{number}'"
    )
