"""The generator of the insurance data: published figures, repeatability and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pd = pytest.importorskip("pandas")


def test_the_published_figures_come_out(insurance: Any) -> None:
    charges = insurance.data.generate(1_000_000)["CHARGES"]
    quartiles = charges.quantile([0.25, 0.5, 0.75]).tolist()
    assert charges.mean() == pytest.approx(16_735, abs=15)
    assert charges.std() == pytest.approx(4_416, abs=10)
    assert quartiles == pytest.approx([13_600, 16_622, 19_781], abs=25)


def test_the_seed_decides_the_rows(insurance: Any) -> None:
    generate = insurance.data.generate
    pd.testing.assert_frame_equal(generate(500, seed=7), generate(500, seed=7))
    assert not generate(500, seed=7).equals(generate(500, seed=8))


def test_columns_keep_to_their_ranges(insurance: Any) -> None:
    frame = insurance.data.generate(20_000)
    assert list(frame.columns) == list(insurance.data.COLUMNS)
    assert (frame["AGE"].min(), frame["AGE"].max()) == (18, 65)
    assert (frame["CHILDREN"].min(), frame["CHILDREN"].max()) == (0, 5)
    assert frame["BMI"].between(18, 50).all()
    assert frame["BMI"].round(2).equals(frame["BMI"])
    for column, increments in insurance.data.INCREMENTS.items():
        shares = frame[column].fillna("absent").value_counts(normalize=True)
        assert len(shares) == len(increments)
        assert shares.tolist() == pytest.approx([1 / len(increments)] * len(increments), abs=0.02)


def test_absent_histories_are_missing_values(insurance: Any) -> None:
    frame = insurance.data.generate(1_000)
    assert frame["MEDICAL_HISTORY"].isna().any()
    assert frame["GENDER"].notna().all()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_written_file_reads_back_equal(insurance: Any, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"insurance.{suffix}"
    insurance.data.main([str(path), "--rows", "200", "--seed", "3"])
    read = pd.read_parquet(path) if suffix == "parquet" else insurance.data.read_original(path)
    pd.testing.assert_frame_equal(read.fillna("absent"), insurance.data.generate(200, 3).fillna("absent"))


def test_an_unknown_suffix_is_refused(insurance: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be \.parquet or \.csv"):
        insurance.data.main([str(tmp_path / "insurance.xls"), "--rows", "1"])


def test_every_generated_category_is_one_the_model_knows(insurance: Any) -> None:
    for column, increments in insurance.data.INCREMENTS.items():
        standard = {(value or "NONE").upper().replace(" ", "_") for value in increments}
        assert standard == set(insurance.spec.CATEGORIES[column])
