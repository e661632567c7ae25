"""JSON as Snowflake reads it: names of attributes need no quotes, texts may stand in single ones.

Positions in messages count from 1.

Source: docs.snowflake.com/en/sql-reference/functions/parse_json
"""

from __future__ import annotations

import json
import re

_SPACE = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_KEYWORDS = {"true": "true", "false": "false", "null": "null", "undefined": "null", "nan": '"\\u000B NaN"'}
_UNDEFINED = '"\\u000B"'
"""An element of an ARRAY that is NULL; what that and other marks are is told in marks.sql."""


def strict(text: str) -> str:
    """`text` as JSON by the book.

    Raises:
        ValueError: it is none; the message says what is wrong, and where.
    """
    reader = _Reader(text)
    try:
        made = reader.value()
    except RecursionError as error:
        raise ValueError("document is nested too deeply") from error
    if reader.next():
        raise ValueError(f"more than one document in the input, pos {reader.at + 1}")
    return made


class _Reader:
    """Goes over a text once, and gives each part back as strict JSON."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def next(self) -> str:
        """The next character that is no space; empty at the end."""
        space = _SPACE.match(self.text, self.at)
        self.at = self.at if space is None else space.end()
        return self.text[self.at : self.at + 1]

    def value(self) -> str:
        match self.next():
            case "{":
                return self.items("}", "object")
            case "[":
                return self.items("]", "array")
            case '"' | "'":
                return self.string()
            case "":
                raise ValueError(f"incomplete value, pos {self.at + 1}")
        number = _NUMBER.match(self.text, self.at)
        if number is not None:
            self.at = number.end()
            return _number(number.group())
        word = _WORD.match(self.text, self.at)
        if word is not None and word.group().lower() in _KEYWORDS:
            self.at = word.end()
            return _KEYWORDS[word.group().lower()]
        found = word.group() if word is not None else self.text[self.at]
        raise ValueError(f'unknown keyword "{found}", pos {self.at + 1}')

    def items(self, end: str, kind: str) -> str:
        """An object's or array's parts up to the character that ends it."""
        begin = self.text[self.at]
        self.at += 1
        found: list[str] = []
        while self.next() != end:
            found.append(self.attribute() if kind == "object" else self.element())
            after = self.next()
            if after == "":
                raise ValueError(f"incomplete {kind} value, pos {self.at + 1}")
            if after == ",":
                self.at += 1
                if kind == "array" and self.next() == end:
                    found.append(_UNDEFINED)
            elif after != end:
                raise ValueError(f"missing comma, pos {self.at + 1}")
        self.at += 1
        return begin + ",".join(found) + end

    def element(self) -> str:
        """What stands between two commas; nothing is NULL."""
        if self.next() == "," or re.match(r"undefined\b", self.text[self.at : self.at + 10], re.IGNORECASE):
            self.at += 0 if self.text[self.at] == "," else len("undefined")
            return _UNDEFINED
        return self.value()

    def attribute(self) -> str:
        first = self.next()
        if first in ('"', "'") and first:
            key = self.string()
        else:
            word = _WORD.match(self.text, self.at)
            if word is None:
                where = f", pos {self.at + 1}"
                raise ValueError(("incomplete object value" if first == "" else f"misplaced {first}") + where)
            self.at = word.end()
            key = json.dumps(word.group())
        colon = self.next()
        if colon != ":":
            raise ValueError(f"{'incomplete object value' if colon == '' else 'missing colon'}, pos {self.at + 1}")
        self.at += 1
        return f"{key}:{self.value()}"

    def string(self) -> str:
        quote, begin = self.text[self.at], self.at
        end = begin + 1
        while end < len(self.text) and self.text[end] != quote:
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            raise ValueError(f"unfinished string, pos {len(self.text) + 1}")
        inner = self.text[begin + 1 : end].replace("\\'", "'")
        self.at = end + 1
        if quote == "'":
            inner = re.sub(r'(?<!\\)"', '\\"', inner)
        try:
            return json.dumps(json.loads(f'"{inner}"', strict=False), ensure_ascii=False)
        except ValueError as error:
            raise ValueError(f"invalid escape sequence, pos {begin + 1}") from error


def _number(text: str) -> str:
    """A number without the liberties of a leading plus or point; with an exponent it is a FLOAT."""
    sign, rest = ("-", text[1:]) if text.startswith("-") else ("", text.lstrip("+"))
    whole, point, after = rest.partition(".")
    fraction = re.match(r"\d*", after)
    digits = fraction.group() if fraction is not None else ""
    exponent = after[len(digits) :] if point else ""
    whole_digits = re.match(r"\d*", whole)
    if not point and whole_digits is not None:
        whole, exponent = whole_digits.group(), whole[len(whole_digits.group()) :]
    if exponent:
        value = float(text)
        shown = f"{value:.15e}"
        return f'"\\u000B {shown if float(shown) == value else format(value, ".16e")}"'
    return sign + (whole.lstrip("0") or "0") + (f".{digits}" if digits else "") + exponent
