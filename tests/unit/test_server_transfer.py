"""PUT and GET through the genuine connector: files move between the client's disk and a stage's directory."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from snowflake.connector.errors import OperationalError
from test_server_fakes import Rig, serving

from snowmelt.base.result import Result, StatementType, Transfer


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with serving() as running:
        yield running


def transfer(rig: Rig, text: str, work: Transfer) -> None:
    rig.host.answers[text] = Result((), None, StatementType.UNKNOWN, transfer=work)


def test_put_compresses_and_get_brings_back(rig: Rig, tmp_path: Path) -> None:
    stage, out = tmp_path / "stage" / "sub", tmp_path / "out"
    out.mkdir()
    source = tmp_path / "data.csv"
    source.write_text("a,b\n1,2\n")
    put, get = f"PUT file://{source} @s/sub", f"GET @s/sub file://{out}"
    transfer(rig, put, Transfer("UPLOAD", (str(source),), str(stage)))
    transfer(rig, get, Transfer("DOWNLOAD", ("sub/data.csv.gz",), str(stage.parent), str(out)))
    with rig.connect() as connection:
        rows = connection.cursor().execute(put).fetchall()
        assert [(row[0], row[1], row[6]) for row in rows] == [("data.csv", "data.csv.gz", "UPLOADED")]
        assert gzip.decompress((stage / "data.csv.gz").read_bytes()) == source.read_bytes()
        rows = connection.cursor().execute(get).fetchall()
        assert [(row[0], row[2]) for row in rows] == [("data.csv.gz", "DOWNLOADED")]
    assert (out / "data.csv.gz").read_bytes() == (stage / "data.csv.gz").read_bytes()


def test_put_of_a_pattern_without_compression(rig: Rig, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    stage = tmp_path / "stage"
    work = Transfer("UPLOAD", (f"{tmp_path}/*.txt",), str(stage), auto_compress=False, parallel=2)
    transfer(rig, "PUT pattern", work)
    with rig.connect() as connection:
        rows = connection.cursor().execute("PUT pattern").fetchall()
    assert [row[1] for row in rows] == ["a.txt", "b.txt"]
    assert (stage / "b.txt").read_text() == "b.txt"


def test_put_from_a_stream(rig: Rig, tmp_path: Path) -> None:
    transfer(rig, "PUT stream", Transfer("UPLOAD", ("/tmp/any/model.bin",), str(tmp_path), auto_compress=False))
    content = b"\x00\x01" * 5000
    with rig.connect() as connection:
        connection.cursor().execute("PUT stream", file_stream=io.BytesIO(content))
    assert (tmp_path / "model.bin").read_bytes() == content


def test_get_of_nothing_is_an_error(rig: Rig, tmp_path: Path) -> None:
    transfer(rig, "GET nothing", Transfer("DOWNLOAD", (), str(tmp_path), str(tmp_path)))
    with rig.connect() as connection, pytest.raises(OperationalError, match="the file does not exist"):
        connection.cursor().execute("GET nothing")
