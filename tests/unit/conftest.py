"""Fixtures that several unit tests share."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

_PIPELINE_PYTHON = Path(__file__).parents[2] / "pipelines" / "insurance" / "python"


class InsuranceModules:
    """The flagship's Python files, imported as the procedures import them: `insurance.train` and so on."""

    def __getattr__(self, name: str) -> ModuleType:
        return importlib.import_module(f"insurance_{name}")


@pytest.fixture(scope="session")
def insurance() -> InsuranceModules:
    """The insurance pipeline's modules; a test that uses one whose packages are missing is skipped."""
    pytest.importorskip("snowflake.snowpark")
    if str(_PIPELINE_PYTHON) not in sys.path:
        sys.path.insert(0, str(_PIPELINE_PYTHON))
    return InsuranceModules()
