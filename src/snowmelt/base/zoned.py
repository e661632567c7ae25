"""TIMESTAMP_TZ values as the engine hands them over: intervals since the year 1 whose days and rest tell the offset.

How they are made is in storage/sql/times.sql.
"""

from __future__ import annotations

from snowmelt.base.errors import unsupported
from snowmelt.base.late import numpy as np
from snowmelt.base.late import pyarrow as pa

_DAYS_TO_1970 = 719_162
_DAY = 86_400_000_000
_WIRE_UTC = 1_440
"""What the wire calls the offset of UTC: minutes are counted from a day before."""

_LAYOUT = [("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")]


def zoned_moments(array: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The moments, as timestamps of microseconds in UTC, and the offsets as the wire counts them: minutes + 1440.

    Raises:
        SqlError: 000002 for intervals that are no TIMESTAMP_TZ.
    """
    mask = np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    if len(array) == 0 or mask.all():
        return pa.nulls(len(array), pa.timestamp("us")), pa.array(np.full(len(array), _WIRE_UTC, np.int32))
    layout = np.dtype(_LAYOUT)
    values = np.frombuffer(array.buffers()[1], layout, len(array), array.offset * layout.itemsize)
    micros = values["nanoseconds"] // 1_000
    offsets = np.where(mask, _WIRE_UTC, micros // _DAY)
    if ((values["months"] != 0) | (offsets <= 0) | (offsets >= 2 * _WIRE_UTC))[~mask].any():
        raise unsupported("result of type INTERVAL")
    moments = (values["days"].astype(np.int64) - _DAYS_TO_1970) * _DAY + micros
    return pa.array(moments, mask=mask).cast(pa.timestamp("us")), pa.array(offsets.astype(np.int32))
