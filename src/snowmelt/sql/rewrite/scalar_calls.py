"""Scalar functions that the engine has under no name, as calls of its macros (storage/sql/functions.sql).

Source: the page of each function in docs.snowflake.com/en/sql-reference/functions
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

from snowmelt.base.datatypes import DataType, Kind
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.sql.rewrite.context import TYPE, engine_call
from snowmelt.sql.typing import type_of
from snowmelt.sql.typing.annotate import STAR

Maker = Callable[[exp.Expr], exp.Expr]


def _macro(name: str, *keys: str) -> Maker:
    """A call of a macro with the node's parts called `keys`."""
    return lambda node: engine_call(name, *(node.args[key].copy() for key in keys))


def _positional(name: str, count: int) -> Maker:
    """A call of a macro with a nameless function's `count` arguments."""

    def make(node: exp.Expr) -> exp.Expr:
        if len(node.expressions) != count:
            raise unsupported(f"{node.this} with {len(node.expressions)} arguments")
        return engine_call(name, *(item.copy() for item in node.expressions))

    return make


def _refused(name: str) -> Maker:
    def make(node: exp.Expr) -> exp.Expr:
        raise unsupported(name)

    return make


def refused_nodes(names: Iterable[str]) -> dict[type[exp.Expr], Maker]:
    """The functions of `names` that sqlglot has nodes for, each refused by its name."""
    return {exp.FUNCTION_BY_NAME[name]: _refused(name) for name in names if name in exp.FUNCTION_BY_NAME}


def refused_names(names: Iterable[str]) -> dict[str, Maker]:
    """The functions of `names` that sqlglot leaves anonymous, each refused by its name."""
    return {name: _refused(name) for name in names if name not in exp.FUNCTION_BY_NAME}


def cast(value: exp.Expr, kind: DataType) -> exp.Expr:
    """A cast of `value` to a Snowflake type, whose type is noted."""
    made = exp.Cast(this=value, to=exp.DataType.build(kind.sql, dialect="snowflake"))
    made.meta[TYPE] = kind
    return made


def _rounded(node: exp.Expr) -> exp.Expr:
    """CEIL and FLOOR to a number of digits keep exact numbers exact."""
    found = type_of(node)
    if node.args.get("decimals") is None or found is None or found.kind is not Kind.FIXED:
        return node.copy()
    return cast(node.copy(), found)


def _round(node: exp.Expr) -> exp.Expr:
    """ROUND to a number of digits that is no constant."""
    digits = node.args.get("decimals")
    if digits is None or isinstance(digits, (exp.Literal, exp.Neg)):
        return node.copy()
    return _back(node, engine_call("snowmelt_round", node.this.copy(), digits.copy()))


def _trunc(node: exp.Expr) -> exp.Expr:
    value, *digits = (item.copy() for item in node.expressions)
    if not digits or isinstance(digits[0], (exp.Literal, exp.Neg)):
        return exp.Trunc(this=value, decimals=digits[0] if digits else None, fractions_supported=True)
    return _back(node, engine_call("snowmelt_trunc", value, digits[0]))


def _back(node: exp.Expr, made: exp.Expr) -> exp.Expr:
    """What was computed as floating point, as the exact number that it stands for."""
    found = type_of(node)
    return cast(made, found) if found is not None and found.kind is Kind.FIXED else made


def _kept(flags: str) -> str:
    """Parameters of a regular expression: the last of c and i counts, and c, by cases, is the default."""
    before, c, after = flags.rpartition("c")
    return before.replace("i", "").replace("c", "") + after if c else flags


def _flags(key: str) -> Maker:
    """The parameters as the engine takes them, which has no c."""

    def make(node: exp.Expr) -> exp.Expr:
        copy = node.copy()
        flags = copy.args.get(key)
        if isinstance(flags, exp.Literal):
            kept = _kept(flags.name)
            copy.set(key, exp.Literal.string(kept) if kept else None)
            if isinstance(copy, exp.RegexpExtract) and "e" in flags.name and copy.args["group"].name == "0":
                # It asks for a group, and for the first one where none is named; the parser puts 0 there.
                copy.set("group", exp.Literal.number(1))
        return copy

    return make


def _bits(node: exp.Expr) -> exp.Expr:
    """Operations on bits need the engine's own integers."""
    copy = node.copy()
    for operand in list(copy.iter_expressions()):
        if not isinstance(operand, exp.Literal):
            operand.replace(engine_call("snowmelt_bigint", operand.copy()))
    return copy


def _bounded(key: str, unit: str | None = None) -> Maker:
    """Text of a length that is asked for: no more than a VARCHAR holds, since the engine would take all memory."""

    def make(node: exp.Expr) -> exp.Expr:
        number = node.args[key]
        if not (isinstance(number, exp.Literal) and len(number.name) < 4):
            repeated = exp.Literal.string(" ") if unit is None else node.args[unit].copy()
            number.replace(engine_call("snowmelt_times", repeated, number.copy()))
        return node

    return make


def _sha2(node: exp.Expr) -> exp.Expr:
    size = node.args.get("length")
    if size is None or (isinstance(size, exp.Literal) and size.name == "256"):
        return node.copy()
    made: exp.Expr = engine_call("snowmelt_sha2", node.this.copy(), size.copy())
    return engine_call("unhex", made) if isinstance(node, exp.SHA2Digest) else made


def _byte_length(node: exp.Expr) -> exp.Expr:
    found = type_of(node.this)
    binary = found is not None and found.kind is Kind.BINARY
    return engine_call("octet_length" if binary else "snowmelt_byte_length", node.this.copy())


def _md5_number(*, upper: bool) -> Maker:
    half = exp.true() if upper else exp.false()
    return lambda node: engine_call("snowmelt_md5_number", node.this.copy(), half.copy())


def _parse_url(node: exp.Expr) -> exp.Expr:
    permissive = node.args.get("permissive")
    flag = exp.true() if isinstance(permissive, exp.Expr) and permissive.name not in ("", "0") else exp.false()
    return exp.Cast(
        this=engine_call("snowmelt_parse_url", node.this.copy(), flag), to=exp.DataType(this=exp.DType.JSON)
    )


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    """REGEXP_REPLACE with a position, an occurrence or parameters; without them it is the engine's own."""
    keys = ("position", "occurrence", "modifiers")
    position, occurrence, modifiers = (node.args.get(key) for key in keys)
    if position is None and occurrence is None and modifiers is None:
        return node.copy()
    pattern = node.expression.copy()
    if modifiers is not None:
        if not isinstance(modifiers, exp.Literal):
            raise unsupported("REGEXP_REPLACE with parameters that are not constant")
        flags = "".join(flag for flag in _kept(modifiers.name) if flag in "ims")
        if flags:
            pattern = engine_call("snowmelt_join", exp.Literal.string(f"(?{flags})"), pattern)
    replacement = node.args.get("replacement") or exp.Literal.string("")
    numbers = [
        exp.Literal.number(default) if item is None else item.copy()
        for item, default in ((position, 1), (occurrence, 0))
    ]
    return engine_call("snowmelt_regexp_replace", node.this.copy(), pattern, replacement.copy(), *numbers)


def hashed(arguments: list[exp.Expr]) -> exp.Expr:
    """The engine's hash of values; a star means all columns.

    Raises:
        SqlError: 000002 for a star over columns that are not known.
    """
    values: list[exp.Expr] = []
    for argument in arguments:
        if not isinstance(argument, exp.Star):
            values.append(argument.copy())
            continue
        columns: list[tuple[str, str, DataType | None]] | None = argument.meta.get(STAR)
        if columns is None:
            raise unsupported("HASH(*) over columns that are not known beforehand")
        for alias, name, _ in columns:
            table = exp.to_identifier(alias, quoted=True) if alias else None
            values.append(exp.column(exp.to_identifier(name, quoted=True), table=table))
    return engine_call("hash", *values)


_REFUSED = (
    *("PARSE_IP", "SOUNDEX_P123", "COLLATION", "COMPRESS", "DECOMPRESS_BINARY", "DECOMPRESS_STRING"),
    *("ENCRYPT", "ENCRYPT_RAW", "DECRYPT", "DECRYPT_RAW", "TRY_DECRYPT", "TRY_DECRYPT_RAW"),
    *("CHECK_XML", "TO_XML", "XMLGET"),
    *("MAP_CAT", "MAP_CONTAINS_KEY", "MAP_DELETE", "MAP_INSERT", "MAP_KEYS", "MAP_PICK", "MAP_SIZE"),
    *("TO_GEOGRAPHY", "TO_GEOMETRY", "TRY_TO_GEOGRAPHY", "TRY_TO_GEOMETRY"),
    *("GET_OBJECT_REFERENCES", "TO_QUERY", "INVOKER_SHARE"),
)
"""Functions of Snowflake's that are not supported."""


def _of_vectors(function: str, macro: str) -> Maker:
    """A function of two vectors of one kind and dimension."""

    def make(node: exp.Expr) -> exp.Expr:
        types = [type_of(node.this), type_of(node.expression)]
        if types[0] != types[1] or types[0] is None or types[0].kind is not Kind.VECTOR:
            shown = ", ".join("UNKNOWN" if item is None else item.sql for item in types)
            raise SqlError(
                f"SQL compilation error:\nInvalid argument types for function '{function}': ({shown})", 1044, "42000"
            )
        return engine_call(macro, node.this.copy(), node.expression.copy())

    return make


BY_NODE: dict[type[exp.Expr], Maker] = {
    exp.WidthBucket: _macro("snowmelt_width_bucket", "this", "min_value", "max_value", "num_buckets"),
    exp.Getbit: _macro("snowmelt_get_bit", "this", "expression"),
    **dict.fromkeys((exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot), _bits),
    **dict.fromkeys((exp.BitwiseLeftShift, exp.BitwiseRightShift), _bits),
    exp.Round: _round,
    exp.Sqrt: _macro("snowmelt_sqrt", "this"),
    exp.Ln: _macro("snowmelt_ln", "this"),
    **dict.fromkeys((exp.RegexpCount, exp.RegexpInstr, exp.RegexpExtract), _flags("parameters")),
    exp.RegexpLike: _flags("flag"),
    exp.Ceil: _rounded,
    exp.Floor: _rounded,
    exp.Repeat: _bounded("times", "this"),
    exp.Pad: _bounded("expression"),
    **dict.fromkeys((exp.Space, exp.Randstr), _bounded("this")),
    exp.SHA2: _sha2,
    exp.SHA2Digest: _sha2,
    exp.ByteLength: _byte_length,
    exp.MD5NumberLower64: _md5_number(upper=False),
    exp.MD5NumberUpper64: _md5_number(upper=True),
    exp.Soundex: _macro("snowmelt_soundex", "this"),
    exp.ParseUrl: _parse_url,
    exp.RegexpReplace: _regexp_replace,
    exp.TryBase64DecodeBinary: _macro("snowmelt_try_base64", "this"),
    exp.TryBase64DecodeString: _macro("snowmelt_try_base64_text", "this"),
    exp.TryHexDecodeBinary: _macro("snowmelt_try_from_hex", "this"),
    exp.TryHexDecodeString: _macro("snowmelt_try_hex_text", "this"),
    exp.ManhattanDistance: _of_vectors("VECTOR_L1_DISTANCE", "snowmelt_l1_distance"),
    exp.EuclideanDistance: _of_vectors("VECTOR_L2_DISTANCE", "snowmelt_l2_distance"),
    exp.DotProduct: _of_vectors("VECTOR_INNER_PRODUCT", "snowmelt_inner_product"),
    exp.CosineDistance: _of_vectors("VECTOR_COSINE_SIMILARITY", "snowmelt_cosine"),
    **refused_nodes(_REFUSED),
}
"""Functions that sqlglot has nodes for."""

BY_NAME: dict[str, Maker] = {
    **dict.fromkeys(("TRUNC", "TRUNCATE"), _trunc),
    "HAVERSINE": _positional("snowmelt_haversine", 4),
    "HASH": lambda node: engine_call("snowmelt_hash", hashed(node.expressions)),
    "ARRAYS_TO_OBJECT": _positional("snowmelt_arrays_to_object", 2),
    **refused_names(_REFUSED),
}
"""Functions that sqlglot leaves anonymous."""
