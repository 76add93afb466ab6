"""The rows of each key that are not older than the window."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from struct import Struct

#: Sums have 64 binary places. A running sum of floating-point numbers would keep the rounding
#: errors of rows that have left; these come and go without a trace, in any order.
PLACES = 18_446_744_073_709_551_616.0
#: Sums are integers of 128 bits.
_HALF, _WHOLE = 1 << 127, 1 << 128
#: Sums as numbers are within this.
_SUM_END = 2.0**63
#: Bytes of the sum, and of a row.
_SUM, _ROW = 16, 16


def slide(
    windows: Sequence[bytes | None],
    starts: Sequence[int],
    times: list[int],
    amounts: list[float],
    within: int,
) -> tuple[list[int], list[float], list[bytes | None]]:
    """Adds rows to the windows of their keys; before each row, those leave that are more than
    `within` older. `starts` has the first row of each key, whose times never go back. Returns how
    many rows are in the window at each row, their sums, and the windows at the end.

    A window is the sum of its rows, and of each row its time and amount. What stays is copied as it
    is, and all that can be is done for all rows at once: a step for each row is what costs.
    """
    ends = [*starts[1:], len(times)]
    came = _packed_rows(times, amounts)
    # Of each key how many rows its window has, and the times of those that leave and of the first
    # that does not; and the amounts of all rows that leave, key by key.
    sizes: list[int] = []
    going: list[list[int]] = []
    leaving: list[float] = []
    for window, start, end in zip(windows, starts, ends):
        since = times[end - 1] - within if start < end else -_HALF
        old = gone = 0
        own: list[int] = []
        if window is not None:
            stored = memoryview(window).cast("q")[_SUM // 8 :: 2]
            old = len(stored)
            gone = bisect_left(stored, since)
            if gone:
                own = stored[: gone + 1].tolist()
                leaving += _amounts(gone).unpack_from(window, _SUM)
        if gone == old and start < end and times[start] < since:
            own += times[start:end]
            leaving += amounts[start : bisect_left(times, since, start, end)]
        elif gone and gone == old:
            own.append(times[start])
        sizes.append(old)
        going.append(own)

    exact = all_fixed(amounts)
    # What has left up to each of the rows that leave.
    left = list(accumulate(all_fixed(leaving), initial=0))
    at = 0
    # Of each row: the sum of all up to it, its place among all of its key, and how many have left
    # by then; the last two from `at` on.
    up_to: list[int] = []
    places: list[int] = []
    gone_by: list[int] = []
    totals: list[int] = []
    stays: list[bytes] = []
    for window, start, end, old, own in zip(windows, starts, ends, sizes, going):
        total = left[at]
        if window:
            total += int.from_bytes(window[:_SUM], "little", signed=True)
        gone = 0
        if start < end:
            run = exact[start:end]
            run[0] += total
            up_to += accumulate(run)
            places += range(at + old + 1, at + old + 1 + end - start)
            if not own:
                gone_by += [at] * (end - start)
            else:
                for time in times[start:end]:
                    since = time - within
                    while own[gone] < since:
                        gone += 1
                    gone_by.append(at + gone)
                at += gone
            total = up_to[-1]
        totals.append(total - left[at])
        if gone <= old:
            stay = window[_SUM + gone * _ROW :] if window else b""
            stays.append(stay + came[start * _ROW : end * _ROW])
        else:
            stays.append(came[(start + gone - old) * _ROW : end * _ROW])
    counts = [place - gone for place, gone in zip(places, gone_by)]
    sums = [whole - left[gone] for whole, gone in zip(up_to, gone_by)]
    new: list[bytes | None] = [sum + rows for sum, rows in zip(_packed(totals), stays)]
    return counts, as_floats(sums), new


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
    if values and min(values) > -_SUM_END and max(values) < _SUM_END:
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


def _packed_rows(times: list[int], amounts: list[float]) -> bytes:
    """Time and amount of each row, one after the other."""
    words = array("q", bytes(_ROW * len(times)))
    words[::2] = array("q", times)
    words[1::2] = array("q", array("d", amounts).tobytes())
    return words.tobytes()


@cache
def _amounts(rows: int) -> Struct:
    return Struct("<" + "8xd" * rows)


def _wrapped(number: int) -> int:
    """Sums that overflow on the way come back as the numbers that made them leave."""
    return (number + _HALF) % _WHOLE - _HALF


def _packed(sums: Sequence[int]) -> list[bytes]:
    try:
        return [sum.to_bytes(_SUM, "little", signed=True) for sum in sums]
    except OverflowError:
        return [_wrapped(sum).to_bytes(_SUM, "little", signed=True) for sum in sums]
