"""Model methods in a query become steps: their input is run once as a whole and scored as one large batch.

``WITH X AS (...) SELECT *, m!PREDICT(a, b) AS r FROM X`` becomes an `ApplyModel` step over
``WITH X AS (...) SELECT *, a, b FROM X``, and the SELECT reads the step's relation instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from snowmelt.base.errors import unsupported
from snowmelt.catalog.names import fold
from snowmelt.plan.steps import ApplyModel
from snowmelt.sql.dialect import ModelMethod, model_method
from snowmelt.sql.rewrite.common_tables import visible_ctes
from snowmelt.sql.rewrite.context import Resolver, raw, raw_query
from snowmelt.sql.rewrite.names import folded
from snowmelt.sql.rewrite.rules import rewrite
from snowmelt.sql.rewrite.semistructured import STRUCT_MARK


def extract_models(tree: exp.Expr, resolver: Resolver) -> list[ApplyModel]:
    """Take all model methods out of `tree` (which is changed) and return the steps that provide their results.

    Raises:
        SqlError: 000002 where a method stands anywhere but in a SELECT's list.
    """
    steps: list[ApplyModel] = []
    while (method := _innermost(tree)) is not None:
        select = method.node.find_ancestor(exp.Select)
        if select is None or method.window is not None:
            raise unsupported("a model method outside a SELECT list")
        steps.append(_apply(select, method, resolver, len(steps)))
    if steps:
        _drop_unused(tree)
    return steps


def _innermost(tree: exp.Expr) -> ModelMethod | None:
    """A model method whose own input needs no other one, or None when there is none left."""
    found = list(tree.find_all(exp.ModelAttribute))
    return model_method(found[-1]) if found else None


def _apply(select: exp.Select, method: ModelMethod, resolver: Resolver, number: int) -> ApplyModel:
    name, output = f"snowmelt_apply_{number}", f"SNOWMELT_OUTPUT_{number}"
    projection: exp.Expr = method.node
    while projection.parent is not None and projection.parent is not select:
        projection = projection.parent
    if projection.arg_key != "expressions":
        raise unsupported("a model method outside the list of a SELECT")
    others = [item for item in select.expressions if item is not projection]
    shown = _shown(select, others, method.arguments)
    arguments = [
        exp.alias_(argument.copy(), f"snowmelt_argument_{number}_{i}", quoted=True)
        for i, argument in enumerate(() if shown else method.arguments)
    ]
    _check_order(select.expressions, projection)

    inner = select.copy()
    inner.set("expressions", [item.copy() for item in others] + arguments)
    visible = visible_ctes(select)
    if visible:
        inner.set("with_", exp.With(expressions=visible))
    step = ApplyModel(
        name=name,
        input=rewrite(inner, resolver),
        model=_name(method),
        version=_identifier(method.version),
        method=_identifier(method.method) or "",
        arguments=shown or len(arguments),
        output=output,
    )

    column = exp.column(exp.to_identifier(output, quoted=True))
    column.meta[STRUCT_MARK] = True
    if method.node is projection:
        projection = exp.alias_(column, output, quoted=True)
    else:
        method.node.replace(column)
    star = exp.Star(except_=[exp.to_identifier(output, quoted=True)])
    outer = exp.Select(expressions=[star, projection.copy()] if others else [projection.copy()])
    source = raw_query(f"SELECT * FROM {name}")
    source.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
    outer.set("from_", exp.From(this=source))
    _replace_select(select, outer)
    return step


def _shown(select: exp.Select, others: list[exp.Expr], arguments: Sequence[exp.Expr]) -> tuple[str, ...]:
    """The names of the arguments where each is a column of the only relation, all of whose columns are selected."""
    whole = len(others) == 1 and isinstance(others[0], exp.Star) and not any(others[0].args.values())
    if not whole or select.args.get("joins") or select.args.get("laterals"):
        return ()
    columns = [each for each in arguments if isinstance(each, exp.Column) and len(each.parts) == 1]
    return tuple(folded(each.this) for each in columns) if len(columns) == len(arguments) else ()


def _check_order(projections: list[exp.Expr], projection: exp.Expr) -> None:
    if projections[-1] is not projection:
        raise unsupported(
            "a model method before other columns of a SELECT list", "Write it as the last column of the list."
        )


def _name(method: ModelMethod) -> str:
    return ".".join(part.sql(dialect="snowflake") for part in method.parts)


def _identifier(node: exp.Identifier | None) -> str | None:
    return None if node is None else fold(node.sql(dialect="snowflake"))


def _drop_unused(tree: exp.Expr) -> None:
    """Leave out common table expressions that only the steps' inputs need: binding them takes time for nothing."""
    for with_ in list(tree.find_all(exp.With)):
        for cte in reversed(with_.expressions):
            if not any(table.name.upper() == cte.alias.upper() for table in tree.find_all(exp.Table)):
                cte.pop()
        if not with_.expressions:
            with_.pop()


def _replace_select(select: exp.Select, outer: exp.Select) -> None:
    """Put `outer` in the place of `select`; at the top of a tree its parts are exchanged instead."""
    if select.parent is not None:
        select.replace(outer)
        return
    for key in list(select.args):
        select.set(key, None)
    for key, value in outer.args.items():
        select.set(key, value)


def describe_models(tree: exp.Expr, output_type: Callable[[str, str | None, str], str]) -> None:
    """Put a typed NULL in the place of each model method, so that a query can be described without scoring.

    `output_type` gives the engine's type for (model, version, method).
    """
    for node in list(tree.find_all(exp.ModelAttribute)):
        method = model_method(node)
        text = output_type(_name(method), _identifier(method.version), _identifier(method.method) or "")
        null = raw(f"CAST(NULL AS {text})")
        null.meta[STRUCT_MARK] = True
        node.replace(null)
