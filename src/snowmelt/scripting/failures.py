"""Exceptions of blocks: what is raised within one, and what of it the client sees.

Source: docs.snowflake.com/en/developer-guide/snowflake-scripting/exceptions
"""

from __future__ import annotations

from snowmelt.base.errors import SqlError
from snowmelt.sql.blocks import Node

CANCELED = 604
STATEMENT = "STATEMENT_ERROR"
EXPRESSION = "EXPRESSION_ERROR"


class Failure(Exception):
    """An exception on its way through the blocks.

    Attributes:
        kind: ``STATEMENT_ERROR``, ``EXPRESSION_ERROR`` or the name of a declared exception.
        code, sqlstate, message: what SQLCODE, SQLSTATE and SQLERRM say.
        line, position: where it was raised.
    """

    def __init__(self, kind: str, code: int, sqlstate: str, message: str, node: Node) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.sqlstate = sqlstate
        self.message = message
        self.line = node.line
        self.position = node.position

    @classmethod
    def of(cls, error: SqlError, kind: str, node: Node) -> Failure:
        """What the failure of a statement or expression is to the block.

        Raises:
            SqlError: `error` itself when the block was canceled, which no handler catches.
        """
        if error.code == CANCELED:
            raise error
        return cls(kind, error.code, error.sqlstate, str(error), node)

    def uncaught(self) -> SqlError:
        """The error that the client sees."""
        message = f" : {self.message}" if self.message else ""
        return SqlError(
            f"Uncaught exception of type '{self.kind}' on line {self.line} at position {self.position}{message}",
            self.code,
            self.sqlstate,
        )
