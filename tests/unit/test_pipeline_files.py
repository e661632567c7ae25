"""The pipeline's files stand on their own: they run on a Snowflake account and know nothing of Snowmelt."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

PIPELINE = Path(__file__).parents[2] / "pipelines" / "insurance"


@pytest.mark.parametrize(
    "path", sorted([*PIPELINE.rglob("*.py"), *PIPELINE.rglob("*.sql")]), ids=lambda path: path.name
)
def test_no_file_imports_snowmelt(path: Path) -> None:
    assert not re.search(r"^\s*(import|from)\s+snowmelt", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_imported_file_is_put_on_the_stage() -> None:
    manifest = tomllib.loads((PIPELINE / "manifest.toml").read_text(encoding="utf-8"))
    put = {path.name for step in manifest["step"] if "put" in step for path in PIPELINE.glob(step["put"])}
    procedures = (PIPELINE / "sql" / "02_procedures.sql").read_text(encoding="utf-8")
    imported = set(re.findall(r"@PIPELINE_CODE/([\w.]+)", procedures))
    assert imported
    assert imported <= put


def imports_of(module: str) -> set[str]:
    """The pipeline's own modules that a module needs, by way of others too."""
    text = (PIPELINE / "python" / f"{module}.py").read_text(encoding="utf-8")
    direct = set(re.findall(r"^(?:import|from) (insurance_\w+)", text, re.MULTILINE))
    return direct.union(*map(imports_of, direct))


def test_a_procedure_imports_what_its_handler_needs() -> None:
    procedures = (PIPELINE / "sql" / "02_procedures.sql").read_text(encoding="utf-8")
    pieces = procedures.split("CREATE OR REPLACE PROCEDURE ")[1:]
    assert len(pieces) == 5
    for piece in pieces:
        (handler,) = re.findall(r"HANDLER = '(\w+)\.\w+'", piece)
        assert set(re.findall(r"@PIPELINE_CODE/(\w+)\.py", piece)) == {handler} | imports_of(handler)


@pytest.mark.parametrize(
    "name",
    [
        "SOURCE_OF_TRUTH",
        "INCOMING_DATA_SOURCE",
        "LANDING_TABLE",
        "STREAM_ON_LANDING",
        "INSURANCE_GOLD",
        "TRAIN_SAVE_INS_MODEL",
        "PREDICT_WRITE_TO_GOLD",
        "TRAIN_SAVE_TASK",
        "PREDICT_WRITE_TASK",
        "MODEL_TRACES",
        "MODEL_DECISIONS",
        "MODEL_DRIFT",
    ],
)
def test_every_object_keeps_its_name(name: str) -> None:
    created = "".join(path.read_text(encoding="utf-8") for path in sorted((PIPELINE / "sql").glob("0*.sql")))
    assert re.search(rf"CREATE\b[A-Z ]*\b{name}\b", created)
