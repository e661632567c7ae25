"""`snowmelt console`: a link to the web console that logs in, once."""

from __future__ import annotations

import http.client
import json

import typer

from snowmelt.cli import connection as connections


def console(
    host: connections.Host = connections.DEFAULT_HOST,
    port: connections.Port = connections.DEFAULT_PORT,
    user: connections.User = connections.DEFAULT_USER,
    password: connections.Password = None,
    data: connections.Data = connections.DEFAULT_DATA,
) -> None:
    """Print a link to the web console that logs you in: once, and within two minutes."""
    target = connections.Target(host, port, user, password, data=data)
    typer.echo(login_link(target))


def login_link(target: connections.Target) -> str:
    """A link that logs in once, from the server at `target`.

    Raises:
        typer.BadParameter: there is no password, it is wrong, or no Snowmelt listens there.
    """
    given = {"user": target.user, "password": target.password or connections.kept_password(target.data)}
    name = f"[{target.host}]" if ":" in target.host else target.host
    server = http.client.HTTPConnection(target.host, target.port, timeout=30)
    try:
        server.request("POST", "/console/link", json.dumps(given), {"Content-Type": "application/json"})
        answer = server.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise typer.BadParameter(
            f"no Snowmelt answers at {name}:{target.port} ({error}): `snowmelt serve` starts one"
        ) from error
    finally:
        server.close()
    if answer.status == 401:
        raise typer.BadParameter(str(json.loads(body)["message"]))
    if answer.status != 200:
        raise typer.BadParameter(f"what listens at {name}:{target.port} has no console (status {answer.status})")
    return f"http://{name}:{target.port}{json.loads(body)['path']}"
