"""Bits of a column to bytes and back, in a few steps over all rows at once."""

from __future__ import annotations

#: The eight bits of each byte, least significant first, as bytes of 0 and 1.
_BITS = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]
#: 0 and 1 to their digits.
_DIGITS = b"01" + b"1" * 254


def unpack_bits(packed: bytes, length: int) -> bytes:
    """A byte of 0 or 1 for each of the first `length` bits."""
    return b"".join([_BITS[byte] for byte in packed[: length + 7 >> 3]])[:length]


def pack_bits(flags: bytes) -> bytes:
    """A bit for each byte: 0 for 0, 1 for any other."""
    if not flags:
        return b""
    # The first row is the least significant digit.
    digits = flags[::-1].translate(_DIGITS)
    return int(digits, 2).to_bytes(len(flags) + 7 >> 3, "little")
