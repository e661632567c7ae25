"""Snowflake's formats of dates and times, read into elements.

Source: docs.snowflake.com/en/sql-reference/date-time-input-output (elements used in formats)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from snowmelt.base.errors import unsupported

_ELEMENTS = {
    "YYYY": "%Y",
    "UUUU": "%Y",
    "YY": "%y",
    "MMMM": "%B",
    "MON": "%b",
    "MM": "%m",
    "DD": "%d",
    "DY": "%a",
    "HH24": "%H",
    "HH12": "%I",
    "HH": "%H",
    "AM": "%p",
    "PM": "%p",
    "MI": "%M",
    "SS": "%S",
}
_ZONES = ("TZH:TZM", "TZHTZM", "TZH", "TZM", "TZD", "TZISO")
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|(?P<fraction>FF\d?)|(?P<zone>'
    + "|".join(_ZONES)
    + ")|(?P<element>"
    + "|".join(sorted(_ELEMENTS, key=len, reverse=True))
    + r")|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Piece:
    """One element of a format.

    Attributes:
        text: for the engine's strftime and strptime, or the zone element's name.
        digits: how many digits of a second stand here, if it is they.
        zone: whether it is a time zone's offset.
    """

    text: str
    digits: int | None = None
    zone: bool = False


def pieces(form: str) -> tuple[Piece, ...]:
    """The elements of `form`.

    Raises:
        SqlError: 000002 for TZD and TZISO.
    """
    found = []
    for match in _TOKEN.finditer(form):
        if match["fraction"]:
            digits = match["fraction"][2:]
            found.append(Piece("", digits=int(digits) if digits else 9))
        elif match["zone"]:
            zone = match["zone"].upper()
            if zone in ("TZD", "TZISO"):
                raise unsupported(f"element {zone} of a date and time format")
            found.append(Piece(zone, zone=True))
        elif match["element"]:
            found.append(Piece(_ELEMENTS[match["element"].upper()]))
        else:
            found.append(Piece((match["quoted"] or match["other"] or "").replace("%", "%%")))
    return tuple(found)


@dataclass(frozen=True)
class Reading:
    """How text in a format is read.

    Attributes:
        forms: strptime formats to try, without the digits of a second and the time zone.
        fraction: digits of a second stand in the text.
        zone: an offset stands at the text's end.
        year: the format has a year; without one, times are of 1970.
        morning: hours up to 12 are those of the morning, for nothing else is said; the forms ask for AM then.
    """

    forms: tuple[str, ...]
    fraction: bool
    zone: bool
    year: bool
    morning: bool = False


def reading(form: str) -> Reading:
    """How text is read by `form`.

    Raises:
        SqlError: 000002 for a time zone that does not stand at the end, or digits of a second that follow no point.
    """
    found = list(pieces(form.strip()))
    zone = bool(found) and found[-1].zone
    while found and (found[-1].zone or (zone and found[-1].text in (" ", ":"))):
        found.pop()
    if any(piece.zone for piece in found):
        raise unsupported(f"date and time format '{form}' with a time zone that is not at its end")
    plain, fraction = "", False
    for piece in found:
        if piece.digits is None:
            plain += piece.text
        elif not plain.endswith("."):
            raise unsupported(f"date and time format '{form}' with digits of a second that follow no point")
        else:
            plain, fraction = plain[:-1], True
    morning = "%I" in plain and "%p" not in plain
    plain += " %p" if morning else ""
    forms = (plain, plain.replace("%b", "%B")) if "%b" in plain else (plain,)
    return Reading(forms, fraction, zone, "%Y" in plain or "%y" in plain, morning)
