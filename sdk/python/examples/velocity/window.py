"""The rows of each key that are not older than the window."""

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
#: Bytes of the sum, and of a row's time and amount.
_SUM, _TIME, _AMOUNT = 16, 8, 8


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

    A window is the sum of its rows, their times, and their amounts. What stays is copied as it is,
    and all that can be is done for all rows at once: a step for each row is what costs.
    """
    exact = all_fixed(amounts)
    up_to = list(accumulate(exact, initial=0))
    packed_times = array("q", times).tobytes()
    packed_amounts = array("d", amounts).tobytes()
    counts: list[int] = []
    # What of `up_to` is not in the window of each row.
    outside: list[int] = []
    new: list[bytes | None] = []
    ends = [*starts[1:], len(times)]
    for window, start, end in zip(windows, starts, ends):
        if start == end:
            new.append(window)
            continue
        window = window or bytes(_SUM)
        old = len(window) - _SUM >> 4
        amounts_at = _SUM + old * _TIME
        out = up_to[start] - int.from_bytes(window[:_SUM], "little", signed=True)
        known = [*_integers(old).unpack_from(window, _SUM), *times[start:end]]
        # So many may leave.
        gone = bisect_left(known, known[-1] - within)
        first = 0
        if gone == 0:
            counts += range(old + 1, len(known) + 1)
            outside += [out] * (end - start)
        else:
            leaving = all_fixed(_numbers(min(gone, old)).unpack_from(window, amounts_at))
            if gone > old:
                leaving += exact[start : start + gone - old]
            for count, time in enumerate(known[old:], old + 1):
                since = time - within
                while known[first] < since:
                    out += leaving[first]
                    first += 1
                counts.append(count - first)
                outside.append(out)
        new_from = start + max(first - old, 0)
        first = min(first, old)
        parts = (
            _packed(up_to[end] - out),
            window[_SUM + first * _TIME : amounts_at],
            packed_times[new_from * _TIME : end * _TIME],
            window[amounts_at + first * _AMOUNT :],
            packed_amounts[new_from * _AMOUNT : end * _AMOUNT],
        )
        new.append(b"".join(parts))
    sums = [whole - out for whole, out in zip(up_to[1:], outside)]
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


@cache
def _integers(count: int) -> Struct:
    return Struct(f"<{count}q")


@cache
def _numbers(count: int) -> Struct:
    return Struct(f"<{count}d")


def _wrapped(number: int) -> int:
    """Sums that overflow on the way come back as the numbers that made them leave."""
    return (number + _HALF) % _WHOLE - _HALF


def _packed(number: int) -> bytes:
    try:
        return number.to_bytes(_SUM, "little", signed=True)
    except OverflowError:
        return _wrapped(number).to_bytes(_SUM, "little", signed=True)
