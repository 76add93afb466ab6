"""The rows of a key that are not older than the window."""

from array import array
from struct import Struct

#: Sums have 64 binary places. A running sum of floating-point numbers would keep the rounding errors
#: of rows that have left; these come and go without a trace, in any order.
PLACES = 18_446_744_073_709_551_616.0
#: Sums are integers of 128 bits.
_HALF, _WHOLE = 1 << 127, 1 << 128
#: Before the entries: their number, that of the rows, and their sum.
_HEAD = Struct("<IQ16s")


class Window:
    """What is remembered of a key. Rows of one time are one entry, so that it grows with the
    distinct times in the window and not with its rows.

    The bytes of a window are a head, and then of all entries the times (8 bytes each), the numbers
    of rows (4), the sums (16). Those of entries that stay are copied as they are.
    """

    __slots__ = ("count", "sum", "_times", "_counts", "_sums", "_first")

    def __init__(self, stored: bytes | None) -> None:
        #: How many rows there are.
        self.count = 0
        #: What they add up to.
        self.sum = 0
        self._times: list[int] = []
        self._counts: list[int] = []
        self._sums: list[bytes] = []
        #: The entries before this one have been forgotten.
        self._first = 0
        if stored is not None:
            entries, self.count, sum = _HEAD.unpack_from(stored)
            self.sum = int.from_bytes(sum, "little", signed=True)
            view = memoryview(stored)
            counts_at = _HEAD.size + 8 * entries
            sums_at = counts_at + 4 * entries
            self._times = view[_HEAD.size : counts_at].cast("q").tolist()
            self._counts = view[counts_at:sums_at].cast("I").tolist()
            self._sums = [stored[at : at + 16] for at in range(sums_at, len(stored), 16)]

    def add(self, time: int, amount: int, since: int) -> None:
        """Adds a row and forgets those before `since`; times never go back."""
        times, first = self._times, self._first
        entries = len(times)
        while first < entries and times[first] < since:
            self.count -= self._counts[first]
            self.sum -= int.from_bytes(self._sums[first], "little", signed=True)
            first += 1
        self._first = first
        self.count += 1
        self.sum += amount
        if first < entries and times[-1] == time:
            self._counts[-1] += 1
            self._sums[-1] = _packed(int.from_bytes(self._sums[-1], "little", signed=True) + amount)
        else:
            times.append(time)
            self._counts.append(1)
            self._sums.append(_packed(amount))

    def written(self) -> bytes:
        """The window as bytes."""
        first = self._first
        times = self._times[first:]
        head = _HEAD.pack(len(times), self.count, _packed(self.sum))
        counts = array("I", self._counts[first:]).tobytes()
        return b"".join([head, array("q", times).tobytes(), counts, *self._sums[first:]])


def fixed(value: float) -> int:
    """The number nearest to `value` within +-9.2e18; what is no number counts as 0."""
    try:
        number = int(value * PLACES)
    except OverflowError:
        return _HALF - 1 if value > 0 else -_HALF
    except ValueError:
        return 0
    return number if -_HALF <= number < _HALF else max(-_HALF, min(number, _HALF - 1))


def wrapped(number: int) -> int:
    """Sums that overflow on the way come back as the numbers that made them leave."""
    return (number + _HALF) % _WHOLE - _HALF


def _packed(number: int) -> bytes:
    try:
        return number.to_bytes(16, "little", signed=True)
    except OverflowError:
        return wrapped(number).to_bytes(16, "little", signed=True)
