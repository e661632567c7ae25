"""The source text of each projection: Snowflake names a column without an alias by what was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

TEXTS = "snowmelt_texts"
"""Meta key of a SELECT: the source texts of its projections, in order."""

_OPEN = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSE = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})
_END = frozenset(
    {
        *(TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY, TokenType.HAVING, TokenType.QUALIFY),
        *(TokenType.ORDER_BY, TokenType.LIMIT, TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT),
        *(TokenType.FETCH, TokenType.OFFSET, TokenType.INTO),
    }
)


def note_texts(text: str, tokens: Sequence[Token], tree: exp.Expr) -> None:
    """Note at each SELECT of `tree` the texts of its projections, where they can be told apart for certain."""
    lists = [_items(text, tokens, i + 1) for i, t in enumerate(tokens) if t.token_type == TokenType.SELECT]
    selects = list(_selects(tree))
    if len(lists) != len(selects):
        return
    for select, items in zip(selects, lists, strict=True):
        if len(items) == len(select.expressions):
            select.meta[TEXTS] = items


def _items(text: str, tokens: Sequence[Token], first: int) -> list[str]:
    """The texts between the commas of the list that begins at a token."""
    if first < len(tokens) and tokens[first].token_type in (TokenType.DISTINCT, TokenType.ALL):
        first += 1
    found: list[str] = []
    depth, start = 0, first
    for i in range(first, len(tokens) + 1):
        kind = tokens[i].token_type if i < len(tokens) else None
        if kind in _OPEN:
            depth += 1
        elif kind in _CLOSE:
            depth -= 1
        # IS DISTINCT FROM is no FROM clause.
        distinct = kind == TokenType.FROM and tokens[i - 1].token_type == TokenType.DISTINCT
        ends = kind is None or depth < 0 or (depth == 0 and kind in _END and not distinct)
        if ends or (depth == 0 and kind == TokenType.COMMA):
            if i > start:
                found.append(text[tokens[start].start : tokens[i - 1].end + 1])
            start = i + 1
        if ends:
            break
    return found


def _selects(node: exp.Expr) -> Iterator[exp.Select]:
    """The SELECTs of a tree in the order in which they are written."""
    with_ = node.args.get("with_")
    if with_ is not None:
        yield from _selects(with_)
    if isinstance(node, exp.Select):
        yield node
    for child in node.iter_expressions():
        if child is not with_:
            yield from _selects(child)
