"""The log's images against a plain model: updates of any columns of wide and narrow tables, which ALTER changes."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from snowmelt.base.request import Request
from snowmelt.base.settings import Settings
from snowmelt.runtime import Runtime
from snowmelt.session.session import Session

Row = dict[str, int | None]


@dataclass
class History:
    """A table ``T`` with the key K, its rows by key at each point so far, and the same in the engine.

    Attributes:
        points: rows after a statement, with the statement's id; all have the columns of now, as in the engine.
        touched: for each step between two points the keys whose rows were inserted.
    """

    session: Session
    choose: random.Random
    columns: list[str]
    defaults: dict[str, int] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    points: list[tuple[str, dict[int, Row]]] = field(default_factory=list)
    inserted: list[dict[int, Row]] = field(default_factory=list)
    touched: list[set[int]] = field(default_factory=list)
    keys: int = 0
    names: int = 0
    compared: int = 0

    def run(self, text: str) -> list[tuple[Any, ...]]:
        self.query = str(uuid.uuid4())
        table = self.session.execute(Request(text, self.query)).table
        assert table is not None
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def start(self) -> None:
        self.run("CREATE OR REPLACE DATABASE D")
        self.run(f"CREATE TABLE T (K INT, {', '.join(f'{name} INT' for name in self.columns)}) CHANGE_TRACKING = TRUE")
        self.names = len(self.columns)
        self.insert()
        self.inserted, self.touched = [], []
        self.point()

    def point(self) -> None:
        self.points.append((self.query, {key: dict(row) for key, row in self.rows.items()}))

    def step(self, *texts: str, touched: set[int], inserted: dict[int, Row] | None = None) -> None:
        """Run statements that the model has already followed: alone, or in a transaction of their own."""
        whole = self.choose.random() < 0.3
        for text in ("BEGIN", *texts, "COMMIT") if whole else texts:
            self.run(text)
        self.touched.append(touched)
        self.inserted.append({key: dict(row) for key, row in (inserted or {}).items()})

    # --- statements --------------------------------------------------------------------------------------------------

    def insert(self) -> None:
        new = {
            self.keys + i: {name: self.choose.choice([None, i, 7]) for name in self.columns}
            for i in range(self.choose.randint(1, 4))
        }
        self.keys += len(new)
        self.rows |= {key: dict(row) for key, row in new.items()}
        values = ", ".join(_tuple([key, *row.values()]) for key, row in new.items())
        self.step(f"INSERT INTO T VALUES {values}", touched=set(), inserted=new)

    def update(self) -> None:
        """Some columns of some rows, some of them to what they are already."""
        some = self.some_columns()
        values = {name: self.choose.choice([None, self.choose.randint(0, 9)]) for name in some}
        modulus = self.choose.randint(1, 3)
        hit = {key for key in self.rows if key % modulus == 0}
        for key in hit:
            self.rows[key] |= values
        assigned = ", ".join(f"{name} = {_literal(value)}" for name, value in values.items())
        source = self.choose.choice(["", "FROM (SELECT 1 AS ONE) AS S"])
        self.step(f"UPDATE T SET {assigned} {source} WHERE MOD(K, {modulus}) = 0", touched=hit)

    def merge(self) -> None:
        """Updates of different columns in different clauses, at times deletions, and an insertion."""
        first, second, deletes = self.some_columns(), self.some_columns(), self.choose.random() < 0.4
        hit = set(self.rows)
        for key in hit:
            if key % 3 == 0:
                self.rows[key] |= dict.fromkeys(first, 100)
            elif key % 3 == 1 and deletes:
                del self.rows[key]
            else:
                self.rows[key] |= dict.fromkeys(second, 200)
        new: Row = {name: self.defaults.get(name) for name in self.columns} | {self.columns[0]: 5}
        self.rows[self.keys] = dict(new)
        keys = ", ".join(f"({key})" for key in (*hit, self.keys))
        source = self.choose.choice(
            [f"SELECT K FROM T UNION ALL SELECT {self.keys}", f"SELECT COLUMN1 AS K FROM VALUES {keys}"]
        )
        text = f"""MERGE INTO T USING ({source}) AS S ON T.K = S.K
            WHEN MATCHED AND MOD(S.K, 3) = 0 THEN UPDATE SET {", ".join(f"{name} = 100" for name in first)}
            {"WHEN MATCHED AND MOD(S.K, 3) = 1 THEN DELETE" if deletes else ""}
            WHEN MATCHED THEN UPDATE SET {", ".join(f"{name} = 200" for name in second)}
            WHEN NOT MATCHED THEN INSERT (K, {self.columns[0]}) VALUES (S.K, 5)"""
        self.step(text, touched=hit, inserted={self.keys: new})
        self.keys += 1

    def delete(self) -> None:
        hit = {key for key in self.rows if key % 4 == self.choose.randint(0, 3)}
        for key in hit:
            del self.rows[key]
        self.step(f"DELETE FROM T WHERE K IN ({', '.join(map(str, hit)) or 'NULL'})", touched=hit)

    def add_column(self) -> None:
        self.names += 1
        name = f"A{self.names}"
        self.run(f"ALTER TABLE T ADD COLUMN {name} INT DEFAULT 7")
        self.columns.append(name)
        self.defaults[name] = 7
        for row in self.every_row():
            row[name] = 7

    def drop_column(self) -> None:
        if len(self.columns) < 2:
            return
        name = self.choose.choice(self.columns)
        self.run(f"ALTER TABLE T DROP COLUMN {name}")
        self.columns.remove(name)
        for row in self.every_row():
            del row[name]

    def rename_column(self) -> None:
        self.names += 1
        place, new = self.choose.randrange(len(self.columns)), f"R{self.names}"
        old = self.columns[place]
        self.run(f"ALTER TABLE T RENAME COLUMN {old} TO {new}")
        self.columns[place] = new
        if old in self.defaults:
            self.defaults[new] = self.defaults[old]
        for row in self.every_row():
            row[new] = row.pop(old)

    def every_row(self) -> list[Row]:
        pictures = [self.rows, *(rows for _, rows in self.points), *self.inserted]
        return [row for picture in pictures for row in picture.values()]

    def some_columns(self) -> list[str]:
        return self.choose.sample(self.columns, self.choose.randint(1, min(3, len(self.columns))))

    # --- comparisons -------------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """The rows at each point, and the changes between some two points."""
        names = ", ".join(["K", *self.columns])

        def flat(rows: dict[int, Row]) -> list[tuple[Any, ...]]:
            return sorted((key, *(_order(row[name]) for name in self.columns)) for key, row in rows.items())

        def found(text: str) -> list[tuple[Any, ...]]:
            self.compared += 1
            return sorted((row[0], *map(_order, row[1:])) for row in self.run(text))

        assert found(f"SELECT {names} FROM T") == flat(self.rows)
        for query, rows in self.points:
            assert found(f"SELECT {names} FROM T AT (STATEMENT => '{query}')") == flat(rows)
        start = self.choose.randrange(len(self.points))
        end = self.choose.randrange(start, len(self.points))
        (first, before), (last, after) = self.points[start], self.points[end]
        window = f"AT (STATEMENT => '{first}') END (STATEMENT => '{last}')"
        touched = set().union(*self.touched[start:end])
        gone = {key: row for key, row in before.items() if key in touched}
        come = {key: row for key, row in after.items() if key in touched or key not in before}
        default = f"SELECT {names} FROM T CHANGES (INFORMATION => DEFAULT) {window} WHERE METADATA$ACTION ="
        assert found(f"{default} 'DELETE'") == flat(gone)
        assert found(f"{default} 'INSERT'") == flat(come)
        appended: dict[int, Row] = {}
        for inserted in self.inserted[start:end]:
            appended |= inserted
        assert found(f"SELECT {names} FROM T CHANGES (INFORMATION => APPEND_ONLY) {window}") == flat(appended)


def _literal(value: int | None) -> str:
    return "NULL" if value is None else str(value)


def _tuple(values: list[int | None]) -> str:
    return f"({', '.join(map(_literal, values))})"


def _order(value: int | None) -> tuple[bool, int]:
    """A value that can be put in order beside NULL."""
    return (value is not None, int(value or 0))


def compare_histories(seed: int, histories: int) -> int:
    """Random histories in one process, the number of comparisons made."""
    runtime = Runtime.open(Settings(password="p"))
    compared = 0
    try:
        for number in range(histories):
            session = runtime.open_session("SNOWMELT")
            choose = random.Random(seed * 1_000_003 + number)
            width = choose.choice([1, 2, 5, 61, 62, 64])
            history = History(session, choose, [f"C{i}" for i in range(width)])
            history.start()
            steps = [history.insert, history.update, history.update, history.merge, history.delete]
            alterations = [history.add_column, history.drop_column, history.rename_column]
            for _ in range(7):
                choose.choice(steps)()
                history.point()
                if choose.random() < 0.3:
                    choose.choice(alterations)()
            history.compare()
            compared += history.compared
            session.close()
    finally:
        runtime.close(0)
    return compared


def test_images_tell_what_rows_were() -> None:
    assert compare_histories(0, 6) >= 60


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 11))
def test_images_tell_what_rows_were_for_long(seed: int) -> None:
    assert compare_histories(seed, 30) >= 250
