"""Dates and times: the integers of columns, and the types of `datetime`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = datetime(1970, 1, 1)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)

MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def datetime_of(microseconds: int, local: bool = False) -> datetime:
    """The time so many microseconds after 1970 in UTC; `local` leaves the zone out.

    Raises OverflowError outside of the years 1 to 9999.
    """
    return (_LOCAL_EPOCH if local else _EPOCH) + timedelta(microseconds=microseconds)


def date_of(days: int) -> date:
    """The date so many days after 1970-01-01.

    Raises ValueError outside of the years 1 to 9999.
    """
    return date.fromordinal(_EPOCH_DAY + days)


def time_of(microseconds: int) -> time:
    """The time so many microseconds after midnight."""
    return (_LOCAL_EPOCH + timedelta(microseconds=microseconds)).time()


def days_of(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


def microseconds_of(value: datetime | time | timedelta) -> int:
    """Microseconds since 1970, since midnight, or of a span. A time without a zone is taken as
    it is written."""
    match value:
        case datetime():
            epoch = _LOCAL_EPOCH if value.tzinfo is None else _EPOCH
            return (value - epoch) // _MICROSECOND
        case time():
            seconds = (value.hour * 60 + value.minute) * 60 + value.second
            return seconds * SECOND + value.microsecond
        case timedelta():
            return value // _MICROSECOND
