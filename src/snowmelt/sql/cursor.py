"""A cursor over one statement's tokens: what all statement parsers are written with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from snowmelt.base.datatypes import DataType, parse_type
from snowmelt.base.errors import SqlError, unsupported
from snowmelt.catalog.names import Name, fold, parse_name
from snowmelt.sql.dialect import parse_expression_tree, parse_tree, parse_type_tree, unexpected
from snowmelt.sql.held_types import STRUCTURED, parsed_type

_STRINGS = frozenset({TokenType.STRING, TokenType.RAW_STRING})
_QUOTED = frozenset({*_STRINGS, TokenType.IDENTIFIER})
_OPEN = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSE = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})


@dataclass(frozen=True)
class Outside:
    """What a statement takes from outside of its text where a name or an option's value stands.

    Attributes:
        binds: texts of bind variables, by position (``"1"``) or by name; as in `Request.bindings`.
        variables: texts of session variables by folded name, for ``IDENTIFIER($x)``.
    """

    binds: Mapping[str, str | None] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


NOTHING = Outside()


class Cursor:
    """A position in the tokens of one statement.

    Words are compared without regard to case and never match quoted text; a word of `at` and `take` is the text of
    one token, so symbols count as words too.
    """

    def __init__(self, text: str, tokens: Sequence[Token], outside: Outside = NOTHING) -> None:
        self.text = text
        self.tokens = list(tokens)
        self.outside = outside
        self.index = 0

    # --- looking and taking ----------------------------------------------------------------------------------------

    @property
    def token(self) -> Token | None:
        """The current token, or None at the end."""
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    @property
    def done(self) -> bool:
        return self.index >= len(self.tokens)

    def word(self, ahead: int = 0) -> str:
        """The current token in upper case when it is not quoted, else ''."""
        if self.index + ahead >= len(self.tokens):
            return ""
        token = self.tokens[self.index + ahead]
        if token.token_type in _QUOTED:
            return ""
        # PRIMARY KEY and the like are one token, whatever blanks are between.
        return token.text.upper() if token.text.isalnum() else " ".join(token.text.upper().split())

    def at(self, *words: str) -> bool:
        """Do the next tokens spell `words`?"""
        return all(self.word(ahead) == word for ahead, word in enumerate(words))

    def take(self, *words: str) -> bool:
        """Step over `words` if they come next."""
        if not self.at(*words):
            return False
        self.index += len(words)
        return True

    def take_one_of(self, *words: str) -> str | None:
        """Step over one of the single words `words` and return it."""
        word = self.word()
        if word not in words:
            return None
        self.index += 1
        return word

    def expect(self, *words: str) -> None:
        """Step over `words`, which must come next."""
        for word in words:
            if not self.take(word):
                raise self.unexpected()

    def step(self) -> Token:
        """Step over one token, whatever it is."""
        token = self.token
        if token is None:
            raise self.unexpected()
        self.index += 1
        return token

    def end(self) -> None:
        """The statement must be over."""
        if not self.done:
            raise self.unexpected()

    def unexpected(self) -> SqlError:
        """The syntax error at the current token."""
        return unexpected(self.text, self.token)

    # --- source text -----------------------------------------------------------------------------------------------

    def source(self, first: int, last: int) -> str:
        """The source text of the tokens with index `first` up to, not including, `last`."""
        if first >= last:
            return ""
        return self.text[self.tokens[first].start : self.tokens[last - 1].end + 1]

    def rest(self) -> str:
        """The source text from here to the end, which must not be empty; steps over it."""
        if self.done:
            raise self.unexpected()
        first, self.index = self.index, len(self.tokens)
        return self.source(first, self.index)

    def until(self, *words: str) -> int:
        """Step to the next of `words` outside of parentheses, a closing parenthesis or the end; index where it began.

        A word directly at the start does not end it.
        """
        first, depth = self.index, 0
        while (token := self.token) is not None:
            if token.token_type in _OPEN:
                depth += 1
            elif token.token_type in _CLOSE:
                if depth == 0:
                    break
                depth -= 1
            elif depth == 0 and self.index > first and self.word() in words:
                break
            self.index += 1
        if self.index == first:
            raise self.unexpected()
        return first

    def skip_parentheses(self) -> None:
        """Step over a parenthesised group."""
        self.expect("(")
        if not self.at(")"):
            self.until()
        self.expect(")")

    def items(self) -> Iterator[int]:
        """Iterate over a parenthesised list: yields an item's number; the loop's body must step over the item."""
        self.expect("(")
        count = 0
        while not self.take(")"):
            if count:
                self.expect(",")
            yield count
            count += 1

    # --- names -----------------------------------------------------------------------------------------------------

    def identifier(self) -> str:
        """An identifier, folded."""
        token = self.token
        if token is None or token.token_type in _STRINGS:
            raise self.unexpected()
        if token.token_type == TokenType.IDENTIFIER:
            self.index += 1
            return token.text
        if not token.text or not (token.text[0].isalpha() or token.text[0] == "_") or " " in token.text:
            raise self.unexpected()
        self.index += 1
        return token.text.upper()

    def identifiers(self) -> tuple[str, ...]:
        """A parenthesised list of identifiers, folded."""
        return tuple(self.identifier() for _ in self.items())

    def name(self) -> Name:
        """A dotted name of one to three parts, or ``IDENTIFIER('text' | ? | $variable)``."""
        if self.at("IDENTIFIER", "("):
            return self._identifier_function()
        parts = [self.identifier()]
        while self.take("."):
            # In db..t the schema is PUBLIC.
            parts.append("PUBLIC" if self.at(".") else self.identifier())
        if len(parts) > 3:
            self.index -= 1
            raise self.unexpected()
        return Name(*parts[::-1])

    def names(self) -> tuple[Name, ...]:
        """One or more names, separated by commas."""
        found = [self.name_or_string()]
        while self.take(","):
            found.append(self.name_or_string())
        return tuple(found)

    def name_or_string(self) -> Name:
        """A name, or a string that holds one."""
        return parse_name(self.string()) if self.at_string() else self.name()

    def _identifier_function(self) -> Name:
        self.expect("IDENTIFIER", "(")
        text = self.string() if self.at_string() else self._from_outside()
        found = self.name() if text is None else parse_name(text)
        self.expect(")")
        return found

    def _from_outside(self) -> str | None:
        """The text of a bind or session variable that comes next, None when none does."""
        token = self.token
        if token is not None and token.token_type == TokenType.PLACEHOLDER:
            self.index += 1
            return self._bound(token.text, "?")
        if self.at(":"):
            self.index += 1
            key = self.step().text
            return self._bound(key, f":{key}")
        if self.at("$"):
            self.index += 1
            return self._variable(self.step().text)
        return None

    def _variable(self, name: str) -> str:
        variable = fold(name)
        value = self.outside.variables.get(variable)
        if value is None:
            raise SqlError(f"SQL compilation error:\nSession variable '${variable}' does not exist", 2211, "02000")
        return value

    def _bound(self, key: str, shown: str) -> str:
        value = self.outside.binds.get(key)
        if value is None:
            raise SqlError(f"SQL compilation error:\nBind variable {shown} not set.", 2049, "42601")
        return value

    # --- literals and options --------------------------------------------------------------------------------------

    def at_string(self) -> bool:
        token = self.token
        return token is not None and token.token_type in _STRINGS

    def string(self) -> str:
        """A string in quotes or ``$$``, or a bind that holds one."""
        if not self.at_string():
            text = self._from_outside()
            if text is None:
                raise self.unexpected()
            return text
        return self.step().text

    def integer(self) -> int:
        """A whole number, with a sign or without."""
        sign = -1 if self.take("-") else 1
        self.take("+")
        token = self.token
        if token is None or token.token_type != TokenType.NUMBER or not token.text.isdigit():
            raise self.unexpected()
        self.index += 1
        return sign * int(token.text)

    def boolean(self) -> bool:
        """TRUE or FALSE."""
        word = self.take_one_of("TRUE", "FALSE")
        if word is None:
            raise self.unexpected()
        return word == "TRUE"

    def value(self) -> Any:
        """An option's value as a Python value.

        Strings and binds become str, numbers int or float, TRUE and FALSE bool. ``(a, b)`` becomes a list and
        ``(a = 1 b = 2)`` a dict. A plain word becomes upper-case str; quoted and dotted names stay source text.
        """
        token = self.token
        if token is None:
            raise self.unexpected()
        if token.token_type in _STRINGS:
            return self.step().text
        if self.at("("):
            return self._group()
        bound = self._from_outside()
        if bound is not None:
            return bound
        if token.token_type == TokenType.NUMBER or self.word() in ("-", "+"):
            return self._number()
        first = self.index
        word = self.identifier()
        while self.take("."):
            self.identifier()
        if self.index > first + 1 or token.token_type == TokenType.IDENTIFIER:
            return self.source(first, self.index)
        if word.startswith("SKIP_FILE_") and self.take("%"):
            return word + "%"
        return {"TRUE": True, "FALSE": False}.get(word, word)

    def _number(self) -> int | float:
        sign = -1 if self.take_one_of("-", "+") == "-" else 1
        token = self.step()
        if token.token_type != TokenType.NUMBER:
            self.index -= 1
            raise self.unexpected()
        return sign * (int(token.text) if token.text.isdigit() else float(token.text))

    def _group(self) -> dict[str, Any] | list[Any]:
        self.expect("(")
        pairs: dict[str, Any] = {}
        values: list[Any] = []
        while not self.take(")"):
            if self.word(1) == "=":
                key = self.identifier()
                self.expect("=")
                pairs[key] = self.value()
            else:
                values.append(self.value())
            self.take(",")
        if pairs and values:
            self.index -= 1
            raise self.unexpected()
        return pairs or values

    def options(self) -> dict[str, Any]:
        """``KEY = value`` pairs, with or without commas between, up to what is no such pair; keys in upper case."""
        found: dict[str, Any] = {}
        while self.word(1) == "=":
            key = self.identifier()
            self.expect("=")
            found[key] = self.value()
            if self.at(",") and self.word(2) == "=":
                self.index += 1
        return found

    def location(self) -> str:
        """A stage path ``@stage/dir/file`` or ``file://`` path, quoted or not, as text without the outer quotes."""
        if self.at_string():
            return self.step().text
        bound = self._from_outside()
        if bound is not None:
            return bound
        token = self.token
        if token is None or (token.text != "@" and token.token_type != TokenType.URI_START):
            raise self.unexpected()
        first = self.index
        self.index += 1
        while (following := self.token) is not None:
            # A path ends at a blank; commas and parentheses belong to what is around it.
            if following.start != self.tokens[self.index - 1].end + 1 or following.text in (",", "(", ")"):
                break
            self.index += 1
        return self.source(first, self.index)

    # --- types and trees -------------------------------------------------------------------------------------------

    def data_type(self) -> DataType:
        """A data type."""
        first = self.index
        word = self.step().text.upper()
        if word in ("DOUBLE", "CHAR", "CHARACTER", "NCHAR"):
            self.take_one_of("PRECISION", "VARYING")
        elif word == "TIMESTAMP" and self.word() in ("WITH", "WITHOUT"):
            return self._zoned_timestamp()
        if self.at("("):
            self.skip_parentheses()
        if word in STRUCTURED and self.index > first + 1:
            raise unsupported(f"structured type {self.source(first, self.index)}")
        return parse_type(self.source(first, self.index))

    def column_type(self) -> DataType:
        """A data type that may be a structured one, as those of tables' columns may be."""
        first = self.index
        if self.word() not in STRUCTURED or self.word(1) != "(":
            return self.data_type()
        self.index += 1
        self.skip_parentheses()
        return parsed_type(parse_type_tree(self.text, self.tokens[first : self.index]))

    def _zoned_timestamp(self) -> DataType:
        with_zone = self.step().text.upper() == "WITH"
        local = self.take("LOCAL")
        self.expect("TIME", "ZONE")
        return parse_type("TIMESTAMP_NTZ" if not with_zone else "TIMESTAMP_LTZ" if local else "TIMESTAMP_TZ")

    def tree(self) -> exp.Expression:
        """The rest of the statement as a query or DML tree."""
        first, self.index = self.index, len(self.tokens)
        tree = parse_tree(self.text, self.tokens[first:])
        if isinstance(tree, exp.DML):
            self._name_target(tree.find(exp.DynamicIdentifier))
        return tree

    def _name_target(self, node: exp.Expression | None) -> None:
        """Let ``IDENTIFIER(:t)``, where a statement changes rows, be the name that it stands for."""
        table = None if node is None else node.parent
        if node is None or not isinstance(table, exp.Table) or isinstance(table.parent, (exp.From, exp.Join)):
            return
        given = node.this
        if isinstance(given, exp.Placeholder):
            text = self._bound(given.name, f":{given.name}")
        elif isinstance(given, exp.Parameter):
            text = self._variable(given.name)
        else:
            text = given.name
        name = parse_name(text)
        parts = (("this", name.name), ("db", name.schema), ("catalog", name.database))
        for key, part in parts:
            table.set(key, exp.to_identifier(part, quoted=True) if part is not None else None)

    def query(self) -> exp.Query:
        """The rest of the statement as a query."""
        first = self.index
        tree = self.tree()
        if not isinstance(tree, exp.Query):
            self.index = first
            raise self.unexpected()
        return tree

    def expression(self, *ends: str) -> exp.Expression:
        """An expression that reaches to one of the words `ends`, a closing parenthesis or the end."""
        first = self.until(*ends)
        return parse_expression_tree(self.text, self.tokens[first : self.index])

    def expression_text(self, *ends: str) -> str:
        """As `expression`, but the source text; its syntax is checked."""
        first = self.until(*ends)
        parse_expression_tree(self.text, self.tokens[first : self.index])
        return self.source(first, self.index)

    @contextmanager
    def within(self) -> Iterator[Cursor]:
        """A cursor over the inside of the parenthesised group that comes next; it must be used up."""
        first = self.index
        self.skip_parentheses()
        inner = Cursor(self.text, self.tokens[first + 1 : self.index - 1], self.outside)
        yield inner
        inner.end()
