"""Models: versions, metrics, which one serves, and letting another one serve."""

from __future__ import annotations

import json
from typing import Any

from snowmelt.catalog.names import FullName, display
from snowmelt.console import surfaces
from snowmelt.console.page import Button, NotThere, Visit, full_name
from snowmelt.console.reader import Grid, Row

SHOWN_DECISIONS = 20
SHOWN_CHARTS = 3

SETS, RECORDS = "sets_default_version_of", "records_in"
"""Keys of a procedure's COMMENT, which is then JSON: the model whose default version the procedure sets when it is
called with a version's name, and the table in which it keeps a record of that."""


def models(visit: Visit) -> dict[str, Any]:
    """All models, with the version that serves."""
    rows = surfaces.models(visit.reader)
    return {"models": [{**row, "versions": surfaces.parsed(row["versions"], [])} for row in rows]}


def model(visit: Visit) -> dict[str, Any]:
    """One model: its versions with their metrics, and the statement that lets each of them serve."""
    name = visit.full_name()
    if all(full_name(row) != name for row in surfaces.models(visit.reader)):
        raise NotThere(f"There is no model {name}.")
    versions = [_version(row) for row in surfaces.versions(visit.reader, name)]
    found = _setter(visit, name)
    setter, records = found or (None, None)
    for version in versions:
        version["button"] = None if version["serves"] else _button(name, version["name"], setter)
    return {
        "name": name,
        "versions": versions,
        "metrics": _figures(versions),
        "charts": [_chart(metric, versions) for metric in _figures(versions)[:SHOWN_CHARTS]] if versions[1:] else [],
        "setter": setter,
        "records": records,
        "decisions": None if records is None else _decisions(visit, records),
    }


def _version(row: Row) -> dict[str, Any]:
    """A version with its metrics; counts, texts and what is no single figure are apart from those that measure it."""
    metadata = surfaces.parsed(row["metadata"], {})
    metrics = metadata.get("metrics")
    known = metrics if isinstance(metrics, dict) else {}
    figures = {key: value for key, value in known.items() if _is_figure(value)}
    return {
        "name": row["name"],
        "aliases": [alias for alias in surfaces.parsed(row["aliases"], []) if alias != "DEFAULT"],
        "serves": row["is_default_version"] == "true",
        "created_on": row["created_on"],
        "comment": row["comment"],
        "functions": surfaces.parsed(row["functions"], []),
        "figures": figures,
        "facts": {key: value for key, value in known.items() if key not in figures},
    }


def _is_figure(value: object) -> bool:
    return isinstance(value, float)


def _figures(versions: list[dict[str, Any]]) -> list[str]:
    """The metrics that are numbers, in the order in which versions have them."""
    return list(dict.fromkeys(key for version in versions for key in version["figures"]))


def _chart(metric: str, versions: list[dict[str, Any]]) -> tuple[str, str]:
    """A metric's chart over the versions, as JSON for the script."""
    series = [{"label": metric, "values": [version["figures"].get(metric) for version in versions]}]
    chart = {"x": list(range(len(versions))), "names": [each["name"] for each in versions], "series": series}
    return metric, json.dumps(chart)


def _button(model_name: FullName, version: str, setter: FullName | None) -> Button:
    """What lets a version serve: the model's own procedure, which keeps a record, or the plain statement."""
    if setter is not None:
        literal = version.replace("\\", "\\\\").replace("'", "''")
        return Button(f"Let {version} serve", f"CALL {setter}('{literal}')")
    return Button(f"Make {version} the default", f"ALTER MODEL {model_name} SET DEFAULT_VERSION = {display(version)}")


def _setter(visit: Visit, model_name: FullName) -> tuple[FullName, FullName | None] | None:
    """The procedure that says in its COMMENT that it sets this model's default version, and the table of its records.

    It must take one argument, the version's name; names in the comment are seen from the procedure's schema.
    """
    for row in surfaces.procedures(visit.reader):
        said = surfaces.parsed(row["description"], {})
        if not isinstance(said.get(SETS), str) or not row["min_num_arguments"] <= 1 <= row["max_num_arguments"]:
            continue
        procedure = FullName(row["catalog_name"], row["schema_name"], row["name"])
        if surfaces.name_from(said[SETS], procedure) == model_name:
            records = said.get(RECORDS)
            return procedure, surfaces.name_from(records, procedure) if isinstance(records, str) else None
    return None


def _decisions(visit: Visit, table: FullName) -> Grid | None:
    """The last rows of a table of records, by its first column of timestamps; None when there is no such table."""
    if all(full_name(row) != table for row in surfaces.relations(visit.reader)):
        return None
    columns = visit.reader.rows(f"DESCRIBE TABLE {table}")
    moment = next((display(row["name"]) for row in columns if row["type"].startswith("TIMESTAMP")), None)
    order = f"ORDER BY {moment} DESC NULLS LAST" if moment else ""
    return visit.reader.grid(f"SELECT * FROM {table} {order} LIMIT {SHOWN_DECISIONS}", SHOWN_DECISIONS)
