"""The rows of a key that are not older than the window."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from struct import Struct

#: Sums have 64 binary places. A running sum of floating-point numbers would keep the rounding
#: errors of rows that have left; these come and go without a trace, in any order.
PLACES = 18_446_744_073_709_551_616.0
#: Sums are integers of 128 bits.
_HALF, _WHOLE = 1 << 127, 1 << 128
#: Sums as numbers are within this.
_SUM_END = 2.0**63
#: Before the entries: the rows that have left the window, and their sum.
_HEAD = Struct("<q16s")
#: Bytes of an entry's time, rows and sum.
_TIME, _ROWS, _SUM = 8, 8, 16


def slide(
    stored: bytes | None, times: Sequence[int], amounts: Sequence[int], within: int
) -> tuple[list[int], list[int], bytes]:
    """Adds rows, at least one, whose times never go back, to the window that is `stored`; before
    each of them, those that are more than `within` older leave. Returns how many rows are in the
    window at each of them, their sums, and the window at the end.

    A window has an entry for each distinct time, so that it grows with these and not with its rows.
    An entry holds the rows and the sum of all rows up to its time, since the key was first seen:
    what is in the window is then a difference of two entries, and entries that stay are copied as
    they are. Stored are the head, the times of all entries, their rows, and their sums.
    """
    stored = stored or _HEAD.pack(0, bytes(_SUM))
    entries = (len(stored) - _HEAD.size) // (_TIME + _ROWS + _SUM)
    view = memoryview(stored)
    rows_at = _HEAD.size + entries * _TIME
    sums_at = rows_at + entries * _ROWS
    old_times = view[_HEAD.size : rows_at].cast("q")
    old_rows = view[rows_at:sums_at].cast("q")
    left_rows, left = _HEAD.unpack_from(stored)
    left_sum = _sum(left)

    # All rows up to each one, and of rows of one time the last.
    rows = old_rows[-1] if entries else left_rows
    rows_up_to = range(rows + 1, rows + len(times) + 1)
    sum = _sum(stored[-_SUM:]) if entries else left_sum
    sums_up_to = list(accumulate(amounts, initial=sum))[1:]
    new_sums = dict(zip(times, sums_up_to))
    new_rows = rows_up_to if len(new_sums) == len(times) else dict(zip(times, rows_up_to)).values()
    new_times = list(new_sums)
    kept = entries - 1 if entries and old_times[-1] == new_times[0] else entries

    gone = bisect_left(old_times, times[-1] - within, 0, kept)
    if gone == 0 and (kept or times[-1] - within <= times[0]):
        # Nothing leaves.
        counts = list(range(rows + 1 - left_rows, rows + 1 - left_rows + len(times)))
        sums = [sum - left_sum for sum in sums_up_to]
    else:
        leaving = old_times[:gone].tolist()
        before_rows = [left_rows, *old_rows[:gone]]
        before_sums = [left_sum, *_sums(view[sums_at : sums_at + gone * _SUM])]
        if gone == kept:
            leaving += new_times
            before_rows += new_rows
            before_sums += new_sums.values()
        lefts = [bisect_left(leaving, time - within) for time in times]
        counts = [rows - before_rows[left] for rows, left in zip(rows_up_to, lefts)]
        sums = [sum - before_sums[left] for sum, left in zip(sums_up_to, lefts)]
        # Of the new entries, those may be gone at the end, too.
        gone = lefts[-1]
        left_rows, left_sum = before_rows[gone], before_sums[gone]
    new = max(gone - kept, 0)
    gone = min(gone, kept)
    packed_left, *packed = _packed([left_sum, *new_sums.values()])
    written: list[bytes | memoryview | array[int]] = [
        _HEAD.pack(left_rows, packed_left),
        view[_HEAD.size + gone * _TIME : _HEAD.size + kept * _TIME],
        array("q", new_times[new:]),
        view[rows_at + gone * _ROWS : rows_at + kept * _ROWS],
        array("q", list(new_rows)[new:]),
        view[sums_at + gone * _SUM : sums_at + kept * _SUM],
        *packed[new:],
    ]
    return counts, sums, b"".join(written)


def fixed(value: float) -> int:
    """The number nearest to `value` within +-9.2e18; what is no number counts as 0."""
    try:
        return max(-_HALF, min(int(value * PLACES), _HALF - 1))
    except OverflowError:
        return _HALF - 1 if value > 0 else -_HALF
    except ValueError:
        return 0


def all_fixed(values: Sequence[float]) -> list[int]:
    """Each of the values as `fixed` has it."""
    if min(values, default=0) > -_SUM_END and max(values, default=0) < _SUM_END:
        try:
            return [int(value * PLACES) for value in values]
        except ValueError:
            pass
    return list(map(fixed, values))


def as_floats(sums: Sequence[int]) -> list[float]:
    """Sums as numbers, each rounded once."""
    numbers = [sum / PLACES for sum in sums]
    if min(numbers, default=0) > -_SUM_END and max(numbers, default=0) < _SUM_END:
        return numbers
    return [_wrapped(sum) / PLACES for sum in sums]


def _wrapped(number: int) -> int:
    """Sums that overflow on the way come back as the numbers that made them leave."""
    return (number + _HALF) % _WHOLE - _HALF


def _packed(sums: Sequence[int]) -> list[bytes]:
    try:
        return [sum.to_bytes(16, "little", signed=True) for sum in sums]
    except OverflowError:
        return [_wrapped(sum).to_bytes(16, "little", signed=True) for sum in sums]


def _sum(packed: bytes) -> int:
    return int.from_bytes(packed, "little", signed=True)


def _sums(packed: memoryview) -> list[int]:
    low, high = packed.cast("Q")[::2].tolist(), packed.cast("q")[1::2].tolist()
    return [(high << 64) + low for high, low in zip(high, low)]
