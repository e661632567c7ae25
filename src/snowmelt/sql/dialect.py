"""Snowflake's dialect as Snowmelt reads it: sqlglot's, without its silent fallbacks.

Tokens are made once per text (`tokenize`); every tree is parsed from a slice of them, so positions in errors are
positions in the text that the client sent.

sqlglot is compiled (``sqlglot[c]``), and compiled classes allow neither a subclass of the parser nor new node classes.
So what sqlglot reads differently from Snowflake is put right before parsing, on the tokens, and after it, by one walk
over the tree (`_checked`); and `ModelMethod` is a view of sqlglot's `exp.ModelAttribute`, not a node.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from snowmelt.base.errors import SqlError, syntax_error, unsupported, wrong_match_operator
from snowmelt.sql import limits
from snowmelt.sql.held_types import marked, may_hold
from snowmelt.sql.limits import too_deep
from snowmelt.sql.projections import note_texts
from snowmelt.sql.recursion import is_recursive


class SnowmeltDialect(Snowflake):
    """sqlglot's Snowflake dialect whose tokens are fit for our own statement parsers."""

    # Formats of dates and times stay as they are written (see snowmelt.sql.time_formats).
    TIME_MAPPING: dict[str, str] = {}

    class Tokenizer(Snowflake.Tokenizer):
        # sqlglot swallows the rest of EXECUTE, SHOW and other statements into one string token.
        COMMANDS: ClassVar[set[TokenType]] = set()
        # Two words are two tokens; so are a bind variable and the cast of it, which other systems have an operator for.
        KEYWORDS: ClassVar[dict[str, TokenType]] = {
            word: kind
            for word, kind in Snowflake.Tokenizer.KEYWORDS.items()
            if word not in {"FILE FORMAT", "STORAGE INTEGRATION", "SEMANTIC VIEW", "?::"}
        }


DIALECT = SnowmeltDialect()
"""The one instance; it holds no state of a parse."""

# What stands behind TABLE(...) goes to its node by this list; sqlglot reads a point in time there, and drops it.
exp.TableFromRows.arg_types.update(when=False, changes=False)


def place(text: str, offset: int) -> tuple[int, int]:
    """Line (from 1) and position in it (from 0) of a character of `text`, as Snowflake's messages count."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1)


def unexpected(text: str, token: Token | None) -> SqlError:
    """The syntax error at `token`, or at the end of `text` when there is none."""
    if token is None:
        return syntax_error("unexpected '<EOF>'", *place(text, len(text.rstrip())))
    return syntax_error(f"unexpected '{text[token.start : token.end + 1]}'", *place(text, token.start))


_PUT_PATH = re.compile(r"(?i)(?:\A|;)\s*PUT\s+file://[^\s'\";]*\*")


def _without_stars(path: re.Match[str]) -> str:
    """A path of PUT without what looks like the begin of a comment; the path itself is read from the text."""
    return path.group().replace("*", "_")


def tokenize(text: str) -> list[Token]:
    """The tokens of `text`; the n-th ``?`` bears n as its text.

    Raises:
        SqlError: 001003 for an unterminated string, identifier or comment, or nesting that is too deep; 000002 for too
            many words.
    """
    limits.check(text)
    try:
        tokens: list[Token] = DIALECT.tokenize(_PUT_PATH.sub(_without_stars, text))
    except TokenError as error:
        raise unexpected(text, None) from error
    if "?" in text:
        ordinal = 0
        for token in tokens:
            if token.token_type == TokenType.PLACEHOLDER:
                ordinal += 1
                token.text = str(ordinal)
    return tokens


def parse_tree(text: str, tokens: list[Token]) -> exp.Expression:
    """The tree of a query, INSERT, UPDATE, DELETE or MERGE made of `tokens`, a slice of those of `text`.

    Every bind is an `exp.Placeholder` with a name: ``:x`` that of x, the n-th ``?`` of the text that of ``:n``.

    Raises:
        SqlError: 001003 when the tokens are no such statement, 000002 for what Snowmelt refuses.
    """
    return _parse(text, tokens, lambda parser, made: parser.parse(made, text))


def parse_expression_tree(text: str, tokens: list[Token]) -> exp.Expression:
    """The tree of a single expression (no alias) made of `tokens`; otherwise as `parse_tree`."""
    return _parse(text, tokens, lambda parser, made: parser.parse_into(exp.Condition, made, text))


def parse_table_tree(text: str, tokens: list[Token]) -> exp.Expression:
    """The tree of a table's or stage's name made of `tokens`; otherwise as `parse_tree`."""
    return _parse(text, tokens, lambda parser, made: parser.parse_into(exp.Table, made, text))


def parse_type_tree(text: str, tokens: list[Token]) -> exp.DataType:
    """The tree of a data type made of `tokens`; otherwise as `parse_tree`."""
    return cast(exp.DataType, _parse(text, tokens, lambda parser, made: parser.parse_into(exp.DataType, made, text)))


def _parse(text: str, tokens: list[Token], run: Callable[[Any, list[Token]], list[Any]]) -> exp.Expression:
    if not tokens:
        raise unexpected(text, None)
    parser = DIALECT.parser()
    try:
        prepared = _prepared(tokens) if "?" in text or "!" in text else tokens
        trees = run(parser, marked(prepared) if may_hold(text) else prepared)
        if len(trees) != 1 or trees[0] is None:
            raise unexpected(text, tokens[0])
        tree = _checked(text, tokens, cast(exp.Expression, trees[0]))
        note_texts(text, tokens, tree)
        return tree
    except ParseError as error:
        raise _syntax_error(text, tokens, error) from error
    except RecursionError as error:
        raise too_deep() from error
    except (TypeError, AttributeError, ValueError, KeyError, IndexError) as error:
        # sqlglot trips over some malformed texts instead of reporting them.
        raise unexpected(text, tokens[0]) from error


def _prepared(tokens: Sequence[Token]) -> list[Token]:
    """`tokens` as sqlglot reads them rightly.

    Each ``?`` is written ``:n``, since the tree would not tell which bind it was. A method after ``!`` keeps that mark
    until `_checked` removes it, since sqlglot would take ``m!TRANSFORM(x)`` for the built-in function of that name.
    """
    made: list[Token] = []
    method = False
    for token in tokens:
        where = (token.line, token.col, token.start, token.end)
        if token.token_type == TokenType.PLACEHOLDER:
            made += (Token(TokenType.COLON, ":", *where), Token(TokenType.NUMBER, token.text, *where))
        elif method:
            name = token.text if token.token_type == TokenType.IDENTIFIER else token.text.upper()
            made.append(Token(TokenType.IDENTIFIER, f"!{name}", *where))
        else:
            made.append(token)
        method = token.token_type == TokenType.EXCLAMATION
    return made


def _checked(text: str, tokens: list[Token], tree: exp.Expression) -> exp.Expression:
    """`tree`, unless it holds what sqlglot let pass and Snowflake or Snowmelt would not."""
    binds: set[str] = set()
    stages = 0
    for node in tree.walk():
        kind = type(node)
        if node._meta is not None and len(node._meta) == len(_PLACES):
            # Where each word stood: nobody asks, and the copies that are made of a tree take three times as long.
            node._meta = None
        if kind is exp.Placeholder:
            binds.add(node.name)
        elif kind is exp.CTE and not isinstance(node.this, exp.Query):
            raise unexpected(text, tokens[0])
        elif kind is exp.With and not node.args.get("recursive"):
            node.set("recursive", is_recursive(cast(exp.With, node)))
        elif kind is exp.Var:
            stages += node.name.startswith("@")
        elif kind is exp.Identifier and node.this.startswith("!"):
            node.set("this", node.this[1:])
        elif kind in _REFUSED:
            raise unsupported(_REFUSED[kind])
    if "?" in text:
        for token in tokens:
            # In `a ?` the tokens `a : 1` would pass for the extraction of a field.
            if token.token_type == TokenType.PLACEHOLDER and token.text not in binds:
                raise unexpected(text, token)
    if "@" in text and stages < sum(token.text == "@" and token.start == token.end for token in tokens):
        # sqlglot reads the stage in SELECT @st as the session variable $st.
        raise unsupported("stage reference outside of FROM")
    return tree


_PLACES = ("line", "col", "start", "end")
"""What sqlglot notes at each name and literal."""

_REFUSED: dict[type, str] = {
    exp.Lock: "SELECT ... FOR UPDATE",
    exp.Into: "SELECT ... INTO outside of a block",
    exp.MatchRecognize: "MATCH_RECOGNIZE",
    exp.Command: "statement inside of a statement",
    exp.SemanticView: "SEMANTIC_VIEW",
    exp.DirectoryStage: "directory table",
}


_TOO_MANY = re.compile(r"The number of provided arguments \((\d+)\) is greater than the maximum .*\((\d+)\)")
_TOO_FEW = re.compile(r"Required keyword: '\w+' missing for <class '[\w.]+\.(\w+)'>")


def _wrong_number(text: str, tokens: list[Token], end: int, description: str) -> SqlError | None:
    """The error of a function that was given too many or too few arguments; its parenthesis closes at token `end`."""
    many, few = _TOO_MANY.search(description), _TOO_FEW.search(description)
    if (many is None and few is None) or tokens[end].token_type != TokenType.R_PAREN:
        return None
    depth, start, given = 0, end, 0
    while start > 0:
        kind = tokens[start].token_type
        depth += (kind == TokenType.R_PAREN) - (kind == TokenType.L_PAREN)
        given += kind == TokenType.COMMA and depth == 1
        if depth == 0:
            break
        start -= 1
    if start == 0 or tokens[start - 1].token_type == TokenType.L_PAREN:
        return None
    given += start + 1 < end
    call = text[tokens[start - 1].start : tokens[end].end + 1]
    line, position = place(text, tokens[start - 1].start)
    if many is not None:
        code, what, expected = 939, "too many", many.group(2)
    else:
        assert few is not None
        types = getattr(exp, few.group(1)).arg_types
        code, what, expected = 938, "not enough", str(sum(types.values()))
    return SqlError(
        f"SQL compilation error: error line {line} at position {position}\n"
        f"{what} arguments for function [{call}] expected {expected}, got {given}",
        code,
        "22023",
    )


def _inner_alias(tokens: list[Token], end: int) -> Token | None:
    """The AS of an alias within parentheses, which sqlglot takes, before a token that it does not take."""
    depth, found = 0, None
    for index in range(end - 1, 0, -1):
        kind = tokens[index].token_type
        depth += (kind == TokenType.R_PAREN) - (kind == TokenType.L_PAREN)
        if depth < 0:
            queried = tokens[index + 1].token_type in (TokenType.SELECT, TokenType.WITH)
            called = tokens[index - 1].token_type in (TokenType.VAR, TokenType.TABLE, TokenType.VALUES)
            return None if queried or called else found
        if depth == 0 and kind == TokenType.ALIAS:
            found = tokens[index]
    return None


_NO_MATCH = (TokenType.EQ, TokenType.NEQ, TokenType.AND, TokenType.OR)


def _in_match_condition(tokens: list[Token], end: int) -> bool:
    """Whether the innermost parenthesis around a token is that of MATCH_CONDITION."""
    depth = 0
    for index in range(end - 1, 0, -1):
        kind = tokens[index].token_type
        depth += (kind == TokenType.R_PAREN) - (kind == TokenType.L_PAREN)
        if depth < 0:
            return tokens[index - 1].token_type == TokenType.MATCH_CONDITION
    return False


def _syntax_error(text: str, tokens: list[Token], error: ParseError) -> SqlError:
    found = error.errors[0] if error.errors else {}
    highlight, end = found.get("highlight"), (found.get("line"), found.get("col"))
    for index, token in enumerate(tokens):
        if (token.line, token.col) == end:
            wrong = _wrong_number(text, tokens, index, str(found.get("description")))
            if wrong is not None:
                return wrong
            if token.token_type in _NO_MATCH and _in_match_condition(tokens, index):
                return wrong_match_operator()
            # When the text ends too early sqlglot points at its last token.
            early = index == len(tokens) - 1 and str(found.get("description")).startswith(("Expect", "Required"))
            if early and token.text not in (",", ")"):
                return syntax_error("unexpected '<EOF>'", *place(text, token.end + 1))
            return unexpected(text, _inner_alias(tokens, index) or token)
    return syntax_error(f"unexpected '{highlight}'") if highlight else unexpected(text, tokens[0])


@dataclass(frozen=True)
class ModelMethod:
    """``m!PREDICT(args)`` or ``MODEL(db.s.m, v)!PREDICT(args)``, read from an `exp.ModelAttribute`.

    Attributes:
        node: the node that this describes; replace it to rewrite the call.
        parts: the model's name, one identifier for each dotted part.
        version: identifier of a version or an alias; None for the default version.
        method: identifier of the method, already folded.
        arguments: the call's arguments.
        window: the OVER clause's node in ``TABLE(m!FIT(x) OVER (PARTITION BY y))``, else None.
    """

    node: exp.ModelAttribute
    parts: tuple[exp.Identifier, ...]
    version: exp.Identifier | None
    method: exp.Identifier
    arguments: tuple[exp.Expression, ...]
    window: exp.Window | None = None


def model_method(node: exp.ModelAttribute) -> ModelMethod:
    """What an `exp.ModelAttribute` of a tree made by this module says.

    Raises:
        SqlError: 001003 when it is not a method call on a model's name.
    """
    called = cast(exp.Expression, node.expression)
    window = called if isinstance(called, exp.Window) else None
    if window is not None:
        called = window.this
    if not isinstance(called, exp.Anonymous) or not isinstance(called.this, exp.Identifier):
        raise syntax_error(f"unexpected '!{called.sql('snowflake')}'")
    model: exp.Expression = node.this
    version: exp.Identifier | None = None
    if isinstance(model, exp.Anonymous) and model.name.upper() == "MODEL" and len(model.expressions) in (1, 2):
        model, *versions = model.expressions
        version = _identifier(versions[0]) if versions else None
    return ModelMethod(node, tuple(_parts(model)), version, called.this, tuple(called.expressions), window)


def _identifier(node: exp.Expression) -> exp.Identifier:
    if isinstance(node, exp.Column) and len(node.parts) == 1:
        node = node.this
    if not isinstance(node, exp.Identifier):
        raise syntax_error(f"unexpected '{node.sql('snowflake')}'")
    return node


def _parts(node: exp.Expression) -> list[exp.Identifier]:
    """The identifiers of a dotted name, whether sqlglot took it for a column or for a chain of dots."""
    if isinstance(node, exp.Dot):
        return [*_parts(node.this), _identifier(node.expression)]
    if isinstance(node, exp.Column):
        return [_identifier(cast(exp.Expression, part)) for part in node.parts]
    return [_identifier(node)]
