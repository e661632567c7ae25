"""`snowmelt deploy`: run a pipeline's files, in the order of its manifest, through the genuine connector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error as ConnectorError

from snowmelt.base.settings import Settings
from snowmelt.cli import connection as connections
from snowmelt.cli.deploy_plan import Change, Effect, effects
from snowmelt.cli.embedded import running
from snowmelt.cli.manifest import Action, DeployError, actions_of
from snowmelt.cli.sqlfile import variables

_MARKS = {
    Change.ADDED: "[green]+[/]",
    Change.ALTERED: "[yellow]~[/]",
    Change.REPLACED: "[yellow]±[/]",
    Change.DROPPED: "[red]-[/]",
    Change.UNCHANGED: "[dim]=[/]",
    Change.RUN: "[dim]·[/]",
}


def run(
    connection: SnowflakeConnection, actions: Sequence[Action], progress: Callable[[Action], None] = lambda _: None
) -> None:
    """Run `actions` in order; `progress` hears of each before it runs.

    Raises:
        DeployError: a statement failed; those before it stay done, and running it all again is safe.
    """
    with connection.cursor() as cursor:
        for done, action in enumerate(actions):
            progress(action)
            try:
                cursor.execute(action.text)
            except ConnectorError as error:
                raise DeployError(
                    f"{action.place}: {action.title}\n{error.msg or error}\n"
                    f"{done} of {len(actions)} statements are done. Deploying again is safe, and completes the rest."
                ) from error


def deploy(
    path: Annotated[Path, typer.Argument(help="The pipeline's directory.", exists=True, file_okay=False)],
    show_plan: Annotated[bool, typer.Option("--plan", help="Say what would change, and do nothing.")] = False,
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
    console = Console(soft_wrap=True)
    target = connections.Target(host, port, user, password, data=data, named=named)
    try:
        actions = actions_of(path, variables(variable))
        with _reached(target, console) as reached, connections.open_connection(reached) as connection:
            if show_plan:
                show(console, list(effects(connection, actions)))
                return
            run(connection, actions, lambda action: console.print(f"[dim]{action.place}[/]  {action.title}"))
    except DeployError as error:
        Console(stderr=True, soft_wrap=True).print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error
    console.print(f"[green]{path} is deployed[/]: {len(actions)} statements")


def show(console: Console, planned: Sequence[Effect]) -> None:
    """Print a plan: one line for each object, then the sum of it."""
    for effect in planned:
        words = [effect.change.value, effect.kind, effect.name]
        line = f"{_MARKS[effect.change]} {' '.join(filter(None, words))}"
        line += f": {effect.detail}" if effect.detail else ""
        line += f"  [red]loses {effect.loses}[/]" if effect.loses else ""
        console.print(f"{line}  [dim]{effect.action.place}[/]", highlight=False)
    counts = Counter(effect.change for effect in planned)
    told = ", ".join(f"{counts[change]} {change.value}" for change in Change if counts[change])
    losses = sum(bool(effect.loses) for effect in planned)
    ending = f"[red]{losses} of them lose something[/]" if losses else "nothing is lost"
    console.print(f"Plan: {told}; {ending}. Nothing has been done.", highlight=False)


@contextmanager
def _reached(target: connections.Target, console: Console) -> Iterator[connections.Target]:
    """The target itself when somebody listens there; otherwise a server of its own on the data directory."""
    if target.named or target.host not in ("127.0.0.1", "localhost") or connections.listens(target.host, target.port):
        yield target
        return
    settings = Settings(data=target.data, port=0, user=target.user, password=target.password)
    with running(settings) as address:
        console.print(f"[dim]Nothing listens on port {target.port}: this command opens {target.data} itself[/]")
        yield connections.Target(address.host, address.port, address.user, address.password)
