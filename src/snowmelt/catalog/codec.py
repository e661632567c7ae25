"""Catalog objects to JSON text and back, for keeping them in storage.

Every dataclass and enum is tagged with its class name, so that a document says what it is. Sequences come back as
tuples, since catalog objects are frozen.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from enum import Enum
from typing import Any

from snowmelt.base import datatypes
from snowmelt.catalog import names, objects

_CLASSES: dict[str, type] = {
    cls.__name__: cls
    for module in (datatypes, names, objects)
    for cls in vars(module).values()
    if isinstance(cls, type) and (dataclasses.is_dataclass(cls) or issubclass(cls, Enum))
}


def _pack(value: Any) -> Any:
    if isinstance(value, Enum):
        return {"$enum": type(value).__name__, "value": value.value}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _pack(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"$class": type(value).__name__, **fields}
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, (list, tuple)):
        return [_pack(item) for item in value]
    if isinstance(value, dict):
        return {"$dict": {key: _pack(item) for key, item in value.items()}}
    return value


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_unpack(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "$dict" in value:
        return {key: _unpack(item) for key, item in value["$dict"].items()}
    if "$time" in value:
        return datetime.fromisoformat(value["$time"])
    if "$enum" in value:
        return _CLASSES[value["$enum"]](value["value"])
    cls = _CLASSES[value["$class"]]
    return cls(**{key: _unpack(item) for key, item in value.items() if key != "$class"})


def encode(item: Any) -> str:
    """A catalog object as JSON text."""
    return json.dumps(_pack(item), ensure_ascii=False)


def decode(text: str) -> Any:
    """The catalog object that `encode` wrote.

    Raises:
        KeyError: the document names a class that this version does not know.
    """
    return _unpack(json.loads(text))
