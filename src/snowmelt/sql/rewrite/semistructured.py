"""VARIANT, OBJECT and ARRAY. The engine stores them as JSON text; model outputs are structs while a query runs.

Source: docs.snowflake.com/en/user-guide/querying-semistructured
"""

from __future__ import annotations

from sqlglot import exp

from snowmelt.base.datatypes import VARCHAR
from snowmelt.sql.rewrite.context import Resolver, engine_call
from snowmelt.sql.rewrite.variants import as_json
from snowmelt.sql.typing import type_of

STRUCT_MARK = "snowmelt_struct"
"""Meta key on columns that hold the struct a model's method returned (see snowmelt.plan.models)."""

# Of parsed types: `is_type` parses each name that it is given.
SEMI_STRUCTURED = frozenset({exp.DType.VARIANT, exp.DType.OBJECT, exp.DType.ARRAY})


def extract_fields(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """``v['x']`` and ``v:x`` extract; casting an extract to text gives the text, not quoted JSON."""
    structs = _struct_names(tree)
    for bracket in list(tree.find_all(exp.Bracket)):
        keys = bracket.expressions
        if len(keys) != 1 or not (isinstance(keys[0], exp.Literal) and keys[0].is_string):
            continue
        if _is_struct(bracket.this, structs):
            continue
        path = exp.JSONPath(expressions=[exp.JSONPathRoot(), exp.JSONPathKey(this=keys[0].name)])
        bracket.replace(exp.JSONExtract(this=bracket.this, expression=path))
    for extract in list(tree.find_all(exp.JSONExtract)):
        if _is_struct(extract.this, structs) and isinstance(extract.expression, exp.JSONPath):
            node = extract.this
            for part in extract.expression.expressions[1:]:
                node = exp.Bracket(this=node.copy(), expressions=[exp.Literal.string(part.name)])
            extract.replace(node)
    for cast in list(tree.find_all(exp.Cast, exp.TryCast)):
        to = cast.args["to"]  # raw text where the cast is of our own making
        if isinstance(to, exp.DataType) and to.this not in _FROM_JSON:
            _to_text(cast.this, _TIME_TEXT if to.this in exp.DataType.TEMPORAL_TYPES else _TEXT)
    for comparison in list(tree.find_all(*_COMPARISONS)):
        operands = [*comparison.iter_expressions()]
        if any(_is_text(operand) for operand in operands):
            for operand in operands:
                _to_text(operand)
    for function in list(tree.find_all(*_TEXT_FUNCTIONS)):
        for argument in list(function.iter_expressions()):
            _to_text(argument)
    for extract in list(tree.find_all(exp.JSONExtract)):
        _defined(extract)
    for node in list(tree.find_all(exp.ToVariant, exp.Cast, bfs=False))[::-1]:
        to = node.args.get("to")
        if to is None or (isinstance(to, exp.DataType) and to.this is exp.DType.VARIANT):
            # A cast to the engine's JSON would read text as JSON; Snowflake makes a VARIANT that holds the text.
            node.replace(as_json(node.this))
    return tree


_FROM_JSON = SEMI_STRUCTURED | exp.DataType.NUMERIC_TYPES | {exp.DType.BOOLEAN}
"""What a VARIANT is converted to as it is: then errors tell that it was one."""

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.NullSafeEQ, exp.NullSafeNEQ)

_TEXT_FUNCTIONS = (
    *(exp.Upper, exp.Lower, exp.Trim, exp.Concat, exp.DPipe, exp.Like, exp.ILike, exp.Length, exp.Substring),
    *(exp.RegexpLike, exp.RegexpReplace, exp.RegexpExtract, exp.StartsWith, exp.Split, exp.Replace),
)
"""What takes text: a VARIANT given to it is the text that it holds."""


def _is_text(node: exp.Expr) -> bool:
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return bool(node.is_string)
    return isinstance(node, (exp.Cast, exp.TryCast)) and node.to.this in exp.DataType.TEXT_TYPES


_TEXT, _TIME_TEXT = "snowmelt_text", "snowmelt_time_text"


def _to_text(node: exp.Expr, name: str = _TEXT) -> None:
    """Put the text that an extract holds in its place, without the quotes of JSON."""
    inner = node.unnest()
    if not isinstance(inner, exp.JSONExtract):
        return
    arguments: list[exp.Expr] = [exp.Paren(this=inner.copy())]
    if isinstance(inner.this, exp.Column):
        # Where the document has no marks, which is quickly seen, the text is taken from it at once.
        scalar = exp.JSONExtractScalar(this=inner.this.copy(), expression=inner.expression.copy())
        arguments += [inner.this.copy(), exp.Paren(this=scalar)]
        name = f"{name}_in"
    node.replace(engine_call(name, *arguments, data_type=VARCHAR if name.startswith(_TEXT) else None))


def _defined(extract: exp.JSONExtract) -> None:
    """An element of an ARRAY may be NULL, which a part of an OBJECT never is."""
    path = extract.expression
    if isinstance(path, exp.JSONPath) and isinstance(path.expressions[-1], exp.JSONPathSubscript):
        call = engine_call("snowmelt_defined", exp.Null(), data_type=type_of(extract))
        extract.replace(call)  # as itself and no copy, for there may be more extracts within
        call.set("expressions", [exp.Paren(this=extract)])


def _struct_names(tree: exp.Expr) -> set[str]:
    """Names of projections that are a model method's whole result."""
    names = {
        alias.alias
        for alias in tree.find_all(exp.Alias)
        if isinstance(alias.this, exp.ModelAttribute) or alias.this.meta.get(STRUCT_MARK)
    }
    grew = bool(names)
    while grew:
        more = {
            alias.alias
            for alias in tree.find_all(exp.Alias)
            if isinstance(alias.this, exp.Column) and alias.this.name in names
        }
        grew = not more <= names
        names |= more
    return names


def _is_struct(node: exp.Expr, names: set[str]) -> bool:
    return isinstance(node, exp.Column) and (node.name in names or bool(node.meta.get(STRUCT_MARK)))
