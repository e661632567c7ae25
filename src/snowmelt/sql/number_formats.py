"""Formats of numbers, as TO_CHAR and TO_NUMBER take them.

Source: docs.snowflake.com/en/sql-reference/sql-format-models
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from snowmelt.base.errors import unsupported


class Style(Enum):
    """How the digits are written."""

    FIXED = "fixed"
    SCIENTIFIC = "scientific"
    HEXADECIMAL = "hexadecimal"
    MINIMAL = "TM9"
    MINIMAL_SCIENTIFIC = "TME"


SIGN, DOLLAR = "\0sign", "\0dollar"
"""Marks among the pieces before and after the digits."""


@dataclass(frozen=True)
class NumberFormat:
    """What a format says.

    Attributes:
        style: how the digits are written.
        before: what is printed before the digits, in order: literal texts, SIGN and DOLLAR.
        after: what is printed behind them.
        whole: the positions of the whole part, ``0`` and ``9`` (or ``X``), with separators as they are printed.
        point: whether there is a decimal point.
        fraction: the positions behind the point.
        signed: ``S`` (plus or minus), ``MI`` (space or minus) or empty, for a sign that the format does not place.
        blank_zero: a whole part of zero is not printed.
        compact: no spaces to fill up.
        exponent: how many letters E there are.
    """

    style: Style
    before: tuple[str, ...]
    after: tuple[str, ...]
    whole: str = ""
    point: bool = False
    fraction: str = ""
    signed: str = ""
    blank_zero: bool = False
    compact: bool = False
    exponent: int = 0

    @property
    def digits(self) -> int:
        """How many digits the whole part has."""
        return sum(position in "09X" for position in self.whole)

    @property
    def visible(self) -> tuple[int, ...]:
        """How many characters of the whole part are printed if the n-th position is the first one; at last none."""
        places = [i for i, position in enumerate(self.whole) if position in "09X"]
        return (*(len(self.whole) - place for place in places), 0)

    @property
    def first_zero(self) -> int:
        """The position from which on digits are printed in any case; one behind the last if there is none."""
        positions = re.sub("[^09X]", "", self.whole)
        found = positions.find("0")
        return (found if found >= 0 else len(positions)) + 1

    @property
    def kept_fraction(self) -> int:
        """How many digits behind the point are printed in any case."""
        return self.fraction.rfind("0") + 1


_TOKEN = re.compile(
    r'"(?P<quoted>(?:[^"]|"")*)"|(?P<minimal>TM9|TME|TM)|(?P<sign>MI|S)|(?P<exponent>E{2,5})|(?P<compact>FM)|(?P<exact>FX)'
    r"|(?P<dollar>\$)|(?P<blank>B)|(?P<digit>[09X])|(?P<point>[.D])|(?P<group>[,G])"
    r"|(?P<literal>[;:=/()\- ])|(?P<empty>_)",
    re.IGNORECASE,
)


@lru_cache(maxsize=256)
def parse(text: str) -> NumberFormat:
    """Read a format.

    Raises:
        SqlError: 000002 for one that Snowmelt cannot read.
    """
    tokens, end = [], 0
    for match in _TOKEN.finditer(text):
        if match.start() != end:
            break
        tokens.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
        end = match.end()
    if end != len(text) or not tokens:
        raise unsupported(f"number format '{text}'")
    return _Reader(text).read(tokens)


class _Reader:
    """Puts the tokens of one format together."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.before: list[str] = []
        self.after: list[str] = []
        self.whole = self.fraction = self.signed = self.minimal = ""
        self.point = self.blank = self.compact = False
        self.exponent = 0

    def read(self, tokens: list[tuple[str, str]]) -> NumberFormat:
        numeric = [i for i, (kind, _) in enumerate(tokens) if kind in ("digit", "point")]
        first, last = (numeric[0], numeric[-1]) if numeric else (len(tokens), -1)
        for i, (kind, value) in enumerate(tokens):
            if kind in ("digit", "point", "group") or (first < i < last and kind in ("quoted", "literal")):
                self._number(kind, value, i)
            elif not numeric and self.minimal:
                self._around(kind, value, self.after)
            else:
                self._around(kind, value, self.before if i < first else self.after)
        if numeric and self.minimal:
            raise unsupported(f"number format '{self.text}'")
        return NumberFormat(
            self._style(),
            tuple(self.before),
            tuple(self.after),
            self.whole,
            self.point,
            self.fraction,
            self.signed,
            self.blank,
            self.compact,
            self.exponent,
        )

    def _number(self, kind: str, value: str, index: int) -> None:
        if kind == "digit" and self.point:
            self.fraction += value.upper()
        elif kind == "digit":
            self.whole += value.upper()
        elif kind == "point":
            if self.point:
                raise unsupported(f"number format '{self.text}'")
            self.point = True
        elif kind == "group" and not self.whole:
            # A comma is a separator only behind a digit.
            self.before.append(value)
        elif self.point:
            self.after.append("," if kind == "group" else value.replace('""', '"'))
        else:
            self.whole += "," if kind == "group" else value.replace('""', '"')

    def _around(self, kind: str, value: str, pieces: list[str]) -> None:
        match kind:
            case "quoted":
                pieces.append(value.replace('""', '"'))
            case "literal":
                pieces.append(value)
            case "sign":
                if self.signed:
                    raise unsupported(f"number format '{self.text}'")
                self.signed = value.upper()
                pieces.append(SIGN)
            case "dollar":
                # Dollars stand before the digits, wherever the format has them.
                self.before.append(DOLLAR)
            case "blank":
                self.blank = True
            case "compact":
                self.compact = not self.compact
            case "exponent":
                self.exponent = len(value)
            case "minimal":
                self.minimal = value.upper()

    def _style(self) -> Style:
        if self.minimal:
            return Style.MINIMAL_SCIENTIFIC if self.minimal == "TME" else Style.MINIMAL
        if "X" in self.whole:
            if self.point or "9" in self.whole or self.exponent:
                raise unsupported(f"number format '{self.text}'")
            return Style.HEXADECIMAL
        if not self.whole and not self.fraction:
            raise unsupported(f"number format '{self.text}'")
        if self.exponent:
            if sum(position in "09" for position in self.whole) != 1:
                raise unsupported(f"number format '{self.text}' with other than one digit before the point")
            return Style.SCIENTIFIC
        return Style.FIXED


def pattern(form: NumberFormat) -> str:
    """A regular expression of the texts that `form` reads; spaces around do not count."""
    dollar = r"\$?\s*" if DOLLAR in form.before else ""
    head = "".join(re.escape(piece) + "?" for piece in form.before if piece not in (SIGN, DOLLAR))
    tail = "".join(re.escape(piece) + "?" for piece in form.after if piece != SIGN)
    sign = "" if SIGN in form.after else r"[-+]?\s*"
    back = r"\s*[-+]?" if SIGN in form.after else ""
    match form.style:
        case Style.HEXADECIMAL:
            number = f"[0-9a-fA-F]{{1,{form.digits}}}"
        case Style.MINIMAL | Style.MINIMAL_SCIENTIFIC:
            number = r"(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?"
        case _:
            number = "".join(r"\d?" if position in "09" else re.escape(position) + "?" for position in form.whole)
            if form.point:
                number += rf"(\.\d{{0,{len(form.fraction)}}})?"
            if form.exponent:
                number += r"[eE][-+]?\d{1,3}"
    return rf"\s*{head}{sign}{dollar}{number}{back}{tail}\s*"
