"""Model versions' files, and their methods applied to Arrow tables.

Source: docs.snowflake.com/en/developer-guide/snowflake-ml/model-registry/overview
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Protocol

from snowmelt.base.datatypes import parse_type
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.result import arrow_type
from snowmelt.catalog.objects import Model, ModelVersion
from snowmelt.models.artefacts import find_function, output_struct, read_artefacts


class Methods(Protocol):
    """Runs the Python code of models' methods; the session room provides it."""

    def apply(
        self,
        key: str,
        files: Sequence[Path],
        handler: str,
        result: pa.StructType,
        rows: pa.Table,
        cancel: Event | None = None,
    ) -> pa.Array:
        """The struct of results for each row.

        Args:
            key: identifies the method; its model stays loaded under it.
            files: what the code finds in its import directory.
            handler: ``module.function`` in it.
            cancel: ends the work when it is set.
        """
        ...

    def forget(self, prefix: str) -> None:
        """Unload the methods whose keys begin so."""
        ...


class Inference:
    """The registry's files and what is run from them.

    Args:
        root: the directory that holds one directory per version: the stages' root, so that clients can list and
            get a version's files like those of a stage.
    """

    def __init__(self, root: Path, methods: Methods) -> None:
        self._root = root
        self._methods = methods

    def adopt(self, model_id: int, name: str, files: Mapping[str, Path], now: datetime) -> ModelVersion:
        """A new version of copies of `files`, by their paths relative to the version's directory.

        Raises:
            SqlError: the files are no model.
        """
        relative = f"{_prefix(model_id)}{uuid.uuid4().hex}"
        directory = self._root / relative
        try:
            for path, source in files.items():
                _copy(source, directory, path)
            found = read_artefacts(directory)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return ModelVersion(name, now, relative, functions=found.functions, user_data=found.user_data, spec=found.spec)

    def directory(self, version: ModelVersion) -> Path:
        """Where a version's files are."""
        return self._root / version.directory

    def discard(self, version: ModelVersion) -> None:
        """Remove the files of a version that is no longer part of its model."""
        self._methods.forget(version.directory)
        shutil.rmtree(self.directory(version), ignore_errors=True)

    def forget(self, model: Model) -> None:
        """Remove all files of a dropped model."""
        prefix = _prefix(model.id)
        self._methods.forget(prefix)
        for directory in self._root.glob(f"{prefix}*"):
            shutil.rmtree(directory, ignore_errors=True)

    def output_type(self, model: Model, version: ModelVersion, method: str) -> str:
        """The engine's type of a method's result.

        Raises:
            SqlError: the version has no such method.
        """
        return output_struct(find_function(model, version, method))

    def apply(
        self, model: Model, version: ModelVersion, method: str, rows: pa.Table, cancel: Event | None = None
    ) -> pa.Array:
        """The struct of a method's outputs for each row of `rows`, whose columns are its arguments in order.

        Raises:
            SqlError: no such method, the wrong number of arguments, the model's code raised, or `cancel` was set.
        """
        function = find_function(model, version, method)
        # Refuses what has no struct for a result, as describing the query does.
        output_struct(function)
        if function["wide"]:
            raise unsupported(f"model method {method}: one with packed inputs")
        inputs = [*function["inputs"], *function["params"]]
        if len(inputs) != rows.num_columns:
            raise SqlError(
                f"SQL compilation error:\nInvalid argument types for function '{model.name}!{method}': "
                f"it takes {len(inputs)} arguments, {rows.num_columns} were given.",
                1044,
                "42P13",
            )
        result = pa.struct([pa.field(name, arrow_type(parse_type(text))) for name, text in function["outputs"]])
        if rows.num_rows == 0:
            # A function is called for rows, and models refuse empty frames.
            return pa.array([], result)
        key = f"{version.directory}:{function['name']}"
        named = rows.rename_columns([str(i) for i in range(rows.num_columns)])
        files = sorted(self.directory(version).iterdir())
        return self._methods.apply(key, files, function["handler"], result, named, cancel)


def _prefix(model_id: int) -> str:
    """What the names of the directories of a model's versions begin with."""
    return f"model-{model_id}-"


def _copy(source: Path, directory: Path, relative: str) -> None:
    """Copy a file to its place below `directory`.

    Raises:
        SqlError: the path leads out of the directory.
    """
    parts = PurePosixPath(relative).parts
    if not parts or ".." in parts or PurePosixPath(relative).is_absolute():
        raise SqlError(f"SQL compilation error:\ninvalid path '{relative}' in the model's files", 1003)
    target = directory.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
