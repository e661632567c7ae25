"""The SQL cases of tests/cases through the genuine connector."""

from __future__ import annotations

import pytest
from case_files import Case, all_cases, shown, shown_column
from harness import Sql
from snowflake.connector.errors import DatabaseError


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.file}: {case.title}") for case in all_cases()])
def test_case(sql: Sql, case: Case) -> None:
    if case.errno is not None:
        with pytest.raises(DatabaseError) as caught:
            sql.connection.execute_string(case.statements)
        assert caught.value.errno == case.errno, caught.value
        for part in case.message:
            assert part in str(caught.value)
        return
    *_, last = sql.connection.execute_string(case.statements)
    if not case.columns:
        return
    description = last.description
    assert len(description) == len(case.columns)
    columns = tuple(shown_column(*pair) for pair in zip(description, case.columns, strict=True))
    rows = tuple(tuple(shown(value) for value in row) for row in last.fetchall())
    assert (columns, rows) == (case.columns, case.rows)
