"""The rules in the order they run, and the DuckDB text that comes out.

A rule is a function ``(tree, resolver) -> tree`` that may change the tree it is given. The order matters and is all
here: names of projections are taken from the source text, so they come first; identifiers fold before anything looks
one up; sources are resolved before functions, so that what a source expands to is never rewritten again; types are
found out while calls still have their Snowflake names; arithmetic comes last, since it writes its operands out.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import ErrorLevel, exp
from sqlglot.errors import UnsupportedError

from snowmelt.base.errors import unsupported
from snowmelt.sql.limits import too_deep
from snowmelt.sql.rewrite.aliases import aliases
from snowmelt.sql.rewrite.arithmetic import arithmetic
from snowmelt.sql.rewrite.calls import calls
from snowmelt.sql.rewrite.casts import cast_types, conversions, texts, type_names
from snowmelt.sql.rewrite.checks import checks
from snowmelt.sql.rewrite.common_tables import computed_once
from snowmelt.sql.rewrite.context import Resolver
from snowmelt.sql.rewrite.date_comparisons import date_comparisons, date_operands, timestamp_types
from snowmelt.sql.rewrite.date_texts import date_texts
from snowmelt.sql.rewrite.dates import argument_order, dates
from snowmelt.sql.rewrite.dynamic_calls import dynamic_calls
from snowmelt.sql.rewrite.flatten import flatten
from snowmelt.sql.rewrite.frames import frames
from snowmelt.sql.rewrite.functions import resolve_functions, returned_types, sequences
from snowmelt.sql.rewrite.implicit_casts import implicit_casts
from snowmelt.sql.rewrite.inlining import inline_functions
from snowmelt.sql.rewrite.literals import bind
from snowmelt.sql.rewrite.moments import moments
from snowmelt.sql.rewrite.names import fold_identifiers, name_projections, positional_columns
from snowmelt.sql.rewrite.number_texts import number_texts
from snowmelt.sql.rewrite.parentheses import parentheses
from snowmelt.sql.rewrite.pivots import pivots
from snowmelt.sql.rewrite.qualifiers import qualified_columns
from snowmelt.sql.rewrite.relations import relations
from snowmelt.sql.rewrite.semistructured import extract_fields
from snowmelt.sql.rewrite.sequence_values import sequence_values
from snowmelt.sql.rewrite.sources import resolve_sources, resolve_stages, resolve_table_functions
from snowmelt.sql.rewrite.structured import structured
from snowmelt.sql.rewrite.table_calls import table_calls
from snowmelt.sql.rewrite.target_keys import target_keys
from snowmelt.sql.rewrite.using import using
from snowmelt.sql.rewrite.variant_comparisons import coerce_variants
from snowmelt.sql.rewrite.variant_groups import variant_groups
from snowmelt.sql.rewrite.wide_numbers import wide_numbers
from snowmelt.sql.typing import annotate

Rule = Callable[[exp.Expr, Resolver], exp.Expr]

RULES: tuple[Rule, ...] = (
    bind,
    dynamic_calls,
    table_calls,
    parentheses,
    checks,
    pivots,
    name_projections,
    inline_functions,
    computed_once,
    argument_order,
    fold_identifiers,
    sequence_values,
    qualified_columns,
    resolve_stages,
    positional_columns,
    resolve_table_functions,
    resolve_sources,
    using,
    relations,
    timestamp_types,
    conversions,
    returned_types,
    annotate,
    frames,
    wide_numbers,
    aliases,
    type_names,
    structured,
    moments,
    date_operands,
    implicit_casts,
    variant_groups,
    calls,
    coerce_variants,
    date_comparisons,
    dates,
    date_texts,
    number_texts,
    resolve_functions,
    extract_fields,
    flatten,
    sequences,
    texts,
    cast_types,
    target_keys,
    arithmetic,
)


def rewrite_tree(tree: exp.Expr, resolver: Resolver) -> exp.Expr:
    """A copy of a Snowflake tree after all rules; `engine_sql` renders it."""
    # A node at the top cannot be replaced in place, so the tree hangs below a holder while the rules run.
    holder = exp.Tuple(expressions=[tree.copy()])
    for rule in RULES:
        rule(holder, resolver)
    result: exp.Expr = holder.expressions[0]
    return result.pop()


def engine_sql(tree: exp.Expr) -> str:
    """DuckDB text of a rewritten tree, which is of no use afterwards.

    Raises:
        SqlError: 000002 for what the engine cannot express, 001003 when the tree nests too deeply to be written.
    """
    try:
        return tree.sql(dialect="duckdb", copy=False, unsupported_level=ErrorLevel.RAISE, comments=False)
    except UnsupportedError as error:
        raise unsupported(_named(str(error).splitlines()[0])) from error
    except RecursionError as error:
        raise too_deep() from error


def _named(message: str) -> str:
    """What sqlglot cannot translate, without the engine's name: the function if it names one."""
    function = re.search(r"\b(?!JSON\b)[A-Z][A-Z0-9]*_?[A-Z0-9_]{2,}\b", message)
    if function:
        return function.group()
    return re.sub(r"(?i) (?:is|are) not supported.*| has no duckdb equivalent|\bin duckdb\b|\bsnowflake ", "", message)


def rewrite(tree: exp.Expr, resolver: Resolver) -> str:
    """A Snowflake query or expression as DuckDB text.

    Raises:
        SqlError: for anything that does not exist or is not supported.
    """
    return engine_sql(rewrite_tree(tree, resolver))
