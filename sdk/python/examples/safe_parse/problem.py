"""Why a row is refused."""

from math import copysign

#: How much of a value or a parser's message is repeated in a refusal.
MESSAGE_CHARS_MAX = 200


class Refusal(Exception):
    """One thing that is wrong with a row: its code, the column at fault (None for the raw column)
    and a message of a bounded length, whatever the row held."""

    def __init__(self, code: str, message: str, column: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = shortened(message)
        self.column = None if column is None else shortened(column)


class Malformed(Refusal):
    """Not one JSON object in valid UTF-8."""

    def __init__(self, message: str) -> None:
        super().__init__("malformed", message)


def shortened(text: str) -> str:
    """The beginning of a text that may be of any length."""
    return text if len(text) <= MESSAGE_CHARS_MAX else text[:MESSAGE_CHARS_MAX] + "..."


def quoted(text: str) -> str:
    """A text in quotes, with what can't be printed escaped."""
    known = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
    parts = (known.get(c) or (c if c.isprintable() else f"\\u{{{ord(c):x}}}") for c in text)
    return '"' + "".join(parts) + '"'


def plain(number: float) -> str:
    """A number with all of its digits, without an exponent."""
    digits, exponent = _digits(number)
    if exponent >= 0:
        text = digits + "0" * exponent
    else:
        padded = digits.rjust(1 - exponent, "0")
        text = f"{padded[:exponent]}.{padded[exponent:]}"
    return f"-{text}" if copysign(1, number) < 0 else text


def scientific(number: float) -> str:
    """A number as a digit, its decimals and an exponent."""
    digits, exponent = _digits(number)
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    sign = "-" if number < 0 else ""
    return f"{sign}{digits[0]}{fraction}e{exponent + len(digits) - 1}"


def as_json(number: float) -> str:
    """A number as JSON writes it."""
    digits, exponent = _digits(number)
    point = len(digits) + exponent
    if point > 16:
        return scientific(number).replace("e", "e+")
    if point <= -5:
        return scientific(number)
    text = plain(number)
    return text if "." in text else f"{text}.0"


def _digits(number: float) -> tuple[str, int]:
    """The fewest digits that tell a number from all others, and the power of ten of the last."""
    mantissa, _, power = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    digits = (whole + fraction).lstrip("0") or "0"
    exponent = int(power or 0) - len(fraction)
    if not fraction and digits != "0":
        stripped = digits.rstrip("0")
        exponent += len(digits) - len(stripped)
        digits = stripped
    return digits, 0 if digits == "0" else exponent
