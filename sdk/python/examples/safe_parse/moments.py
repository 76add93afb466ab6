"""Timestamps and dates as text: RFC 3339, with ISO 8601's common departures from it."""

import re
from datetime import date

from millrace_plugin.times import DAY, SECOND, days_of

#: 0001-01-01T00:00:00Z and the last microsecond of 9999, the years that RFC 3339 can write. An
#: epoch number beyond them has been given in the wrong unit.
TIMESTAMP_MIN = -62_135_596_800 * SECOND
TIMESTAMP_MAX = 253_402_300_800 * SECOND - 1

_TIMESTAMP = re.compile(
    r"(?a)(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)"
    r"(?::(\d\d)(?:[.,](\d+))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?"
)
_DATE = re.compile(r"(?a)(\d{4})-(\d\d)-(\d\d)")


def timestamp_of(text: str) -> int | None:
    """Microseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DDTHH:MM[:SS[.fraction]][zone]`.

    A space may stand for the `T`. The zone is `Z`, `+HH:MM`, `+HHMM` or `+HH`; without one the time
    is UTC. Digits beyond the microsecond are cut. A leap second counts as the next second.
    """
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, ahead, ahead_minutes = found.groups()
    days = _days(year, month, day)
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if days is None or hours > 23 or minutes > 59 or seconds > 60:
        return None
    seconds += (hours * 60 + minutes) * 60
    if sign is not None:
        zone_hours, zone_minutes = int(ahead), int(ahead_minutes or 0)
        if zone_hours > 23 or zone_minutes > 59:
            return None
        zone = (zone_hours * 60 + zone_minutes) * 60
        seconds -= zone if sign == "+" else -zone
    microseconds = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return days * DAY + seconds * SECOND + microseconds


def date_of(text: str) -> int | None:
    """Days since 1970-01-01 of `YYYY-MM-DD`."""
    found = _DATE.fullmatch(text)
    return None if found is None else _days(*found.groups())


def _days(year: str, month: str, day: str) -> int | None:
    try:
        return days_of(date(int(year), int(month), int(day)))
    except ValueError:
        return None
