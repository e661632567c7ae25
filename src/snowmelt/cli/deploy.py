"""`snowmelt deploy`: run a pipeline's files, in the order of its manifest, through the genuine connector."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error as ConnectorError

from snowmelt.cli import connection as connections
from snowmelt.cli.sqlfile import render, statements


class DeployError(Exception):
    """A deployment that cannot go on; the text names the file, the line and the statement."""


@dataclass(frozen=True)
class Action:
    """One statement of a deployment.

    Attributes:
        source: the file it comes from, relative to the pipeline.
        line: its line there; 0 when the manifest asked for it.
    """

    text: str
    source: str
    line: int

    @property
    def place(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source

    @property
    def title(self) -> str:
        """The statement's first line."""
        return self.text.strip().splitlines()[0]


def plan(pipeline: Path, overrides: Mapping[str, str] | None = None) -> list[Action]:
    """Read a pipeline's manifest and files and say what a deployment would run, without running anything.

    Args:
        pipeline: the directory that holds ``manifest.toml``.
        overrides: values that take the place of the manifest's variables.

    Raises:
        DeployError: the manifest or a file that it names is missing or wrong.
    """
    manifest = _read_manifest(pipeline)
    variables = {**manifest.get("variables", {}), **(overrides or {})}
    actions: list[Action] = []
    for step in manifest.get("step", []):
        try:
            actions.extend(_step(pipeline, step, variables))
        except KeyError as missing:
            raise DeployError(f"{pipeline / 'manifest.toml'}: nothing gives a value to {missing}") from missing
    if not actions:
        raise DeployError(f"{pipeline / 'manifest.toml'}: there is no [[step]] to run")
    return actions


def _read_manifest(pipeline: Path) -> dict[str, Any]:
    path = pipeline / "manifest.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DeployError(f"{path} does not exist; a pipeline is a directory with a manifest.toml") from error
    except tomllib.TOMLDecodeError as error:
        raise DeployError(f"{path}: {error}") from error


def _step(pipeline: Path, step: Mapping[str, str], variables: Mapping[str, str]) -> Iterator[Action]:
    match dict(step):
        case {"sql": name}:
            path = pipeline / name
            if not path.is_file():
                raise DeployError(f"{path} does not exist, but the manifest names it")
            for statement in statements(render(path.read_text(encoding="utf-8"), variables)):
                yield Action(statement.text, name, statement.line)
        case {"put": pattern, "stage": stage}:
            if not list(pipeline.glob(pattern)):
                raise DeployError(f"no file matches {pipeline / pattern}, but the manifest names it")
            files = (pipeline.resolve() / pattern).as_posix().replace("'", "\\'")
            target = render(stage, variables)
            yield Action(f"PUT 'file://{files}' {target} AUTO_COMPRESS = FALSE OVERWRITE = TRUE", pattern, 0)
        case other:
            raise DeployError(f"{pipeline / 'manifest.toml'}: a step is `sql` or `put` with `stage`, not {other}")


def run(
    connection: SnowflakeConnection, actions: list[Action], progress: Callable[[Action], None] = lambda _: None
) -> None:
    """Run `actions` in order; `progress` hears of each before it runs.

    Raises:
        DeployError: a statement failed; those before it stay done, and running it all again is safe.
    """
    with connection.cursor() as cursor:
        for action in actions:
            progress(action)
            try:
                cursor.execute(action.text)
            except ConnectorError as error:
                raise DeployError(f"{action.place}: {action.title}\n{error.msg or error}") from error


def deploy(
    path: Annotated[Path, typer.Argument(help="The pipeline's directory.", exists=True, file_okay=False)],
    variable: Annotated[
        list[str] | None, typer.Option(help="name=value in place of the manifest's; may be repeated.")
    ] = None,
    host: connections.Host = connections.DEFAULT_HOST,
    port: connections.Port = connections.DEFAULT_PORT,
    user: connections.User = connections.DEFAULT_USER,
    password: connections.Password = None,
    data: connections.Data = connections.DEFAULT_DATA,
    named: connections.Named = None,
) -> None:
    """Run a pipeline's SQL files and upload its Python files, in the order of its manifest.toml."""
    console = Console()
    target = connections.Target(host, port, user, password, data=data, named=named)
    try:
        actions = plan(path, _overrides(variable or []))
        with connections.open_connection(target) as connection:
            run(connection, actions, lambda action: console.print(f"[dim]{action.place}[/]  {action.title}"))
    except DeployError as error:
        Console(stderr=True).print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error
    console.print(f"[green]{path} is deployed[/]: {len(actions)} statements")


def _overrides(pairs: list[str]) -> dict[str, str]:
    overrides = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"--variable {pair}: write name=value")
        overrides[name] = value
    return overrides
