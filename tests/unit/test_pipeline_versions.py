"""Version names are pairs of integers."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("names", "major", "expected"),
    [
        ([], False, "V1"),
        ([], True, "V1"),
        (["V1"], False, "V1.1"),
        (["V1", "V1.9"], False, "V1.10"),
        (["V1.10", "V1.9"], False, "V1.11"),
        (["V1", "V1.1"], True, "V2"),
        (["V9", "V10"], True, "V11"),
        (["V2", "V1.7"], False, "V2.1"),
        (["EXPERIMENT", "V1.1.1", "V1"], False, "V1.1"),
        (["EXPERIMENT"], False, "V1"),
    ],
)
def test_next_version(insurance: Any, names: list[str], major: bool, expected: str) -> None:
    assert str(insurance.versions.next_version(names, major)) == expected


def test_names_come_without_an_identifiers_quotes(insurance: Any) -> None:
    assert insurance.versions.plain_name('"V1.1"') == "V1.1"
    assert insurance.versions.plain_name("V1") == "V1"
