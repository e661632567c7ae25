"""Where one statement ends and the next begins.

A semicolon ends a statement unless it stands in quotes, in a comment (the tokenizer knows both) or in a block of
Snowflake Scripting, ``[DECLARE ...] BEGIN ... END``.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot.tokenizer_core import Token, TokenType

_TRANSACTION = frozenset({"TRANSACTION", "WORK", "NAME"})
_CLOSES_OTHERS = frozenset({"IF", "FOR", "LOOP", "WHILE", "REPEAT"})


def statements(tokens: list[Token]) -> Iterator[list[Token]]:
    """The tokens of each statement, without semicolons; empty statements are left out."""
    ends = [index for index, token in enumerate(tokens) if token.token_type == TokenType.SEMICOLON]
    if not ends or ends == [len(tokens) - 1]:
        if len(tokens) > len(ends):
            yield tokens[: len(tokens) - len(ends)]
        return
    first = 0
    for index, inside in _semicolons(tokens):
        if not inside:
            if index > first:
                yield tokens[first:index]
            first = index + 1
    if first < len(tokens):
        yield tokens[first:]


def is_open(tokens: list[Token]) -> bool:
    """Whether the last token is a semicolon in a block that has not ended."""
    return (len(tokens) - 1, True) in _semicolons(tokens)


def _semicolons(tokens: list[Token]) -> Iterator[tuple[int, bool]]:
    """The index of each semicolon, and whether it is in a block."""
    first = depth = 0
    declaring = False
    for index, token in enumerate(tokens):
        if token.token_type == TokenType.SEMICOLON:
            inside = depth > 0 or declaring
            yield index, inside
            first = first if inside else index + 1
            continue
        word = token.text.upper() if token.token_type not in _QUOTED else ""
        if word == "BEGIN" and _opens_block(tokens, index, first):
            depth, declaring = depth + 1, False
        elif word == "DECLARE" and (index == first or _word(tokens, index - 1) == "AS"):
            declaring = True
        elif depth and word == "CASE" and _word(tokens, index - 1) != "END":
            depth += 1
        elif depth and word == "END" and _word(tokens, index + 1) not in _CLOSES_OTHERS:
            depth -= 1


_QUOTED = frozenset({TokenType.STRING, TokenType.RAW_STRING, TokenType.IDENTIFIER})


def _word(tokens: list[Token], index: int) -> str:
    if not 0 <= index < len(tokens) or tokens[index].token_type in _QUOTED:
        return ""
    return tokens[index].text.upper()


def _opens_block(tokens: list[Token], index: int, first: int) -> bool:
    """Is the BEGIN at `index` that of a block? Not when it begins a transaction or is a mere name."""
    following = _word(tokens, index + 1)
    if index + 1 >= len(tokens) or following == ";" or following in _TRANSACTION:
        return False
    before = _word(tokens, index - 1)
    if before == "AS":  # and not SELECT x AS begin
        return _word(tokens, first) in ("CREATE", "ALTER")
    return index == first or before in (";", "BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", "IMMEDIATE")
