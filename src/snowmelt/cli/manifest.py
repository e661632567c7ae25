"""A pipeline's manifest: which statements a deployment runs, in which order, with which values."""

from __future__ import annotations

import tomllib
from collections import UserDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snowmelt.cli.sqlfile import render, statements


class DeployError(Exception):
    """A deployment that cannot go on; the text names the file, the line and the statement."""


@dataclass(frozen=True)
class Action:
    """One statement of a deployment.

    Attributes:
        source: the file it comes from, relative to the pipeline.
        line: its line there; 0 when the manifest asked for it.
        files: the local files of a PUT.
        target: the stage that a PUT puts them on.
        keeps: a PUT that leaves a file of the same name on the stage as it is.
    """

    text: str
    source: str
    line: int
    files: tuple[Path, ...] = ()
    target: str = ""
    keeps: bool = False

    @property
    def place(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source

    @property
    def title(self) -> str:
        """The statement's first line."""
        return self.text.strip().splitlines()[0]


def actions_of(pipeline: Path, overrides: Mapping[str, str] | None = None) -> list[Action]:
    """Read a pipeline's manifest and files and say what a deployment would run, without running anything.

    Args:
        pipeline: the directory that holds ``manifest.toml``.
        overrides: values that take the place of the manifest's variables.

    Raises:
        DeployError: the manifest or a file that it names is missing or wrong, or nothing uses an override.
    """
    manifest = _read_manifest(pipeline)
    variables = _Variables({**manifest.get("variables", {}), **(overrides or {})})
    actions: list[Action] = []
    for step in manifest.get("step", []):
        try:
            actions.extend(_step(pipeline, step, variables))
        except KeyError as missing:
            raise DeployError(f"{pipeline / 'manifest.toml'}: nothing gives a value to {missing}") from missing
    if not actions:
        raise DeployError(f"{pipeline / 'manifest.toml'}: there is no [[step]] to run")
    if useless := sorted(set(overrides or {}) - variables.used):
        used = ", ".join(sorted(variables.used)) or "none"
        raise DeployError(f"{pipeline}: nothing uses the variable {', '.join(useless)}; those in use are {used}")
    return actions


class _Variables(UserDict[str, str]):
    """Values by name.

    Attributes:
        used: the names that have been asked for.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.used: set[str] = set()
        super().__init__(values)

    def __getitem__(self, name: str) -> str:
        self.used.add(name)
        return super().__getitem__(name)


def _read_manifest(pipeline: Path) -> dict[str, Any]:
    path = pipeline / "manifest.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DeployError(f"{path} does not exist; a pipeline is a directory with a manifest.toml") from error
    except tomllib.TOMLDecodeError as error:
        raise DeployError(f"{path}: {error}") from error


def _step(pipeline: Path, step: Mapping[str, Any], variables: Mapping[str, str]) -> Iterator[Action]:
    match dict(step):
        case {"sql": name}:
            path = pipeline / name
            if not path.is_file():
                raise DeployError(f"{path} does not exist, but the manifest names it")
            for statement in statements(render(path.read_text(encoding="utf-8"), variables)):
                yield Action(statement.text, name, statement.line)
        case {"put": pattern, "stage": stage}:
            found = tuple(sorted(pipeline.glob(pattern)))
            if not found:
                raise DeployError(f"no file matches {pipeline / pattern}, but the manifest names it")
            files = (pipeline.resolve() / pattern).as_posix().replace("'", "\\'")
            target = render(stage, variables)
            overwrite = "TRUE" if step.get("overwrite", True) else "FALSE"
            text = f"PUT 'file://{files}' {target} AUTO_COMPRESS = FALSE OVERWRITE = {overwrite}"
            yield Action(text, pattern, 0, found, target, overwrite == "FALSE")
        case other:
            raise DeployError(f"{pipeline / 'manifest.toml'}: a step is `sql` or `put` with `stage`, not {other}")
