"""Changes a table, consumes a stream of it and prunes, in a process of its own that is killed in the middle of it.

Usage: python pruner.py DATA DAY. Prints, whenever a statement is committed, the value that all rows of ``T`` have now,
the one that the stream begins with, and the day.
"""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from snowmelt.base.request import Request
from snowmelt.base.settings import Settings
from snowmelt.runtime import Runtime
from snowmelt.session.pruning import prune
from snowmelt.session.session import Session
from snowmelt.testing.clock import ManualClock

ROWS = 20_000


def clock_at(day: int) -> ManualClock:
    """A clock that stands at a day."""
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day))


def run(session: Session, text: str) -> list[tuple[object, ...]]:
    """The rows that a statement answers with."""
    table = session.execute(Request(text, str(uuid.uuid4()))).table
    assert table is not None
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def main(data: Path, day: int) -> None:
    """Work until killed."""
    clock = clock_at(day)
    runtime = Runtime.open(Settings(data=data, password="p"), clock)
    session = runtime.open_session("SNOWMELT")
    run(session, "USE SCHEMA D.PUBLIC")
    ((now,),) = run(session, "SELECT MAX(V) FROM T")
    ((begun,),) = run(session, "SELECT MAX(V) FROM SEEN")
    while True:
        run(session, "UPDATE T SET V = V + 1")
        now += 1  # type: ignore[operator]
        print(now, begun, day, flush=True)
        if now % 3 == 0:  # type: ignore[operator]
            run(session, "INSERT INTO SEEN SELECT MAX(V) FROM S")
            begun = now
            print(now, begun, day, flush=True)
        day += 1
        clock.advance(86_400)
        for _ in prune(runtime.services):
            print(now, begun, day, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
