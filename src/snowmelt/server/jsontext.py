"""Nested Arrow arrays as JSON text, column-wise: the work grows with the number of types, not of Python objects."""

from __future__ import annotations

import re
from typing import Any

from snowmelt.base.errors import unsupported
from snowmelt.base.late import compute as pc
from snowmelt.base.late import pyarrow as pa
from snowmelt.base.marks import MARK, shown

_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))
_OTHER_CONTROLS = [chr(code) for code in range(0x20) if chr(code) not in "\n\r\t"]


def render(array: pa.Array) -> pa.Array:
    """`array` as an array of JSON texts of the same length; nulls stay null.

    Raises:
        SqlError: 000002 for an Arrow type without a JSON form.
    """
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return render(array.storage)
    if pa.types.is_dictionary(kind):
        return render(array.dictionary_decode())
    if pa.types.is_null(kind):
        return array.cast(pa.string())
    if pa.types.is_map(kind):
        return _mapping(array)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _sequence(array)
    if pa.types.is_struct(kind):
        return _structure(array)
    return _scalar(array)


def _scalar(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _quoted(array.cast(pa.string()))
    if pa.types.is_floating(kind):
        # JSON has no NaN or infinity; Snowflake writes them as strings.
        text = array.cast(pa.string())
        finite = pc.is_finite(array)
        names = pc.case_when(
            pc.make_struct(pc.is_nan(array), pc.equal(array, float("inf"))), '"NaN"', '"Infinity"', '"-Infinity"'
        )
        return pc.if_else(finite, text, names)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return array.cast(pa.string())
    if pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind):
        return _quoted(array.cast(pa.string()))
    raise unsupported(f"a value of the engine's type {kind} in a VARIANT")


def _quoted(text: pa.Array) -> pa.Array:
    """Strings with JSON's escapes, in double quotes."""
    if pc.any(pc.match_substring_regex(text, r'[\x00-\x1f"\\]')).as_py():
        for plain, escaped in _ESCAPES:
            text = pc.replace_substring(text, plain, escaped)
        if pc.any(pc.match_substring_regex(text, r"[\x00-\x1f]")).as_py():
            for control in _OTHER_CONTROLS:
                text = pc.replace_substring(text, control, f"\\u{ord(control):04x}")
    return pc.binary_join_element_wise('"', text, '"', "")


def _or_null(text: pa.Array) -> pa.Array:
    return pc.fill_null(text, "null")


def _sequence(array: pa.Array) -> pa.Array:
    if pa.types.is_fixed_size_list(array.type):
        array = array.cast(pa.list_(array.type.value_type))
    # flatten() leaves out what null lists hide, so the offsets are made anew from the lengths.
    items = _or_null(render(array.flatten()))
    return _joined(items, array, "[", "]")


def _mapping(array: pa.Array) -> pa.Array:
    entries = array.cast(pa.list_(pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])))
    flat = entries.flatten()
    keys = flat.field("key")
    names = _quoted(keys.cast(pa.string()))
    pairs = pc.binary_join_element_wise(names, _or_null(render(flat.field("value"))), ":")
    return _joined(pairs, entries, "{", "}")


def _joined(items: pa.Array, lists: pa.Array, opening: str, closing: str) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths.cast(pa.int64()))])
    joined = pc.binary_join(pa.LargeListArray.from_arrays(offsets, items), ",").cast(pa.string())
    text = pc.binary_join_element_wise(opening, joined, closing, "")
    return pc.if_else(pc.is_valid(lists), text, None)


def _structure(array: pa.Array) -> pa.Array:
    """An object; fields that are null are left out, as Snowflake's OBJECT has no null fields of its own.

    Every field brings its own leading comma, and the first comma is cut off in the end.
    """
    parts: list[Any] = []
    for index in range(array.type.num_fields):
        name = _quoted(pa.array([array.type.field(index).name]))[0].as_py()
        value = render(array.field(index))
        parts.append(pc.fill_null(pc.binary_join_element_wise(f",{name}:", value, ""), ""))
    if not parts:
        body = pa.array([""] * len(array), pa.string())
    else:
        body = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*parts, ""), 1)
    text = pc.binary_join_element_wise("{", body, "}", "")
    return pc.if_else(pc.is_valid(array), text, None)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


def indented(texts: pa.Array) -> pa.Array:
    """JSON texts as clients get VARIANT, OBJECT and ARRAY: a line for each element, two spaces for each level, and no
    marks.
    """
    if pc.any(pc.match_substring(texts, MARK)).as_py():
        texts = pa.array([None if text is None else shown(text) for text in texts.to_pylist()], pa.string())
    if not pc.any(pc.match_substring_regex(texts, r"^\s*[\[{]")).as_py():
        return texts
    return pa.array([None if text is None else _indented(text) for text in texts.to_pylist()], pa.string())


def _indented(text: str) -> str:
    if text[:1] not in "[{":
        return text
    out: list[str] = []
    depth, fresh = 0, False
    for token in _TOKEN.findall(text):
        if token in "]}":
            depth -= 1
            if not fresh:
                out.append("\n" + "  " * depth)
            fresh = False
        elif fresh:
            out.append("\n" + "  " * depth)
            fresh = False
        out.append(token)
        if token in "[{":
            depth, fresh = depth + 1, True
        elif token == ",":
            out.append("\n" + "  " * depth)
        elif token == ":":
            out.append(" ")
    return "".join(out)
