"""The state of APPROX_PERCENTILE: values in order, each followed by the number of rows that it stands for.

Source: docs.snowflake.com/en/sql-reference/functions/approx_percentile_accumulate, .../approx_percentile_combine
"""

from __future__ import annotations

import json
from bisect import bisect_left
from itertools import accumulate

_Points = list[tuple[float, float]]

_NO_STATE = "Invalid state of APPROX_PERCENTILE"

_MOST = 1_001
"""Points that stand for more values; macros make as many (see functions.sql)."""


def percentile(state: str, share: float) -> str | None:
    """The value below which this share of the rows is; between two points it lies on the line that joins them."""
    points = _points(state)
    return str(_at(points, _middles(points), share)) if points else None


def combined(states: list[str | None]) -> str:
    """The points of all states together, as a list of numbers."""
    points = sorted(point for state in states if state is not None for point in _points(state))
    if len(points) > _MOST:
        middles = _middles(points)
        rows = sum(weight for _, weight in points)
        points = [(_at(points, middles, i / (_MOST - 1)), rows / _MOST) for i in range(_MOST)]
    return json.dumps([number for point in points for number in point])


def _points(state: str) -> _Points:
    """What a state holds.

    Raises:
        ValueError: it is none.
    """
    document = json.loads(state)
    if not isinstance(document, dict) or document.get("type") != "tdigest":
        raise ValueError(_NO_STATE)
    try:
        # A FLOAT is text that begins with white space (see marks.sql).
        numbers = [float(number) for number in document["state"]]
        return list(zip(numbers[::2], numbers[1::2], strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(_NO_STATE) from error


def _middles(points: _Points) -> list[float]:
    """How many rows there are before the middle of each point."""
    sums = accumulate(weight for _, weight in points)
    return [end - weight / 2 for end, (_, weight) in zip(sums, points, strict=True)]


def _at(points: _Points, middles: list[float], share: float) -> float:
    place = middles[0] + share * (middles[-1] - middles[0])
    after = min(max(bisect_left(middles, place), 1), len(points) - 1)
    if len(points) == 1 or place >= middles[-1]:
        return points[-1][0]
    (low, _), (high, _) = points[after - 1], points[after]
    return low + (high - low) * (place - middles[after - 1]) / (middles[after] - middles[after - 1])
