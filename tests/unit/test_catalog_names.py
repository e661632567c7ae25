"""Names as the engine knows them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from snowmelt.catalog.names import engine_name, logical_name

names = st.text(alphabet=st.sampled_from("aAbB_~019ä"), min_size=1, max_size=8)


@given(names)
def test_the_name_comes_back(name: str) -> None:
    assert logical_name(engine_name(name)) == name


@given(names, names)
def test_different_names_differ_without_regard_to_case(one: str, other: str) -> None:
    assert (engine_name(one).lower() == engine_name(other).lower()) == (one == other)


@given(st.text(alphabet=st.sampled_from("AB_$019"), min_size=1))
def test_names_in_capitals_stay(name: str) -> None:
    assert engine_name(name) == name
