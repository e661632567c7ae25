"""Blocks of Snowflake Scripting: tokens to the nodes of `snowmelt.sql.blocks`.

SQL statements in a block are parsed by the parsers of statements. A bind that stands for a name, such as
``IDENTIFIER(:t)``, is known only when the block runs; such a statement is parsed again then (`embedded`).

Source: docs.snowflake.com/en/sql-reference-snowflake-scripting
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import Token

from snowmelt.base.errors import unsupported
from snowmelt.sql import blocks as b
from snowmelt.sql.cursor import Cursor, Outside
from snowmelt.sql.dialect import parse_expression_tree, place
from snowmelt.sql.embedded import binds_of, joined, without_into
from snowmelt.sql.statements import Statement

Nested = Callable[[Cursor], Statement]
"""Parses the statement that the rest of a cursor holds."""

_TRANSACTION = frozenset({"TRANSACTION", "WORK", "NAME", ";"})
_REFUSED = {"ASYNC": "ASYNC", "AWAIT": "AWAIT", "CANCEL": "CANCEL", "GOTO": "GOTO"}
_ASSIGNED = (":=", "DEFAULT")


def starts_block(cursor: Cursor) -> bool:
    """Does a block come next, and no BEGIN of a transaction?"""
    if cursor.at("DECLARE"):
        return True
    return cursor.at("BEGIN") and cursor.word(1) not in _TRANSACTION and cursor.index + 1 < len(cursor.tokens)


def block_statement(nested: Nested, cursor: Cursor) -> Statement:
    """An anonymous block."""
    return b.RunBlock(BlockParser(cursor, nested).block())


def execute_immediate(cursor: Cursor) -> Statement:
    """EXECUTE IMMEDIATE text [USING (a, b)], or FROM a file, outside of a block."""
    cursor.expect("EXECUTE", "IMMEDIATE")
    if cursor.take("FROM"):
        return _from_file(cursor)
    source = cursor.expression("USING")
    using = tuple(cursor.expression(",") for _ in cursor.items()) if cursor.take("USING") else ()
    return b.RunText(source=source, using=using)


def _from_file(cursor: Cursor) -> Statement:
    location = cursor.location()
    for word in ("USING", "DRY_RUN"):
        if cursor.at(word):
            raise unsupported(f"EXECUTE IMMEDIATE FROM ... {word}")
    return b.RunFile(location)


def parse_block(cursor: Cursor, nested: Nested) -> b.Block:
    """The block that a whole text holds, such as a procedure's body; a semicolon may follow it.

    Raises:
        SqlError: 001003 for anything else.
    """
    made = BlockParser(cursor, nested).block()
    cursor.take(";")
    cursor.end()
    return made


class BlockParser:
    """Parses one block; one method for each statement."""

    def __init__(self, cursor: Cursor, nested: Nested) -> None:
        self.cursor = cursor
        self._nested = nested
        self._statements: dict[str, Callable[[], b.Node]] = {
            "LET": self._let,
            "IF": self._if,
            "CASE": self._case,
            "FOR": self._for,
            "WHILE": self._while,
            "REPEAT": self._repeat,
            "LOOP": self._loop,
            "BREAK": self._jump,
            "EXIT": self._jump,
            "CONTINUE": self._jump,
            "ITERATE": self._jump,
            "RETURN": self._return,
            "OPEN": self._open,
            "FETCH": self._fetch,
            "CLOSE": self._close,
            "RAISE": self._raise,
            "NULL": self._null,
            "DECLARE": self.block,
        }

    # --- blocks ------------------------------------------------------------------------------------------------------

    def block(self) -> b.Block:
        """[DECLARE ...] BEGIN ... [EXCEPTION ...] END."""
        cursor, at = self.cursor, self._place()
        declarations: list[b.Node] = []
        if cursor.take("DECLARE"):
            while not cursor.at("BEGIN"):
                declarations.append(self._declaration())
                cursor.expect(";")
        cursor.expect("BEGIN")
        body = self._until("EXCEPTION", "END")
        handlers: list[b.Handler] = []
        if cursor.take("EXCEPTION"):
            if not cursor.at("WHEN"):
                raise cursor.unexpected()
            while cursor.at("WHEN"):
                handlers.append(self._handler())
        cursor.expect("END")
        return b.Block(tuple(declarations), body, tuple(handlers), **at)

    def _handler(self) -> b.Handler:
        cursor, at = self.cursor, self._place()
        cursor.expect("WHEN")
        names = [cursor.identifier()]
        while cursor.take("OR"):
            names.append(cursor.identifier())
        action = cursor.take_one_of("EXIT", "CONTINUE")
        cursor.expect("THEN")
        return b.Handler(tuple(names), self._until("WHEN", "END"), action == "CONTINUE", **at)

    def _until(self, *ends: str) -> tuple[b.Node, ...]:
        """The statements up to one of the words `ends`; there must be one."""
        found: list[b.Node] = []
        while not found or self.cursor.word() not in ends:
            found.append(self._statement())
            self.cursor.expect(";")
        return tuple(found)

    # --- declarations ------------------------------------------------------------------------------------------------

    def _declaration(self) -> b.Node:
        cursor, at = self.cursor, self._place()
        name = cursor.identifier()
        if cursor.take("CURSOR"):
            cursor.expect("FOR")
            return b.DeclareCursor(name, self._cursor_source(), **at)
        if cursor.take("RESULTSET"):
            return b.DeclareResultSet(name, self._rows() if cursor.take_one_of(*_ASSIGNED) else None, **at)
        if cursor.take("EXCEPTION"):
            return self._exception(name, at)
        if cursor.at("PROCEDURE"):
            raise unsupported("nested stored procedure")
        data_type = None if cursor.word() in _ASSIGNED else cursor.data_type()
        value = self._expression(";") if cursor.take_one_of(*_ASSIGNED) else None
        return b.DeclareVariable(name, data_type, value, **at)

    def _exception(self, name: str, at: dict[str, Any]) -> b.DeclareException:
        cursor = self.cursor
        if not cursor.take("("):
            return b.DeclareException(name, **at)
        number = cursor.integer()
        cursor.expect(",")
        message = cursor.string()
        cursor.expect(")")
        return b.DeclareException(name, number, message, **at)

    def _cursor_source(self) -> b.Sql | str:
        cursor = self.cursor
        if cursor.word() in ("SELECT", "WITH", "("):
            return self._sql()
        return cursor.identifier()

    def _rows(self) -> b.Query:
        """What fills a RESULTSET: a statement in parentheses."""
        cursor = self.cursor
        if cursor.word() in ("ASYNC", "AWAIT"):
            raise unsupported(cursor.word())
        inner = self._inside()
        made = BlockParser(inner, self._nested)._query()
        inner.end()
        return made

    def _inside(self) -> Cursor:
        """A cursor over the parenthesised group that comes next, which is stepped over."""
        cursor = self.cursor
        first = cursor.index
        cursor.skip_parentheses()
        return Cursor(cursor.text, cursor.tokens[first + 1 : cursor.index - 1], cursor.outside)

    def _query(self) -> b.Query:
        immediate = self.cursor.at("EXECUTE", "IMMEDIATE") and not self.cursor.at("EXECUTE", "IMMEDIATE", "FROM")
        return self._execute() if immediate else self._sql()

    # --- statements --------------------------------------------------------------------------------------------------

    def _statement(self) -> b.Node:
        cursor = self.cursor
        word = cursor.word()
        if cursor.word(1) == ":=":
            return self._assign()
        if word in _REFUSED:
            raise unsupported(_REFUSED[word])
        if starts_block(cursor):
            return self.block()
        parser = self._statements.get(word)
        return parser() if parser is not None else self._query()

    def _sql(self) -> b.Sql:
        """A SQL statement up to the semicolon or the end."""
        cursor, at = self.cursor, self._place()
        if cursor.done:
            raise cursor.unexpected()
        first = cursor.until(";")
        tokens = cursor.tokens[first : cursor.index]
        text = cursor.source(first, cursor.index)
        taken, into = without_into(tokens)
        asked = _Asked()
        statement = _parsed(cursor.text, taken, self._nested, Outside(asked, asked))
        parsed = None if asked.was_asked else replace(statement, text=text)
        return b.Sql(text, parsed, binds_of(taken), into, **at)

    def _execute(self) -> b.ExecuteImmediate:
        cursor, at = self.cursor, self._place()
        cursor.expect("EXECUTE", "IMMEDIATE")
        source = self._expression(";", "USING", "INTO")
        into: tuple[str, ...] = ()
        using: tuple[b.Expression, ...] = ()
        while cursor.word() in ("INTO", "USING"):
            if cursor.take("INTO"):
                into = self._targets()
            else:
                cursor.expect("USING")
                using = tuple(self._expression(",") for _ in cursor.items())
        return b.ExecuteImmediate(source, using, into, **at)

    def _let(self) -> b.Node:
        self.cursor.expect("LET")
        made = self._declaration()
        if isinstance(made, b.DeclareException):
            raise self.cursor.unexpected()
        return made

    def _assign(self) -> b.Assign:
        cursor, at = self.cursor, self._place()
        name = cursor.identifier()
        cursor.expect(":=")
        if cursor.at("(") and cursor.word(1) in _ROWS_ONLY:
            return b.Assign(name, None, self._rows(), **at)
        if cursor.at("(") and cursor.word(1) in ("SELECT", "WITH"):
            # One value for a variable, rows for a RESULTSET: which of them is known when the block runs.
            first = cursor.index
            query = self._rows()
            if cursor.at(";"):
                cursor.index = first
                return b.Assign(name, self._expression(";"), query, **at)
            cursor.index = first
        return b.Assign(name, self._expression(";"), **at)

    def _if(self) -> b.If:
        cursor, at = self.cursor, self._place()
        branches: list[tuple[b.Expression, tuple[b.Node, ...]]] = []
        while cursor.take_one_of("IF", "ELSEIF"):
            condition = self._condition()
            cursor.expect("THEN")
            branches.append((condition, self._until("ELSEIF", "ELSE", "END")))
        otherwise = self._until("END") if cursor.take("ELSE") else ()
        cursor.expect("END", "IF")
        return b.If(tuple(branches), otherwise, **at)

    def _case(self) -> b.Case:
        cursor, at = self.cursor, self._place()
        cursor.expect("CASE")
        operand = None if cursor.at("WHEN") else self._condition()
        branches: list[tuple[b.Expression, tuple[b.Node, ...]]] = []
        while cursor.take("WHEN"):
            condition = self._expression("THEN")
            cursor.expect("THEN")
            branches.append((condition, self._until("WHEN", "ELSE", "END")))
        if not branches:
            raise cursor.unexpected()
        otherwise = self._until("END") if cursor.take("ELSE") else ()
        cursor.expect("END")
        cursor.take("CASE")
        return b.Case(operand, tuple(branches), otherwise, **at)

    def _for(self) -> b.Node:
        cursor, at = self.cursor, self._place()
        cursor.expect("FOR")
        name = cursor.identifier()
        cursor.expect("IN")
        reverse = cursor.take("REVERSE")
        if not reverse and cursor.word(1) in ("DO", "LOOP"):
            source = cursor.identifier()
            body, label = self._body("FOR")
            return b.RowLoop(name, source, body, label, **at)
        first = self._expression("TO")
        cursor.expect("TO")
        last = self._expression("DO", "LOOP")
        body, label = self._body("FOR")
        return b.CountedLoop(name, first, last, reverse, body, label, **at)

    def _body(self, kind: str) -> tuple[tuple[b.Node, ...], str | None]:
        """DO ... END FOR [label]."""
        cursor = self.cursor
        if not cursor.take_one_of("DO", "LOOP"):
            raise cursor.unexpected()
        body = self._until("END")
        cursor.expect("END")
        if not cursor.take_one_of(kind, "LOOP"):
            raise cursor.unexpected()
        return body, self._label()

    def _while(self) -> b.Loop:
        cursor, at = self.cursor, self._place()
        cursor.expect("WHILE")
        condition = self._condition()
        body, label = self._body("WHILE")
        return b.Loop(body, label, condition=condition, **at)

    def _repeat(self) -> b.Loop:
        cursor, at = self.cursor, self._place()
        cursor.expect("REPEAT")
        body = self._until("UNTIL")
        cursor.expect("UNTIL")
        condition = self._condition()
        cursor.expect("END", "REPEAT")
        return b.Loop(body, self._label(), until=condition, **at)

    def _loop(self) -> b.Loop:
        cursor, at = self.cursor, self._place()
        cursor.expect("LOOP")
        body = self._until("END")
        cursor.expect("END", "LOOP")
        return b.Loop(body, self._label(), **at)

    def _label(self) -> str | None:
        return None if self.cursor.done or self.cursor.at(";") else self.cursor.identifier()

    def _jump(self) -> b.Jump:
        cursor, at = self.cursor, self._place()
        action = "BREAK" if cursor.step().text.upper() in ("BREAK", "EXIT") else "CONTINUE"
        return b.Jump(action, self._label(), **at)

    def _return(self) -> b.Node:
        cursor, at = self.cursor, self._place()
        cursor.expect("RETURN")
        if cursor.done or cursor.at(";"):
            return b.Return(None, **at)
        if not (cursor.at("TABLE", "(")):
            return b.Return(self._expression(";"), **at)
        cursor.expect("TABLE")
        inner = self._inside()
        if inner.take("RESULTSET_FROM_CURSOR"):
            name = inner.identifiers()
            inner.end()
            return b.Return(None, name[0], **at)
        if len(inner.tokens) == 1:
            return b.Return(None, inner.identifier(), **at)
        made = BlockParser(inner, self._nested)._query()
        inner.end()
        return b.ReturnQuery(made, **at)

    def _open(self) -> b.Open:
        cursor, at = self.cursor, self._place()
        cursor.expect("OPEN")
        name = cursor.identifier()
        using = tuple(self._expression(",") for _ in cursor.items()) if cursor.take("USING") else ()
        return b.Open(name, using, **at)

    def _fetch(self) -> b.Fetch:
        cursor, at = self.cursor, self._place()
        cursor.expect("FETCH")
        name = cursor.identifier()
        cursor.expect("INTO")
        return b.Fetch(name, self._targets(), **at)

    def _targets(self) -> tuple[str, ...]:
        """Variables that are filled, with or without a colon."""
        found: list[str] = []
        while not found or self.cursor.take(","):
            self.cursor.take(":")
            found.append(self.cursor.identifier())
        return tuple(found)

    def _close(self) -> b.Close:
        at = self._place()
        self.cursor.expect("CLOSE")
        return b.Close(self.cursor.identifier(), **at)

    def _raise(self) -> b.Raise:
        at = self._place()
        self.cursor.expect("RAISE")
        return b.Raise(self._label(), **at)

    def _null(self) -> b.Nothing:
        at = self._place()
        self.cursor.expect("NULL")
        return b.Nothing(**at)

    # --- expressions -------------------------------------------------------------------------------------------------

    def _condition(self) -> b.Expression:
        """An expression in parentheses."""
        self.cursor.expect("(")
        found = self._expression(")")
        self.cursor.expect(")")
        return found

    def _expression(self, *ends: str) -> b.Expression:
        cursor, at = self.cursor, self._place()
        if cursor.at("ASYNC", "("):
            raise unsupported("ASYNC")
        first = cursor.until(*ends)
        tokens = joined(cursor.tokens[first : cursor.index])
        tree = parse_expression_tree(cursor.text, tokens)
        pure = tree.find(exp.Query) is None
        names = tuple(dict.fromkeys(name for _, name in variables(tree)))
        return b.Expression(cursor.source(first, cursor.index), tree, names, pure, **at)

    def _place(self) -> dict[str, Any]:
        """Where the current token stands."""
        token = self.cursor.token
        line, position = place(self.cursor.text, token.start) if token is not None else (1, 0)
        return {"line": line, "position": position}


_ROWS_ONLY = frozenset(
    {"EXECUTE", "CALL", "SHOW", "DESCRIBE", "DESC", "LIST", "LS", "INSERT", "UPDATE", "DELETE", "MERGE"}
)


class _Asked(dict[str, Any]):
    """Binds and session variables while a block is parsed: remembers that one stands for a name, not known yet."""

    was_asked = False

    def get(self, key: object, default: Any = None) -> str:
        self.was_asked = True
        return "X"


def variables(tree: exp.Expr) -> Iterator[tuple[exp.Expr, str]]:
    """The nodes of an expression that may be variables, each with the folded name: binds everywhere, bare names outside
    of queries.
    """
    for node in tree.find_all(exp.Placeholder, exp.Column):
        if isinstance(node, exp.Placeholder):
            yield node, str(node.this).upper()
        elif isinstance(node, exp.Column) and _is_name(node):
            parts = (str(part.name) if part.args.get("quoted") else str(part.name).upper() for part in node.parts)
            yield node, ".".join(parts)


def _is_name(node: exp.Column) -> bool:
    """Whether a column, as sqlglot has it, may be a variable or the column of a row."""
    named = all(isinstance(part, exp.Identifier) for part in node.parts)
    return named and len(node.parts) <= 2 and node.find_ancestor(exp.Query) is None


def _parsed(text: str, tokens: list[Token], nested: Nested, outside: Outside) -> Statement:
    statement = nested(Cursor(text, joined(tokens), outside))
    if isinstance(statement, (b.RunBlock, b.RunText)):
        raise unsupported(f"{type(statement).__name__} inside of a block")
    return statement


def embedded(text: str, tokens: list[Token], nested: Nested, outside: Outside) -> Statement:
    """The statement of a block whose text is `text`, when the binds that stand for names in it are known.

    Raises:
        SqlError: as the statement's own parser.
    """
    taken, _ = without_into(tokens)
    return replace(_parsed(text, taken, nested, outside), text=text)
