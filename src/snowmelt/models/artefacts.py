"""What a model version's directory says of itself: its methods, its signatures and what SHOW tells of them.

A version's directory holds ``MANIFEST.yml`` (the SQL face: methods, handlers, argument types), ``functions/`` (the
generated handlers) and, under a runtime's import directory, ``model.yaml`` (the Python face: signatures with the names
and types of a method's outputs, which the manifest packs into one OBJECT). Both files are read as data only.

A method is described by a dict that can be kept as JSON:

- ``name``: the method's SQL identifier, stored form (``PREDICT``); ``target``: the Python method (``predict``)
- ``type``: ``FUNCTION`` or ``TABLE_FUNCTION``; ``partitioned``: a table function that needs PARTITION BY
- ``handler``: such as ``functions.predict.infer``; ``runtime``: the runtime's name; ``python``: its version
- ``imports``: directories, relative to the version's, that the handler finds in its import directory
- ``inputs``: pairs (SQL name, SQL type); ``params``: triples (SQL name, SQL type, default as SQL text)
- ``wide``: the inputs come packed in one OBJECT, since there are more of them than a function can have
- ``features``: pairs (name, dtype of the signature such as ``DOUBLE``) of the inputs as the Python method names them
- ``returns``: the SQL type of the result; ``OBJECT`` when the outputs are packed, ``TABLE`` for table functions
- ``outputs``: pairs (name, SQL type) of the outputs; empty when nothing names them

Source: docs.snowflake.com/en/developer-guide/snowflake-ml/model-registry/overview and the files that
snowflake-ml-python writes
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from snowmelt.base.datatypes import NUMBER, TIMESTAMP_LTZ, VARCHAR, DataType, Kind, parse_type
from snowmelt.base.errors import SqlError, unknown_function, unsupported
from snowmelt.catalog.names import display, quote
from snowmelt.catalog.objects import Model, ModelVersion
from snowmelt.models.versions import SYSTEM_ALIASES, aliases_of, resolve_version

MANIFEST = "MANIFEST.yml"
SPEC = "model.yaml"

Shown = tuple[list[tuple[str, DataType]], list[tuple[Any, ...]]]

_DTYPES = {
    "INT8": "BYTEINT",
    "INT16": "SMALLINT",
    "INT32": "INT",
    "INT64": "BIGINT",
    "UINT8": "BYTEINT",
    "UINT16": "SMALLINT",
    "UINT32": "INT",
    "UINT64": "BIGINT",
    "FLOAT": "FLOAT",
    "DOUBLE": "DOUBLE",
    "BOOL": "BOOLEAN",
    "STRING": "STRING",
    "BYTES": "BINARY",
    "TIMESTAMP_NTZ": "TIMESTAMP_NTZ",
    "OBJECT": "OBJECT",
}
"""SQL types of the element types that signatures name."""


@dataclass(frozen=True)
class Artefacts:
    """What a version's directory says: the fields of a `ModelVersion` that come from it."""

    functions: tuple[dict[str, Any], ...]
    user_data: dict[str, Any]
    spec: str


# --- reading ---------------------------------------------------------------------------------------------------------


def read_artefacts(directory: Path) -> Artefacts:
    """Read the manifest and the signatures in a version's directory.

    Raises:
        SqlError: 001008 when the manifest is missing, or it or ``model.yaml`` is ill-formed.
    """
    manifest = _load(directory, MANIFEST)
    runtimes = _mapping(manifest.get("runtimes"), "runtimes")
    methods = _items(manifest, "methods")
    if not methods:
        raise _invalid("it has no methods")
    spec_path = _spec_path(directory, runtimes)
    spec = _load(directory, spec_path) if spec_path else {}
    signatures = _mapping(spec.get("signatures") or {}, "signatures", SPEC)
    properties = _mapping(spec.get("function_properties") or {}, "function_properties", SPEC)
    functions = tuple(_method(_mapping(item, "a method"), runtimes, signatures, properties) for item in methods)
    names = [function["name"] for function in functions]
    if len(set(names)) < len(names):
        raise _invalid(f"method names are not unique: {', '.join(names)}")
    user_data = _mapping(manifest.get("user_data") or {}, "user_data")
    platforms = _items(manifest, "target_platforms") or ["WAREHOUSE"]
    text = (directory / spec_path).read_text(encoding="utf-8") if spec_path else ""
    # YAML has dates and keys that are no text; SHOW VERSIONS gives the data as JSON.
    user_data = json.loads(json.dumps(user_data, default=str))
    return Artefacts(functions if "WAREHOUSE" in platforms else (), user_data, text)


def _load(directory: Path, name: str) -> dict[str, Any]:
    import yaml

    path = directory / name
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _invalid("the file is missing", name) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _invalid(f"not well-formed YAML: {error}", name) from error
    return _mapping(loaded, "the document", name)


def _mapping(value: Any, what: str, name: str = MANIFEST) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(f"{what} should be a mapping, found {type(value).__name__}", name)
    return value


def _items(mapping: dict[str, Any], key: str, name: str = MANIFEST) -> list[Any]:
    """The list under a key, empty when there is none."""
    value = mapping.get(key)
    if value is not None and not isinstance(value, list):
        raise _invalid(f"{key} should be a list, found {type(value).__name__}", name)
    return value or []


def _invalid(reason: str, name: str = MANIFEST) -> SqlError:
    return SqlError(f"SQL compilation error:\nInvalid model file {name}: {reason}.", 1008, "22023")


def _spec_path(directory: Path, runtimes: dict[str, Any]) -> str | None:
    """Where ``model.yaml`` is: in the first directory a runtime imports that has one."""
    for runtime in runtimes.values():
        for place in _imports(_mapping(runtime, "runtimes")):
            path = f"{place}/{SPEC}"
            if (directory / path).is_file():
                return path
    return None


def _imports(runtime: dict[str, Any]) -> tuple[str, ...]:
    return tuple(_inside(str(item)) for item in _items(runtime, "imports"))


def _inside(text: str) -> str:
    """A relative path in a manifest, seen not to lead out of the version's directory."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise _invalid(f"'{text}' is not a path inside the model")
    return str(path)


def _method(
    method: dict[str, Any], runtimes: dict[str, Any], signatures: dict[str, Any], properties: dict[str, Any]
) -> dict[str, Any]:
    name, handler, runtime_name = (_text(method, key) for key in ("name", "handler", "runtime"))
    runtime = _mapping(runtimes.get(runtime_name), f"runtime '{runtime_name}' of method {name}")
    target = handler.split(".")[-2] if "." in handler else handler
    signature = _mapping(signatures.get(target) or {}, f"the signature of {target}", SPEC)
    features = [_feature(item) for item in _items(signature, "inputs", SPEC)]
    inputs = tuple(_field(item) for item in _items(method, "inputs"))
    is_table = str(method.get("type", "FUNCTION")).upper() == "TABLE_FUNCTION"
    return {
        "name": name,
        "target": target,
        "type": "TABLE_FUNCTION" if is_table else "FUNCTION",
        "partitioned": is_table and _is_partitioned(properties.get(target) or {}),
        "handler": handler,
        "runtime": runtime_name,
        "python": str(runtime.get("version", "")),
        "imports": _imports(runtime),
        "inputs": inputs,
        "params": tuple((*_field(item), str(item.get("default"))) for item in _items(method, "params")),
        "wide": inputs == (("INPUT", "OBJECT"),) and len(features) > 1,
        "features": tuple((feature, dtype) for feature, dtype, _ in features),
        "returns": "TABLE" if is_table else _returned(method),
        "outputs": _outputs(method, signature, is_table),
    }


def _is_partitioned(properties: Any) -> bool:
    return bool(_mapping(properties, "the properties of a function", SPEC).get("PARTITIONED", False))


def _returned(method: dict[str, Any]) -> str:
    """The declared type of a function's result."""
    outputs = _items(method, "outputs")
    return str(_mapping(outputs[0], "an output").get("type", "OBJECT")).upper() if outputs else "OBJECT"


def _outputs(method: dict[str, Any], signature: dict[str, Any], is_table: bool) -> tuple[tuple[str, str], ...]:
    """Names and SQL types of the outputs: a table function's own, a function's by its signature."""
    if is_table:
        return tuple(_field(item) for item in _items(method, "outputs"))
    features = (_feature(item) for item in _items(signature, "outputs", SPEC))
    return tuple((name, sql_type) for name, _, sql_type in features)


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise _invalid(f"a method or an argument has no '{key}'")
    return value


def _field(item: Any) -> tuple[str, str]:
    """The SQL name and type of an argument or output."""
    field = _mapping(item, "an argument")
    return _text(field, "name"), _text(field, "type")


def _feature(item: Any) -> tuple[str, str, str]:
    """A feature of a signature: its name, element type (``OBJECT`` for a group) and SQL type."""
    feature = _mapping(item, "a feature", SPEC)
    dtype = "OBJECT" if "specs" in feature else str(feature.get("type"))
    sql_type = "ARRAY" if feature.get("shape") else _DTYPES.get(dtype)
    if sql_type is None:
        raise _invalid(f"a feature has the unknown type '{dtype}'", SPEC)
    return str(feature.get("name")), dtype, sql_type


# --- methods ---------------------------------------------------------------------------------------------------------


def find_function(model: Model, version: ModelVersion, method: str) -> dict[str, Any]:
    """The description of a version's method, given the stored form of its name.

    Raises:
        SqlError: 002140 when the version has no such method.
    """
    for function in version.functions:
        if function["name"] == method:
            return function
    raise unknown_function(f"{model.full_name}!{display(method)} (version {display(version.name)})")


def output_struct(function: dict[str, Any]) -> str:
    """The engine's type for a method's result, such as ``STRUCT("output_feature_0" DOUBLE)``.

    Raises:
        SqlError: 000002 for table functions and for results that are not an object with named fields.
    """
    name = display(function["name"])
    if function["type"] != "FUNCTION":
        kind = "partitioned table function" if function["partitioned"] else "table function"
        raise unsupported(f"model method {name}: a {kind}")
    if function["returns"] != "OBJECT" or not function["outputs"]:
        raise unsupported(f"model method {name}: a result that is not an object with named fields")
    fields = ", ".join(f"{quote(field)} {parse_type(sql_type).duckdb}" for field, sql_type in function["outputs"])
    return f"STRUCT({fields})"


# --- SHOW ------------------------------------------------------------------------------------------------------------


def _columns(text: str, **types: DataType) -> list[tuple[str, DataType]]:
    known = {"created_on": TIMESTAMP_LTZ, **types}
    return [(name, known.get(name, VARCHAR)) for name in text.split()]


def show_models(models: list[Model]) -> Shown:
    """SHOW MODELS: columns and rows.

    Source: docs.snowflake.com/en/sql-reference/sql/show-models
    """
    rows = [
        (
            model.created_on,
            model.name,
            "USER_MODEL",
            model.full_name.database,
            model.full_name.schema,
            model.owner,
            model.comment,
            json.dumps([version.name for version in model.versions]),
            model.default_version,
            json.dumps(_aliases(model)),
        )
        for model in models
    ]
    return _columns(
        "created_on name model_type database_name schema_name owner comment versions default_version_name aliases"
    ), rows


def _aliases(model: Model) -> dict[str, str]:
    found = {alias: resolve_version(model, alias).name for alias in SYSTEM_ALIASES}
    return found | {alias: version.name for version in model.versions for alias in version.aliases}


def show_versions(model: Model) -> Shown:
    """SHOW VERSIONS IN MODEL: columns and rows, those that only the registry client asks for included.

    Source: docs.snowflake.com/en/sql-reference/sql/show-versions-in-model
    """
    rows = [
        (
            version.created_on,
            version.name,
            json.dumps(aliases_of(model, version)),
            version.comment,
            model.full_name.database,
            model.full_name.schema,
            model.name,
            "true" if version.name == model.default_version else "false",
            json.dumps([function["name"] for function in version.functions]),
            version.metadata or "{}",
            json.dumps(version.user_data),
            json.dumps(_attributes(version.spec)),
            json.dumps(["WAREHOUSE" if version.functions else "SNOWPARK_CONTAINER_SERVICES"]),
            "[]",
            version.spec,
        )
        for version in model.versions
    ]
    return _columns(
        "created_on name aliases comment database_name schema_name model_name is_default_version functions metadata "
        "user_data model_attributes runnable_in inference_services model_spec"
    ), rows


@lru_cache(maxsize=256)
def _attributes(spec: str) -> dict[str, Any]:
    """What SHOW VERSIONS tells of a model's kind, from the text of its ``model.yaml``."""
    import yaml

    loaded = yaml.safe_load(spec) if spec else None
    if not isinstance(loaded, dict):
        return {}
    client = (loaded.get("env") or {}).get("snowpark_ml_version", "")
    return {
        "framework": loaded.get("model_type", ""),
        "task": loaded.get("task", "UNKNOWN"),
        "client": f"snowflake-ml-python {client}".strip(),
    }


def show_functions(model: Model, version: ModelVersion) -> Shown:
    """SHOW FUNCTIONS IN MODEL: columns and rows.

    Source: docs.snowflake.com/en/sql-reference/sql/show-functions-in-model
    """
    rows = [
        (
            version.created_on,
            function["name"],
            version.name,
            len(function["inputs"]),
            len(function["inputs"]) + len(function["params"]),
            json.dumps([_argument(name, sql_type) for name, sql_type, *_ in _arguments(function)]),
            _return_type(function),
            "user-defined function",
            "PYTHON",
        )
        for function in version.functions
    ]
    return _columns(
        "created_on name version_name min_num_arguments max_num_arguments arguments return_type description language",
        min_num_arguments=NUMBER,
        max_num_arguments=NUMBER,
    ), rows


def _arguments(function: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    return (*function["inputs"], *function["params"])


def _argument(name: str, sql_type: str) -> dict[str, str]:
    return {"name": name, "type": _shown_type(sql_type)}


def _return_type(function: dict[str, Any]) -> str:
    """The type of a method's result; the registry client takes one with the word TABLE for a table function."""
    if function["returns"] != "TABLE":
        return _shown_type(function["returns"])
    return f"TABLE ({', '.join(f'{display(name)} {_shown_type(sql_type)}' for name, sql_type in function['outputs'])})"


def _shown_type(sql_type: str) -> str:
    """A type without length or precision, as signatures are shown; one that Snowmelt does not have stays as it is."""
    try:
        kind = parse_type(sql_type).kind
    except SqlError:
        return sql_type
    if kind is Kind.VECTOR:
        return sql_type
    return {Kind.FIXED: "NUMBER", Kind.REAL: "FLOAT", Kind.TEXT: "VARCHAR"}.get(kind, kind.value)
