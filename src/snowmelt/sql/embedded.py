"""The tokens of SQL statements in a block: binds ``:name``, columns of rows ``:row.column``, and INTO clauses."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from snowmelt.sql.cursor import Cursor

_TAKES_INTO = frozenset({"SELECT", "WITH", "CALL"})


def _is_bind(tokens: Sequence[Token], index: int) -> bool:
    """Is the token at `index` the colon of a bind, and not that of a path, ``v:field``?"""
    if tokens[index].token_type != TokenType.COLON or index + 1 >= len(tokens):
        return False
    if tokens[index + 1].start != tokens[index].end + 1:
        return False
    if index == 0:
        return True
    before = tokens[index - 1]
    if before.end + 1 < tokens[index].start:
        return True
    if before.token_type in (TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET):
        return False
    return not (before.text[-1:].isalnum() or before.text[-1:] == "_")


def joined(tokens: list[Token]) -> list[Token]:
    """`tokens` with the name of each bind ``:row.column`` in one token, as sqlglot reads a bind's name."""
    made: list[Token] = []
    index = 0
    while index < len(tokens):
        made.append(tokens[index])
        if _is_bind(tokens, index):
            token = tokens[index + 1]
            path = index + 3 < len(tokens) and tokens[index + 2].token_type == TokenType.DOT
            if path:
                column = tokens[index + 3]
                name = f"{token.text}.{column.text}"
                made.append(Token(TokenType.VAR, name, token.line, token.col, token.start, column.end))
            else:
                # A name that is also a keyword, such as :date, is a name here.
                number = token.token_type == TokenType.NUMBER
                kind = TokenType.NUMBER if number else TokenType.VAR
                made.append(Token(kind, token.text, token.line, token.col, token.start, token.end))
            index += 3 if path else 1
        index += 1
    return made


def binds_of(tokens: list[Token]) -> tuple[str, ...]:
    """The names of the binds of a statement as they are written, each once; ``?`` by its number."""
    found: dict[str, None] = {}
    tokens = joined(tokens)
    for index, token in enumerate(tokens):
        if token.token_type == TokenType.PLACEHOLDER:
            found[token.text] = None
        elif _is_bind(tokens, index):
            found[tokens[index + 1].text] = None
    return tuple(found)


def without_into(tokens: list[Token]) -> tuple[list[Token], tuple[str, ...]]:
    """The tokens of a SELECT or CALL without ``INTO :a, :b``, and the folded names in it."""
    if not tokens or tokens[0].text.upper() not in _TAKES_INTO:
        return tokens, ()
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0 and token.token_type == TokenType.INTO and index + 1 < len(tokens):
            if tokens[index + 1].token_type != TokenType.COLON:
                return tokens, ()
            cursor = Cursor("", tokens)
            cursor.index = index + 1
            names: list[str] = []
            while not names or cursor.take(","):
                cursor.expect(":")
                names.append(cursor.identifier())
            return [*tokens[:index], *tokens[cursor.index :]], tuple(names)
    return tokens, ()
