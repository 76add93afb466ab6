"""A JSON parser that goes piece by piece and can say where and why it stopped.

It is asked only about rows that Python's own parser does not take, or takes otherwise than
`serde_json` would; what it accepts and how it words errors is `serde_json`'s.
"""

import re

from problem import Malformed

_SPACE = re.compile(rb"[ \t\n\r]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_DIGITS = re.compile(rb"[0-9]*")
_HEX = re.compile(rb"[0-9a-fA-F]{4}")
_ESCAPES = dict(zip(b'"\\/bfnrt', '"\\/\b\f\n\r\t'))
_UINT64_MAX = 2**64 - 1

EOF = "EOF while parsing a value"
OUT_OF_RANGE = "number out of range"


class OutOfRange(Malformed):
    """A float beyond the largest."""


class Scanner:
    """A place in a text."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> int | None:
        """The byte at hand; None at the end."""
        return self.text[self.at] if self.at < len(self.text) else None

    def next(self) -> int | None:
        """The byte at hand, which is then behind."""
        byte = self.peek()
        if byte is not None:
            self.at += 1
        return byte

    def space(self) -> int | None:
        """The byte after white space."""
        self.at = self._match(_SPACE)
        return self.peek()

    def place(self, at: int | None = None) -> str:
        """The line and column at hand, for a message."""
        at = self.at if at is None else at
        line_start = self.text.rfind(b"\n", 0, at) + 1
        line = 1 + self.text.count(b"\n", 0, line_start)
        return f" at line {line} column {at - line_start}"

    def wrong(self, message: str) -> Malformed:
        """An error behind the byte that was read last."""
        return Malformed(message + self.place())

    def wrong_here(self, message: str) -> Malformed:
        """An error at the byte at hand."""
        return Malformed(message + self.place(min(len(self.text), self.at + 1)))

    def ident(self, rest: bytes) -> None:
        """The rest of `null`, `true` or `false`."""
        for expected in rest:
            byte = self.next()
            if byte is None:
                raise self.wrong(EOF)
            if byte != expected:
                raise self.wrong("expected ident")

    def string(self) -> str:
        """A string whose quotation mark was read."""
        parts: list[str] = []
        while True:
            end = self._match(_PLAIN)
            parts.append(self.text[self.at : end].decode())
            self.at = end
            match self.next():
                case None:
                    raise self.wrong("EOF while parsing a string")
                case 0x22:
                    return "".join(parts)
                case 0x5C:
                    parts.append(self._escape())
                case _:
                    message = "control character (\\u0000-\\u001F) found while parsing a string"
                    raise self.wrong(message)

    def number(self, at_end: str = EOF) -> int | float:
        """A number; what is no int64 or uint64 is a float. OutOfRange if it is too large;
        `at_end` is the message if the text ends within it."""
        start = self.at
        negative = self.peek() == 0x2D
        self.at += negative
        first = self.next()
        if first is None:
            raise self.wrong(at_end)
        if first not in b"0123456789":
            raise self.wrong("invalid number")
        if first == 0x30:
            if (self.peek() or 0) in b"0123456789":
                raise self.wrong_here("invalid number")
        else:
            self.at = self._match(_DIGITS)
        whole = True
        if self.peek() == 0x2E:
            whole = False
            self.at += 1
            end = self._match(_DIGITS)
            if end == self.at:
                if self.peek() is None:
                    raise self.wrong_here(at_end)
                raise self.wrong_here("invalid number")
            self.at = end
        if self.peek() in (0x65, 0x45):
            whole = False
            self.at += 1
            if self.peek() in (0x2B, 0x2D):
                self.at += 1
            byte = self.next()
            if byte is None:
                raise self.wrong(at_end)
            if byte not in b"0123456789":
                raise self.wrong("invalid number")
            self.at = self._match(_DIGITS)
        text = self.text[start : self.at]
        # More digits than this are no integer, and more than Python takes for one.
        if whole and len(text) <= 20:
            number = int(text)
            if -(2**63) <= number <= _UINT64_MAX and not (negative and number == 0):
                return number
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise OutOfRange(OUT_OF_RANGE + self.place())
        return value

    def skip(self) -> None:
        """Any value, which is of no interest."""
        frames: list[int] = []
        while True:
            byte = self.space()
            match byte:
                case None:
                    raise self.wrong_here(EOF)
                case 0x6E:
                    self.at += 1
                    self.ident(b"ull")
                case 0x74:
                    self.at += 1
                    self.ident(b"rue")
                case 0x66:
                    self.at += 1
                    self.ident(b"alse")
                case 0x22:
                    self.at += 1
                    self._skip_string()
                case 0x5B | 0x7B:
                    self.at += 1
                    frames.append(byte)
                    if self._ends(frames, accept_comma=False):
                        return
                    continue
                case _ if byte in b"-0123456789":
                    self._skip_number()
                case _:
                    raise self.wrong_here("expected value")
            if not frames or self._ends(frames, accept_comma=True):
                return

    def _ends(self, frames: list[int], accept_comma: bool) -> bool:
        """Goes to the next value within the innermost list or object; True if all have ended."""
        while True:
            frame = frames[-1]
            byte = self.space()
            if byte == 0x2C and accept_comma:
                self.at += 1
                break
            if byte is None:
                what = "a list" if frame == 0x5B else "an object"
                raise self.wrong_here(f"EOF while parsing {what}")
            if byte == frame + 2:
                self.at += 1
                frames.pop()
                if not frames:
                    return True
                accept_comma = True
                continue
            if accept_comma:
                end = "]" if frame == 0x5B else "}"
                raise self.wrong_here(f"expected `,` or `{end}`")
            break
        if frame == 0x7B:
            self._skip_key()
        return False

    def _skip_key(self) -> None:
        match self.space():
            case None:
                raise self.wrong_here("EOF while parsing an object")
            case 0x22:
                self.at += 1
            case _:
                raise self.wrong_here("key must be a string")
        self._skip_string()
        match self.space():
            case None:
                raise self.wrong_here("EOF while parsing an object")
            case 0x3A:
                self.at += 1
            case _:
                raise self.wrong_here("expected `:`")

    def _skip_string(self) -> None:
        while True:
            self.at = self._match(_PLAIN)
            match self.peek():
                case None:
                    raise self.wrong("EOF while parsing a string")
                case 0x22:
                    self.at += 1
                    return
                case 0x5C:
                    self.at += 1
                    if self.peek() == 0x75:
                        self.at += 1
                        self._hex()
                    else:
                        self._escape()
                case _:
                    message = "control character (\\u0000-\\u001F) found while parsing a string"
                    raise self.wrong(message)

    def _skip_number(self) -> None:
        try:
            self.number(at_end="invalid number")
        except OutOfRange:
            return

    def _escape(self) -> str:
        byte = self.next()
        if byte is None:
            raise self.wrong("EOF while parsing a string")
        if byte in _ESCAPES:
            return _ESCAPES[byte]
        if byte != 0x75:
            raise self.wrong("invalid escape")
        code = self._hex()
        if 0xDC00 <= code <= 0xDFFF:
            raise self.wrong("lone leading surrogate in hex escape")
        if not 0xD800 <= code <= 0xDBFF:
            return chr(code)
        for expected in b"\\u":
            byte = self.next()
            if byte is None:
                raise self.wrong("EOF while parsing a string")
            if byte != expected:
                raise self.wrong("unexpected end of hex escape")
        low = self._hex()
        if not 0xDC00 <= low <= 0xDFFF:
            raise self.wrong("lone leading surrogate in hex escape")
        return chr(((code - 0xD800) << 10 | (low - 0xDC00)) + 0x10000)

    def _hex(self) -> int:
        found = _HEX.match(self.text, self.at)
        if found is None:
            if len(self.text) - self.at < 4:
                self.at = len(self.text)
                raise self.wrong("EOF while parsing a string")
            self.at += 4
            raise self.wrong("invalid escape")
        self.at += 4
        return int(found[0], 16)

    def _match(self, pattern: re.Pattern[bytes]) -> int:
        found = pattern.match(self.text, self.at)
        return self.at if found is None else found.end()
