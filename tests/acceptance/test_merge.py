"""MERGE in all its shapes against a plain model: rows, counts, the stream's changes, and the nondeterminism error."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from harness import Sql

MERGE = "https://docs.snowflake.com/en/sql-reference/sql/merge"

Values = tuple[Any, ...]
"""(K, V, W) of the table, or (K, V) of the source."""

CONDITIONS: dict[str, Callable[[Values, Values], bool]] = {
    "": lambda source, target: True,
    "S.V > 5": lambda source, target: source[1] is not None and source[1] > 5,
    "S.V IS NULL OR S.V = 3": lambda source, target: source[1] in (None, 3),
    "T.V < S.V": lambda source, target: None not in (source[1], target[1]) and target[1] < source[1],
    "T.W = 'a' AND S.V <> 4": lambda source, target: target[2] == "a" and source[1] not in (None, 4),
    "NOT (S.V <= 2)": lambda source, target: source[1] is not None and source[1] > 2,
}
OF_SOURCE = [text for text in CONDITIONS if "T." not in text]

SOURCES = {
    "a table": "SOURCE AS S",
    "a query of a table": "(SELECT K + 0 AS K, V FROM SOURCE WHERE K IS NULL OR K >= 0) AS S",
    "rows written out": "(SELECT COLUMN1 AS K, COLUMN2 AS V FROM VALUES {values}) AS S",
    "groups": "(SELECT K, V FROM (SELECT K, V, COUNT(*) AS N FROM SOURCE GROUP BY K, V), TABLE(FLATTEN("
    "ARRAY_GENERATE_RANGE(0, N)))) AS S",
    "a view": "SOURCE_VIEW AS S",
}


@dataclass
class Clause:
    """One WHEN; an update is ``SET V = S.V + 100 * turn, W = 'u'`` or one of its parts."""

    action: str
    condition: str
    columns: str = ""

    def text(self, turn: int) -> str:
        test = f" AND {self.condition}" if self.condition else ""
        if self.action == "inserted":
            return f"WHEN NOT MATCHED{test} THEN INSERT (K, V) VALUES (S.K, S.V)"
        if self.action == "deleted":
            return f"WHEN MATCHED{test} THEN DELETE"
        given = {"V": f"V = COALESCE(S.V, 0) + {100 * turn}", "W": f"W = 'u{turn}'"}
        return f"WHEN MATCHED{test} THEN UPDATE SET {', '.join(given[name] for name in self.columns)}"

    def updated(self, source: Values, target: Values, turn: int) -> Values:
        value = (source[1] or 0) + 100 * turn if "V" in self.columns else target[1]
        return (target[0], value, f"u{turn}" if "W" in self.columns else target[2])


@dataclass
class Outcome:
    rows: dict[int, Values]
    counts: Counter[str]
    changes: Counter[Values]
    """As the stream shows them: K, V, W, METADATA$ACTION, METADATA$ISUPDATE."""


def expected(rows: dict[int, Values], source: Sequence[Values], clauses: Sequence[Clause], turn: int) -> Outcome | None:
    """What a MERGE comes to; None when it is not certain."""
    staged: dict[int, list[tuple[Clause, Values]]] = {}
    new: list[Values] = []
    for each in source:
        matched = [number for number, row in rows.items() if row[0] is not None and row[0] == each[0]]
        for number in matched:
            applies = (c for c in clauses if c.action != "inserted" and CONDITIONS[c.condition](each, rows[number]))
            if (clause := next(applies, None)) is not None:
                staged.setdefault(number, []).append((clause, each))
        if not matched and any(c.action == "inserted" and CONDITIONS[c.condition](each, each) for c in clauses):
            new.append((each[0], each[1], None))
    after, counts, changes = dict(rows), Counter(inserted=len(new)), Counter((*row, "INSERT", False) for row in new)
    for number, found in staged.items():
        if len(found) > 1 and any(clause.action == "updated" for clause, _ in found):
            return None
        clause, each = found[0]
        counts[clause.action] += 1
        is_update = clause.action == "updated"
        changes[*rows[number], "DELETE", is_update] += 1
        if is_update:
            after[number] = clause.updated(each, rows[number], turn)
            changes[*after[number], "INSERT", True] += 1
        else:
            del after[number]
    after |= dict(enumerate(new, max([*rows, 0]) + 1))
    return Outcome(after, counts, changes)


def some_clauses(choose: random.Random) -> list[Clause]:
    """One or two clauses for rows that match, of one kind or of both, and at times one for those that do not."""
    actions = choose.choice([["updated"], ["deleted"], ["updated", "deleted"]])
    clauses = []
    for last in (False, True) if choose.random() < 0.5 else (True,):
        condition = choose.choice([*CONDITIONS] if last else [text for text in CONDITIONS if text])
        columns = choose.choice(["V", "W", "VW"])
        clauses.append(Clause(choose.choice(actions), condition, columns))
    if choose.random() < 0.8:
        clauses.append(Clause("inserted", choose.choice(OF_SOURCE)))
    return clauses


@pytest.mark.parametrize("source_name", SOURCES)
@pytest.mark.parity("MERGE", "rows, counts and the stream's changes are those of a plain model, or error 100090", MERGE)
def test_shapes(sql: Sql, source_name: str) -> None:
    choose = random.Random(source_name)
    rows: dict[int, Values] = {number: (number, number % 7, "ab"[number % 2]) for number in range(12)}
    rows |= {12: (None, 1, "a"), 13: (3, 9, "a")}
    sql("CREATE TABLE t (k NUMBER(5, 0), v NUMBER(8, 0), w VARCHAR(10))")
    sql(f"INSERT INTO t VALUES {listed(rows.values())}")
    sql("CREATE TABLE source (k NUMBER(10, 0), v NUMBER(4, 0))")
    sql("CREATE VIEW source_view AS SELECT * FROM source")
    sql("CREATE STREAM changes ON TABLE t")
    sql("CREATE TABLE sink (k NUMBER, v NUMBER, w VARCHAR, a VARCHAR, u BOOLEAN)")
    outcomes: Counter[str] = Counter()
    for turn in range(1, 41):
        # NULL matches nothing; a large key matches nothing, and fits the table only where it is not inserted.
        keys = [*choose.sample(range(20), 6), None]
        source = [(key, choose.choice([None, *range(9)])) for key in keys]
        if choose.random() < 0.5:
            source.append((source[0][0], choose.randint(0, 8)))
        clauses = some_clauses(choose)
        if all(clause.action != "inserted" for clause in clauses):
            source.append((9_999_999_999, 1))
        sql(f"INSERT OVERWRITE INTO source VALUES {listed(source)}")
        text = f"MERGE INTO t USING {SOURCES[source_name].format(values=listed(source))} ON t.k = S.K " + " ".join(
            clause.text(turn) for clause in clauses
        )
        outcome = expected(rows, source, clauses, turn)
        if outcome is None:
            sql.fails(text, 100090)
            outcomes["refused"] += 1
            outcome = Outcome(rows, Counter(), Counter())
        else:
            names = [name for name in ("inserted", "updated", "deleted") if name in {c.action for c in clauses}]
            assert sql(text) == [tuple(outcome.counts[name] for name in names)], text
            outcomes.update(outcome.counts.keys())
        rows = outcome.rows
        assert Counter(sql("SELECT * FROM t")) == Counter(rows.values()), text
        shown = sql("SELECT k, v, w, METADATA$ACTION, METADATA$ISUPDATE FROM changes")
        assert Counter(shown) == +outcome.changes, text
        sql("INSERT INTO sink SELECT k, v, w, METADATA$ACTION, METADATA$ISUPDATE FROM changes")
    assert min(outcomes[name] for name in ("inserted", "updated", "deleted", "refused")) > 0


def listed(rows: Iterator[Values] | Sequence[Values] | Any) -> str:
    return ", ".join(f"({', '.join('NULL' if value is None else repr(value) for value in row)})" for row in rows)


@pytest.mark.parity("MERGE", "ERROR_ON_NONDETERMINISTIC_MERGE = FALSE takes one of several rows", MERGE)
def test_one_of_several(sql: Sql) -> None:
    sql("CREATE TABLE t (k NUMBER, v NUMBER) AS SELECT * FROM VALUES (1, 0), (2, 0)")
    sql("CREATE STREAM changes ON TABLE t")
    sql("CREATE TABLE source (k NUMBER, v NUMBER) AS SELECT * FROM VALUES (1, 10), (1, 20), (3, 30)")
    text = """MERGE INTO t USING source AS s ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = s.v
              WHEN NOT MATCHED THEN INSERT VALUES (s.k, s.v)"""
    sql.fails(text, 100090)
    assert sql("SELECT COUNT(*) FROM changes") == [(0,)]
    sql("ALTER SESSION SET ERROR_ON_NONDETERMINISTIC_MERGE = FALSE")
    assert sql(text) == [(1, 1)]
    ((taken,),) = sql("SELECT v FROM t WHERE k = 1")
    assert taken in (10, 20)
    shown = sql("SELECT k, v, METADATA$ACTION FROM changes ORDER BY k, METADATA$ACTION")
    assert shown == [(1, 0, "DELETE"), (1, taken, "INSERT"), (3, 30, "INSERT")]


@pytest.mark.parity("MERGE", "an error in a value that no clause asks for is none; one that is asked for is", MERGE)
def test_errors_of_values(sql: Sql) -> None:
    sql("CREATE TABLE t (k NUMBER(3, 0), v NUMBER(6, 2)) AS SELECT * FROM VALUES (1, 0), (2, 0)")
    sql("CREATE TABLE source (k NUMBER, v NUMBER, d NUMBER) AS SELECT * FROM VALUES (1, 10, 2), (2, 20, 0), (3, 30, 0)")
    text = """MERGE INTO t USING source AS s ON t.k = s.k WHEN MATCHED AND s.d {} 0 THEN UPDATE SET v = s.v / s.d
              WHEN NOT MATCHED THEN INSERT VALUES (s.k, s.v)"""
    assert sql(text.format("<>")) == [(1, 1)]
    assert sql("SELECT * FROM t ORDER BY k") == [(1, 5), (2, 0), (3, 30)]
    sql.fails(text.format(">="), 100051)
    assert sql("SELECT * FROM t ORDER BY k") == [(1, 5), (2, 0), (3, 30)]
    sql("INSERT INTO source VALUES (4000, 1, 1)")
    sql.fails(text.format("<>"), 100046)
    assert sql("SELECT * FROM t ORDER BY k") == [(1, 5), (2, 0), (3, 30)]


@pytest.mark.parity("MERGE", "numbers of an AUTOINCREMENT column are taken for inserted rows only", MERGE)
def test_numbers(sql: Sql) -> None:
    sql("CREATE TABLE t (id NUMBER AUTOINCREMENT ORDER, k NUMBER)")
    sql("INSERT INTO t (k) VALUES (1), (2)")
    sql("CREATE TABLE source (k NUMBER) AS SELECT * FROM VALUES (1), (2), (3)")
    sql("MERGE INTO t USING source AS s ON t.k = s.k WHEN MATCHED THEN UPDATE SET k = s.k "
        "WHEN NOT MATCHED THEN INSERT (k) VALUES (s.k)")  # fmt: skip
    assert sql("SELECT id, k FROM t ORDER BY k") == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize(
    "source",
    ["SELECT k, RANDOM() AS r FROM source", "SELECT k, odd(k) AS r FROM source", "SELECT k, k % 2 AS r FROM source"],
)
@pytest.mark.parity("MERGE", "where the source is another each time, the log has what was changed", MERGE)
def test_a_source_that_varies(sql: Sql, source: str) -> None:
    sql("CREATE FUNCTION odd(n NUMBER) RETURNS NUMBER LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'f' "
        "AS 'def f(n): return n % 2'")  # fmt: skip
    sql("CREATE TABLE t (k NUMBER, v NUMBER) AS SELECT SEQ4(), 0 FROM TABLE(GENERATOR(ROWCOUNT => 500))")
    sql("CREATE TABLE source AS SELECT k FROM t")
    sql("CREATE STREAM changes ON TABLE t")
    ((updated,),) = sql(
        f"MERGE INTO t USING ({source}) AS s ON t.k = s.k WHEN MATCHED AND s.r > 0 THEN UPDATE SET v = 1"
    )
    assert 0 < updated < 500
    assert sql("SELECT COUNT(*) FROM t WHERE v = 1") == [(updated,)]
    shown = sql("SELECT METADATA$ACTION, v, COUNT(*) FROM changes GROUP BY ALL ORDER BY 1")
    assert shown == [("DELETE", 0, updated), ("INSERT", 1, updated)]


@pytest.mark.parity("MERGE", "a condition that may differ each time is refused by name", MERGE)
def test_conditions_that_vary(sql: Sql) -> None:
    sql("CREATE TABLE t (k NUMBER, v NUMBER) AS SELECT 1, 0")
    error = sql.fails("MERGE INTO t USING t AS s ON t.k = s.k WHEN MATCHED AND RANDOM() > 0 THEN UPDATE SET v = 1", 2)
    assert "Unsupported feature 'MERGE with a condition that may differ each time'" in str(error)
    assert sql("SELECT * FROM t") == [(1, 0)]


VARYING = [
    "(SELECT k, RANDOM() AS r FROM source)",
    "(SELECT k, SEQ4() AS r FROM source)",
    "(SELECT k, UNIFORM(1, 9, 3) AS r FROM source)",
    "(SELECT k, ROW_NUMBER() OVER (ORDER BY k) AS r FROM source)",
    "(SELECT k, odd(k) AS r FROM source)",
    "(SELECT k, k AS r FROM source LIMIT 3)",
    "(SELECT k, SUM(k) AS r FROM source GROUP BY k)",
    "(SELECT k, seq.NEXTVAL AS r FROM source)",
    "(SELECT k, k AS r FROM source WHERE RANDOM() > 0)",
    "(SELECT k, k AS r FROM source SAMPLE (50))",
    "(SELECT k, k AS r FROM source_view)",
]
"""Sources that need not have the same rows when they are read twice, or of which that is not known."""


@pytest.mark.parity("MERGE", "a source is read twice only where it is certain to have the same rows both times", MERGE)
def test_sources_that_are_read_once(sql: Sql) -> None:
    sql("CREATE FUNCTION odd(n NUMBER) RETURNS NUMBER LANGUAGE PYTHON RUNTIME_VERSION = '3.11' HANDLER = 'f' "
        "AS 'def f(n): return n % 2'")  # fmt: skip
    sql("CREATE SEQUENCE seq")
    sql("CREATE TABLE t (k NUMBER, v NUMBER)")
    sql("CREATE TABLE source (k NUMBER)")
    sql("CREATE VIEW source_view AS SELECT * FROM source")

    def steps(source: str, values: str = "s.k") -> list[object]:
        merge = f"MERGE INTO t USING {source} AS s ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = {values}"
        return sql.column(f"EXPLAIN USING TABULAR {merge}", "operation")

    assert steps("source") == ["Direct"]
    assert steps("(SELECT k, k + 1 AS r FROM source WHERE k > 1)") == ["Direct"]
    for source in VARYING:
        assert "Stage" in steps(source) and "Direct" not in steps(source), source
    assert "Direct" not in steps("source", "(SELECT MAX(k) FROM source)")
