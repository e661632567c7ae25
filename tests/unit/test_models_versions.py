"""Versions of a model: names, aliases, the default one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from snowmelt.base.errors import SqlError
from snowmelt.catalog.names import FullName
from snowmelt.catalog.objects import Model, ModelVersion
from snowmelt.models import versions

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def model(*names: str) -> Model:
    made = tuple(ModelVersion(name, NOW, f"1/{name}") for name in names)
    return Model(FullName("DB", "S", "M"), 1, NOW, versions=made, default_version=names[0])


def names(of: Model) -> list[str]:
    return [version.name for version in of.versions]


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, "V2"), ("DEFAULT", "V2"), ("FIRST", "V1"), ("LAST", "V3"), ("V3", "V3"), ("BEST", "V1"), ("v4", None)],
)
def test_resolve_version(given: str | None, expected: str | None) -> None:
    of = versions.set_alias(versions.set_default(model("V1", "V2", "V3"), "V2"), "V1", "BEST")
    if expected is not None:
        assert versions.resolve_version(of, given).name == expected
        return
    with pytest.raises(SqlError, match=r"Version '\"v4\"' of model 'DB\.S\.M' does not exist") as raised:
        versions.resolve_version(of, given)
    assert (raised.value.code, raised.value.sqlstate) == (2003, "42S02")


def test_names_differ_only_by_case() -> None:
    of = model("V1", "v1")
    assert versions.resolve_version(of, "v1").name == "v1"
    assert versions.resolve_version(of, "V1").name == "V1"


@pytest.mark.parametrize(("name", "code"), [("V1", 2002), ("BEST", 2002), ("LAST", 1008), ("DEFAULT", 1008)])
def test_a_new_version_needs_a_free_name(name: str, code: int) -> None:
    of = versions.set_alias(model("V1"), "V1", "BEST")
    with pytest.raises(SqlError) as raised:
        versions.add_version(of, ModelVersion(name, NOW, "1/x"))
    assert raised.value.code == code


def test_add_version_keeps_the_default() -> None:
    of = versions.add_version(model("V1"), ModelVersion("V2", NOW, "1/V2"))
    assert names(of) == ["V1", "V2"]
    assert of.default_version == "V1"
    assert versions.resolve_version(of, "LAST").name == "V2"


def test_the_default_version_cannot_be_dropped() -> None:
    of = model("V1", "V2")
    for name in ("V1", "DEFAULT", "FIRST"):
        with pytest.raises(SqlError, match="Cannot drop the default version 'V1'") as raised:
            versions.drop_version(of, name)
        assert raised.value.hint == "Make another version the default one first."


def test_the_only_version_cannot_be_dropped() -> None:
    with pytest.raises(SqlError) as raised:
        versions.drop_version(model("V1"), "V1")
    assert raised.value.hint == "It is the only one: drop the model."


def test_drop_version_moves_the_system_aliases() -> None:
    of = versions.drop_version(model("V1", "V2", "V3"), "LAST")
    assert names(of) == ["V1", "V2"]
    assert versions.aliases_of(of, of.versions[1]) == ("LAST",)
    with pytest.raises(SqlError, match="does not exist"):
        versions.drop_version(of, "V3")


def test_set_default_takes_an_alias() -> None:
    of = versions.set_alias(model("V1", "V2"), "V2", "BEST")
    assert versions.set_default(of, "BEST").default_version == "V2"
    assert versions.set_default(of, "LAST").default_version == "V2"
    with pytest.raises(SqlError, match="does not exist"):
        versions.set_default(of, "V9")


def test_a_version_has_at_most_one_alias() -> None:
    of = versions.set_alias(model("V1", "V2"), "V1", "BEST")
    of = versions.set_alias(of, "BEST", "OLD")
    assert of.versions[0].aliases == ("OLD",)
    assert versions.aliases_of(of, of.versions[0]) == ("DEFAULT", "FIRST", "OLD")
    of = versions.set_alias(of, "V2", "BEST")
    assert versions.resolve_version(of, "BEST").name == "V2"
    assert versions.set_alias(of, "V2", "BEST") == of


@pytest.mark.parametrize(("alias", "code"), [("FIRST", 1008), ("V2", 2002), ("BEST", 2002), ("V1", 2002)])
def test_aliases_are_unique_in_the_model(alias: str, code: int) -> None:
    of = versions.set_alias(model("V1", "V2"), "V2", "BEST")
    with pytest.raises(SqlError) as raised:
        versions.set_alias(of, "V1", alias)
    assert raised.value.code == code


@pytest.mark.parametrize("name", ["V2", "BEST"])
def test_unset_alias(name: str) -> None:
    of = versions.set_alias(model("V1", "V2"), "V2", "BEST")
    assert versions.unset_alias(of, name) == model("V1", "V2")


def test_unset_alias_refuses_the_system_ones() -> None:
    with pytest.raises(SqlError, match="'LAST' is a system alias"):
        versions.unset_alias(model("V1"), "LAST")


def test_unset_alias_of_a_version_without_one_changes_nothing() -> None:
    assert versions.unset_alias(model("V1"), "V1") == model("V1")


def test_comment_and_metadata_change_one_version() -> None:
    of = versions.set_comment(model("V1", "V2"), "V2", "better")
    of = versions.set_metadata(of, "LAST", '{"metrics": {"r2": 0.9}}')
    assert of.versions[0] == model("V1").versions[0]
    assert of.versions[1] == replace(model("V2").versions[0], comment="better", metadata='{"metrics": {"r2": 0.9}}')


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"text"'])
def test_metadata_is_a_json_object(text: str) -> None:
    with pytest.raises(SqlError, match="METADATA") as raised:
        versions.set_metadata(model("V1"), "V1", text)
    assert raised.value.code == 1008


def test_generated_names_are_new_and_always_the_same() -> None:
    existing: list[str] = []
    for _ in range(300):
        name = versions.generated_name(existing)
        assert name not in existing
        assert name == versions.generated_name(existing)
        existing.append(name)
    assert existing[0] == "CALM_OTTER_1"
    assert versions.generated_name(("A", "B")) == "FAIR_LYNX_3"
    assert versions.generated_name(("A", "FAIR_LYNX_3")) == "GENTLE_MOOSE_4"
