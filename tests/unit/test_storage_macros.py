"""The engine's macros: one name, one meaning."""

from __future__ import annotations

import re
from collections import Counter
from importlib import resources


def test_no_macro_is_defined_twice() -> None:
    folder = resources.files("snowmelt.storage").joinpath("sql")
    texts = [file.read_text() for file in folder.iterdir() if file.name.endswith(".sql")]
    names = Counter(name for text in texts for name in re.findall(r"MACRO (\w+)", text))
    assert names
    assert [name for name, count in names.items() if count > 1] == []
