"""Functions of VARIANT, OBJECT and ARRAY, which are JSON in the engine, and what a VARIANT beside another type means.

Source: docs.snowflake.com/en/sql-reference/functions-semistructured
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from snowmelt.base.datatypes import ARRAY, OBJECT, SEMI_STRUCTURED, TIMES, VARIANT, DataType, Kind
from snowmelt.base.errors import SqlError, unsupported, wrong_arguments
from snowmelt.catalog.names import logical_name
from snowmelt.sql.rewrite.context import TYPE, engine_call, raw
from snowmelt.sql.typing import type_of
from snowmelt.sql.typing.annotate import STAR

Maker = Callable[[exp.Expr], exp.Expr]


def as_json(node: exp.Expr, *, scaled: bool = False) -> exp.Expr:
    """A value as JSON, with the mark of its type where JSON has no word for that (see marks.sql of storage).

    `scaled` is for values of structured types, whose type is known beside them: they have no marks, and numbers keep
    all digits of their scale.
    """
    found = type_of(node)
    if found is not None and found.kind in SEMI_STRUCTURED:
        return node.copy()
    return engine_call(_writer(found, scaled), node.copy(), data_type=VARIANT)


def _writer(found: DataType | None, scaled: bool) -> str:
    """What the engine's function to JSON is called for a type."""
    if found is None:
        return "to_json"
    if found.kind is Kind.FIXED and not (scaled and found.scale):
        return "snowmelt_decimal_json" if found.scale else "snowmelt_whole_json"
    if scaled:
        return "to_json"
    if found.kind is Kind.VECTOR and found.element is Kind.REAL:
        return "snowmelt_vector_json"
    return "snowmelt_marked_time" if found.kind in TIMES else _MARKED.get(found.kind, "to_json")


_MARKED = {Kind.REAL: "snowmelt_float_json", Kind.BINARY: "snowmelt_binary_json"}


def marked_items(values: exp.Expr, element: DataType | None) -> exp.Expr:
    """A list of the values of a type as what an ARRAY of them holds."""
    if is_whole(element):
        return engine_call("snowmelt_wholes", values)
    if element is not None and element.kind is Kind.REAL:
        return engine_call("snowmelt_floats_json", values)
    if element is not None and element.kind in TIMES:
        item = exp.to_identifier("snowmelt_item")
        marked = exp.Lambda(this=engine_call("snowmelt_marked_time", item.copy()), expressions=[item])
        return engine_call("list_transform", values, marked)
    return values


def is_whole(data_type: DataType | None) -> bool:
    """Whether a type is that of exact numbers without a fraction."""
    return data_type is not None and data_type.kind is Kind.FIXED and not data_type.scale


def _element_last(name: str, *keys: str) -> Maker:
    """As `_macro`; the last part is an element of an ARRAY, or a value of an OBJECT."""

    def make(node: exp.Expr) -> exp.Expr:
        return engine_call(name, *(node.args[key].copy() for key in keys[:-1]), as_json(node.args[keys[-1]]))

    return make


def _macro(name: str, *keys: str) -> Maker:
    """A call of a macro with the node's parts called `keys`."""

    def make(node: exp.Expr) -> exp.Expr:
        return engine_call(name, *(node.args[key].copy() for key in keys))

    return make


def _positional(name: str) -> Maker:
    return lambda node: engine_call(name, *(item.copy() for item in node.expressions))


def _list(items: Sequence[exp.Expr]) -> exp.Expr:
    return engine_call("list_value", *items)


def _array(node: exp.Expr) -> exp.Expr:
    return engine_call("json_array", *(_as_element(item) for item in node.expressions), data_type=ARRAY)


def _as_element(item: exp.Expr) -> exp.Expr:
    """An element of an ARRAY, where NULL is a value of its own."""
    value = as_json(item)
    return value if isinstance(item, exp.Literal) else engine_call("snowmelt_element", value, data_type=VARIANT)


def _object(name: str) -> Maker:
    """An OBJECT of the pairs that a node holds."""

    def make(node: exp.Expr) -> exp.Expr:
        keys, values = [], []
        for pair in node.expressions:
            if not isinstance(pair, (exp.PropertyEQ, exp.JSONKeyValue)):
                raise unsupported("OBJECT_CONSTRUCT of this form")
            key = pair.this
            keys.append(exp.Literal.string(key.name) if isinstance(key, exp.Identifier) else key.copy())
            values.append(as_json(pair.expression))
        if not keys:
            return raw("'{}'::JSON", OBJECT)
        return engine_call(name, _list(keys), _list(values), data_type=OBJECT)

    return make


def _star_object(node: exp.Expr) -> exp.Expr:
    return _of_columns("snowmelt_object", node)


def _keep_null(node: exp.Expr) -> exp.Expr:
    (first, *rest) = node.expressions or [None]
    if isinstance(first, exp.Star) and not rest and not any(first.args.values()):
        return _of_columns("snowmelt_object_keep_null", first)
    return _object("snowmelt_object_keep_null")(node)


def _of_columns(name: str, star: exp.Expr) -> exp.Expr:
    columns: list[tuple[str, str, DataType | None]] | None = star.meta.get(STAR)
    if columns is None:
        raise unsupported("OBJECT_CONSTRUCT(*) over columns that are not known beforehand")
    keys: list[exp.Expr] = [exp.Literal.string(logical_name(name)) for _, name, _ in columns]
    values = [as_json(_column(alias, name, found)) for alias, name, found in columns]
    return engine_call(name, _list(keys), _list(values), data_type=OBJECT)


def _column(alias: str, name: str, data_type: DataType | None) -> exp.Column:
    table = exp.to_identifier(alias, quoted=True) if alias else None
    column = exp.column(exp.to_identifier(name, quoted=True), table=table)
    if data_type is not None:
        column.meta[TYPE] = data_type
    return column


def _insert(node: exp.Expr) -> exp.Expr:
    replaces = node.args.get("update_flag")
    flag = replaces.copy() if isinstance(replaces, exp.Expr) else exp.false()
    return engine_call(
        "snowmelt_object_insert", node.this.copy(), node.args["key"].copy(), as_json(node.args["value"]), flag
    )


def _concat(node: exp.Expr) -> exp.Expr:
    found: exp.Expr = node.this.copy()
    for other in node.expressions:
        found = engine_call("snowmelt_array_cat", found, other.copy(), data_type=ARRAY)
    return found


def _pair(name: str) -> Maker:
    return lambda node: engine_call(name, *(item.copy() for item in node.expressions[:2]))


def _sort(node: exp.Expr) -> exp.Expr:
    ascending = node.args.get("asc") or exp.true()
    # Where nothing is said of NULL, it comes after all others, and so first in descending order.
    first = node.args.get("nulls_first") or exp.Not(this=exp.Paren(this=ascending.copy()))
    return engine_call("snowmelt_array_sort", node.this.copy(), ascending.copy(), first.copy())


def _range(node: exp.Expr) -> exp.Expr:
    parts = [node.args[key].copy() for key in ("start", "end", "step") if node.args.get(key) is not None]
    return engine_call("to_json", engine_call("range", *(engine_call("snowmelt_bigint", part) for part in parts)))


def _lists(name: str) -> Maker:
    """A function of lists and a lambda."""

    def make(node: exp.Expr) -> exp.Expr:
        function = node.expression.copy()
        if name == "list_transform":
            _as_json_result(function)
        call = engine_call(name, engine_call("snowmelt_items", node.this.copy()), function)
        return engine_call("snowmelt_array_of", call)

    return make


def _as_json_result(function: exp.Expr) -> None:
    """A lambda's result is an element of an ARRAY; computed numbers without a fraction are whole ones."""
    body = function.this
    found = type_of(body)
    if found is not None and found.kind is Kind.REAL and isinstance(body.unnest(), exp.Binary):
        function.set("this", engine_call("snowmelt_number_json", body.copy()))
    else:
        function.set("this", as_json(body))


def _reduce(node: exp.Expr) -> exp.Expr:
    function = node.args["merge"].copy()
    _as_json_result(function)
    arguments = [engine_call("snowmelt_items", node.this.copy()), function, as_json(node.args["initial"])]
    found = type_of(node.args["initial"])
    made = engine_call("list_reduce", *arguments, data_type=VARIANT)
    if found is None or found.kind in SEMI_STRUCTURED:
        return made
    return exp.Cast(this=made, to=exp.DataType.build(found.sql, dialect="snowflake"))


def _zip(node: exp.Expr) -> exp.Expr:
    return engine_call(
        "snowmelt_arrays_zip", _list([engine_call("snowmelt_list", item.copy()) for item in node.expressions])
    )


def _tokens(node: exp.Expr) -> exp.Expr:
    separators = node.args.get("expression") or exp.Literal.string(" ")
    return engine_call("to_json", engine_call("snowmelt_tokens", node.this.copy(), separators.copy()))


def _variant(node: exp.Expr, name: str) -> exp.Expr:
    """The argument of a function that takes a VARIANT and nothing else.

    Raises:
        SqlError: 001007 or 001044, by the function, for a value of another type.
    """
    value: exp.Expr = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    found = type_of(value)
    if found is None or found.kind in SEMI_STRUCTURED:
        return value
    if name in _OF_PARAMETERS:
        shown = f"invalid type [{found.sql}] for parameter '{name}(variantValue...)'"
        raise SqlError(f"SQL compilation error:\n{shown}", 1007, "22023")
    raise wrong_arguments(name, found.sql)


_OF_PARAMETERS = ("AS_INTEGER", "AS_DECIMAL", "AS_TIMESTAMP_NTZ", "AS_TIMESTAMP_LTZ", "AS_TIMESTAMP_TZ")


def _is(name: str, *kinds: str) -> Maker:
    """Whether a VARIANT holds a value of one of the kinds that TYPEOF names."""

    def make(node: exp.Expr) -> exp.Expr:
        return _holds(_variant(node, name), *kinds)

    return make


def _holds(value: exp.Expr, *kinds: str) -> exp.Expr:
    held = engine_call("snowmelt_typeof", as_json(value))
    return exp.In(this=held, expressions=[exp.Literal.string(kind) for kind in kinds])


def _as(name: str, kind: str | None, *kinds: str) -> Maker:
    """The value if it is of one of the kinds, else null; as `kind`, or as it is."""

    def make(node: exp.Expr) -> exp.Expr:
        value = _variant(node, name).copy()
        test = _holds(value.copy(), *kinds)
        if kind is not None:
            value = exp.Cast(this=value, to=exp.DataType.build(kind, dialect="snowflake"))
        return exp.Case(ifs=[exp.If(this=test, true=value)])

    return make


def _as_decimal(node: exp.Expr) -> exp.Expr:
    digits = [item.sql() for item in node.expressions[1:]]
    for given, parameter in zip(digits, ("?, precision...", "?, ?, scale"), strict=False):
        if not given.isdigit():
            shown = f"invalid value [{given}] for parameter 'AS_DECIMAL({parameter})'"
            raise SqlError(f"SQL compilation error:\n{shown}", 1008, "22023")
    kind = f"NUMBER({digits[0] if digits else 38}, {digits[1] if len(digits) > 1 else 0})"
    return _as("AS_DECIMAL", kind, *_DECIMAL)(node)


def _value_of(node: exp.Expr) -> exp.Expr:
    """The argument itself, which must be an OBJECT."""
    value = as_json(node.expressions[0])
    return engine_call("snowmelt_to_object", value, data_type=OBJECT)


def _parse_json(node: exp.Expr) -> exp.Expr:
    found = type_of(node.this)
    text = node.this.copy()
    if found is not None and found.kind in SEMI_STRUCTURED:
        text = engine_call("snowmelt_text", text)
    return engine_call("snowmelt_try_parse_json" if node.args.get("safe") else "snowmelt_parse_json", text)


def _split(node: exp.Expr) -> exp.Expr:
    if node.expression.name == "":
        parts: exp.Expr = _list([node.this.copy()])
    else:
        parts = engine_call("string_split", node.this.copy(), node.expression.copy())
    return engine_call("to_json", parts)


def _names(name: str) -> Maker:
    """A macro of an OBJECT and the list of the keys that follow, or that one ARRAY holds."""

    def make(node: exp.Expr) -> exp.Expr:
        value, *keys = node.expressions
        found = type_of(keys[0]) if len(keys) == 1 else None
        if found is not None and found.kind is Kind.ARRAY:
            return engine_call(name, value.copy(), engine_call("snowmelt_texts", keys[0].copy()))
        return engine_call(name, value.copy(), _list([item.copy() for item in keys]))

    return make


_TIMES = ("TIME", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ")
_INTEGER, _DECIMAL, _DOUBLE = ("INTEGER",), ("INTEGER", "DECIMAL"), ("INTEGER", "DECIMAL", "DOUBLE")


def _element(node: exp.Expr) -> exp.Expr:
    """``v[0]``; a text in brackets is a path, which other rules know."""
    (key,) = node.expressions if len(node.expressions) == 1 else (None,)
    if key is None or (isinstance(key, exp.Literal) and key.is_string):
        return node.copy()
    return engine_call("snowmelt_get", node.this.copy(), key.copy())


BY_NODE: dict[type[exp.Expr], Maker] = {
    exp.Bracket: _element,
    exp.Array: _array,
    exp.ArrayConstructCompact: lambda node: engine_call("snowmelt_array_compact", _array(node)),
    exp.Struct: _object("snowmelt_object"),
    exp.JSONObject: _keep_null,
    exp.StarMap: _star_object,
    exp.ObjectInsert: _insert,
    exp.ObjectAgg: _element_last("snowmelt_object_agg", "this", "expression"),
    exp.JSONKeys: lambda node: engine_call("to_json", engine_call("json_keys", node.this.copy())),
    exp.ArraySize: _macro("snowmelt_array_size", "this"),
    exp.ArrayAppend: _element_last("snowmelt_array_append", "this", "expression"),
    exp.ArrayPrepend: _element_last("snowmelt_array_prepend", "this", "expression"),
    exp.ArrayConcat: _concat,
    exp.ArrayContains: _element_last("snowmelt_array_contains", "this", "expression"),
    exp.ArrayPosition: _element_last("snowmelt_array_position", "this", "expression"),
    exp.ArraySlice: _macro("snowmelt_array_slice", "this", "start", "end"),
    exp.ArrayDistinct: _macro("snowmelt_array_distinct", "this"),
    exp.ArrayToString: _macro("snowmelt_array_to_string", "this", "expression"),
    exp.ArraySort: _sort,
    exp.ArrayCompact: _macro("snowmelt_array_compact", "this"),
    exp.ArrayInsert: _element_last("snowmelt_array_insert", "this", "position", "expression"),
    exp.ArrayRemove: _element_last("snowmelt_array_remove", "this", "expression"),
    exp.ArrayRemoveAt: _macro("snowmelt_array_remove_at", "this", "position"),
    exp.ArrayIntersect: _pair("snowmelt_array_intersection"),
    exp.ArrayExcept: _macro("snowmelt_array_except", "this", "expression"),
    exp.ArrayOverlaps: _macro("snowmelt_array_overlap", "this", "expression"),
    exp.ArrayMax: _macro("snowmelt_array_max", "this"),
    exp.ArrayMin: _macro("snowmelt_array_min", "this"),
    exp.ArrayReverse: _macro("snowmelt_array_reverse", "this"),
    exp.Flatten: _macro("snowmelt_array_flatten", "this"),
    exp.GenerateSeries: _range,
    exp.ArrayFilter: _lists("list_filter"),
    exp.Transform: _lists("list_transform"),
    exp.Reduce: _reduce,
    exp.ArraysZip: _zip,
    exp.Split: _split,
    exp.StrtokToArray: _tokens,
    exp.ToArray: lambda node: engine_call("snowmelt_to_array", as_json(node.this)),
    exp.GetExtract: _macro("snowmelt_get", "this", "expression"),
    exp.GetIgnoreCase: _macro("snowmelt_get_ignore_case", "this", "expression"),
    exp.StripNullValue: _macro("snowmelt_strip_null", "this"),
    exp.IsNullValue: _is("IS_NULL_VALUE", "NULL_VALUE"),
    exp.IsArray: _is("IS_ARRAY", "ARRAY"),
    exp.ParseJSON: _parse_json,
    exp.CheckJson: _macro("snowmelt_check_json", "this"),
    exp.Typeof: lambda node: engine_call("snowmelt_typeof", as_json(node.this)),
    exp.JSONFormat: lambda node: engine_call("snowmelt_shown", as_json(node.this)),
}
"""Functions that sqlglot has nodes for."""

BY_NAME: dict[str, Maker] = {
    "OBJECT_DELETE": _names("snowmelt_object_without"),
    "OBJECT_PICK": _names("snowmelt_object_pick"),
    "TO_OBJECT": _value_of,
    "IS_OBJECT": _is("IS_OBJECT", "OBJECT"),
    "IS_INTEGER": _is("IS_INTEGER", *_INTEGER),
    "IS_DECIMAL": _is("IS_DECIMAL", *_DECIMAL),
    **{name: _is(name, *_DOUBLE) for name in ("IS_DOUBLE", "IS_REAL")},
    **dict.fromkeys(("IS_VARCHAR", "IS_CHAR"), _is("IS_CHAR", "VARCHAR")),
    **{f"IS_{kind}": _is(f"IS_{kind}", kind) for kind in ("BOOLEAN", "BINARY", "DATE", *_TIMES)},
    "IS_DATE_VALUE": _is("IS_DATE_VALUE", "DATE"),
    "AS_INTEGER": _as("AS_INTEGER", "NUMBER", *_DECIMAL),
    **dict.fromkeys(("AS_DECIMAL", "AS_NUMBER"), _as_decimal),
    **{name: _as(name, "FLOAT", *_DOUBLE) for name in ("AS_DOUBLE", "AS_REAL")},
    **{name: _as(name, "VARCHAR", "VARCHAR") for name in ("AS_VARCHAR", "AS_CHAR")},
    **{f"AS_{kind}": _as(f"AS_{kind}", kind, kind) for kind in ("BOOLEAN", "BINARY", "DATE", *_TIMES)},
    "AS_ARRAY": _as("AS_ARRAY", None, "ARRAY"),
    "AS_OBJECT": _as("AS_OBJECT", None, "OBJECT"),
}
"""Functions that sqlglot leaves anonymous."""
