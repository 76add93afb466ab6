/* Timestamps and dates as text: RFC 3339, with ISO 8601's common departures from it. */
#ifndef INSTANT_H
#define INSTANT_H

#include <millrace/text.h>

#define US_PER_SECOND INT64_C(1000000)

/* 0001-01-01T00:00:00Z and the last microsecond of 9999, the years that RFC 3339 can write. An epoch
 * number beyond them has been given in the wrong unit. */
#define TIMESTAMP_US_MIN (INT64_C(-62135596800) * US_PER_SECOND)
#define TIMESTAMP_US_MAX (INT64_C(253402300800) * US_PER_SECOND - 1)

/*
 * Microseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DDTHH:MM[:SS[.fraction]][zone]`.
 *
 * A space may stand for the `T`. The zone is `Z`, `+HH:MM`, `+HHMM` or `+HH`; without one the time is
 * UTC. Digits beyond the microsecond are cut. A leap second counts as the next second.
 */
bool timestamp_us(millrace_text text, int64_t *us);

/* Days since 1970-01-01 of `YYYY-MM-DD`. */
bool date_days(millrace_text text, int32_t *days);

#endif
