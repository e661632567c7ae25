"""Stages' files: locations, path safety, listing, PUT and GET."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import Name
from snowmelt.storage.stages import (
    StageFiles,
    get_transfer,
    list_result,
    put_transfer,
    remove_result,
    resolve,
)
from snowmelt.storage.stages_location import StageKind, StageLocation, parse_location


@pytest.fixture
def files(tmp_path: Path) -> StageFiles:
    stages = StageFiles(tmp_path / "stages")
    directory = stages.directory(7)
    for path, text in {"a.csv": "1", "dir/b.csv": "22", "dir/c.txt": "333", "dirt.csv": "4444"}.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text(text)
    return stages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@mystage", StageLocation(StageKind.NAMED, Name("MYSTAGE"), "")),
        ("@db.s.st/x/y.csv", StageLocation(StageKind.NAMED, Name("ST", "S", "DB"), "x/y.csv")),
        ("'@\"My Stage\"/x'", StageLocation(StageKind.NAMED, Name("My Stage"), "x")),
        ('@"a/b"/x/', StageLocation(StageKind.NAMED, Name("a/b"), "x/")),
        ("@~/x", StageLocation(StageKind.USER, None, "x")),
        ("@~", StageLocation(StageKind.USER, None, "")),
        ("@%t/x", StageLocation(StageKind.TABLE, Name("T"), "x")),
        ('@db.s.%"t"', StageLocation(StageKind.TABLE, Name("t", "S", "DB"), "")),
        (
            "snow://model/DB.S.M/versions/V1/model.yaml",
            StageLocation(StageKind.SNOW, Name("M", "S", "DB"), "versions/V1/model.yaml", "model"),
        ),
    ],
)
def test_location(text: str, expected: StageLocation) -> None:
    assert parse_location(text) == expected


@pytest.mark.parametrize("text", ["stage", "@", "@%", "snow://model", "@a.b.c.d"])
def test_location_refused(text: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_location(text)
    assert caught.value.code == 1003


@pytest.mark.parametrize("path", ["../8/x", "/etc/passwd", "dir/../../x", "a\\..\\b", "a\x00b"])
def test_paths_stay_in_the_stage(files: StageFiles, path: str) -> None:
    with pytest.raises(SqlError):
        resolve(files.directory(7), path)


def test_links_are_neither_followed_nor_listed(files: StageFiles, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("s")
    directory = files.directory(7)
    (directory / "link.csv").symlink_to(tmp_path / "secret.csv")
    (directory / "linked").symlink_to(tmp_path)
    with pytest.raises(SqlError):
        resolve(directory, "linked/secret.csv")
    assert [file.path for file in files.list_files(7)] == ["a.csv", "dir/b.csv", "dir/c.txt", "dirt.csv"]


def test_list_takes_a_prefix_and_a_pattern(files: StageFiles) -> None:
    assert [file.path for file in files.list_files(7, "dir")] == ["dir/b.csv", "dir/c.txt", "dirt.csv"]
    assert [file.path for file in files.list_files(7, "dir/", r".*[.]csv")] == ["dir/b.csv"]
    assert [file.path for file in files.list_files(7, pattern="csv")] == []
    with pytest.raises(SqlError) as caught:
        files.list_files(7, pattern="(")
    assert caught.value.code == 100048


def test_list_rows(files: StageFiles) -> None:
    result = list_result(files.list_files(7, "a", stage_name="MyStage"))
    assert [column.name for column in result.columns] == ["name", "size", "md5", "last_modified"]
    assert result.table is not None
    row = [column[0].as_py() for column in result.table.columns]
    assert row[:3] == ["mystage/a.csv", 1, hashlib.md5(b"1").hexdigest()]
    assert row[3].endswith(" GMT")


def test_md5_follows_the_content(files: StageFiles) -> None:
    before = files.list_files(7, "a.csv")[0]
    assert before.md5 == hashlib.md5(b"1").hexdigest()
    before.location.write_text("changed")
    assert files.list_files(7, "a.csv")[0].md5 == hashlib.md5(b"changed").hexdigest()


def test_remove_drops_empty_directories(files: StageFiles) -> None:
    gone = files.list_files(7, "dir/", stage_name="S")
    files.remove(gone)
    assert not (files.directory(7) / "dir").exists()
    assert [file.path for file in files.list_files(7)] == ["a.csv", "dirt.csv"]
    table = remove_result(gone).table
    assert table is not None
    assert table.to_pydict() == {"c0": ["s/dir/b.csv", "s/dir/c.txt"], "c1": ["removed", "removed"]}
    files.remove(files.list_files(7))
    assert files.root.joinpath("7").is_dir()


def test_drop_removes_the_directory(files: StageFiles) -> None:
    files.drop(7)
    assert not files.root.joinpath("7").exists()
    with pytest.raises(SqlError):
        files.drop("../7")


def test_put(files: StageFiles) -> None:
    directory = files.directory(7)
    options = {"PARALLEL": 8, "AUTO_COMPRESS": False, "SOURCE_COMPRESSION": "AUTO_DETECT", "OVERWRITE": "TRUE"}
    transfer = put_transfer("'file:///tmp/x*.csv'", directory, "sub/dir", options)
    assert transfer.locations == ("/tmp/x*.csv",)
    assert transfer.directory == str(directory / "sub/dir")
    assert (transfer.parallel, transfer.auto_compress, transfer.overwrite) == (8, False, True)
    assert transfer.source_compression == "auto_detect"
    with pytest.raises(SqlError) as caught:
        put_transfer("file:///x", directory, "", {"COLOUR": 1})
    assert "COLOUR" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "names"),
    [("", ["7/a.csv", "7/dir/b.csv", "7/dir/c.txt", "7/dirt.csv"]), ("dir/", ["dir/b.csv", "dir/c.txt"])],
)
def test_get_names_files_below_its_directory(files: StageFiles, path: str, names: list[str]) -> None:
    directory = files.directory(7)
    transfer = get_transfer(files.list_files(7, path), directory, path, "file:///tmp/out/", {"PARALLEL": 10})
    assert list(transfer.locations) == names
    assert all(Path(transfer.directory, name).is_file() for name in names)
    assert transfer.local_location == "/tmp/out/"


def test_get_of_one_file(files: StageFiles) -> None:
    transfer = get_transfer(files.list_files(7, "dir/b.csv"), files.directory(7), "dir/b.csv", "/out", {})
    assert transfer.locations == ("dir/b.csv",)
