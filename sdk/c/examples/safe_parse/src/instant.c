#include "instant.h"

#define SECONDS_PER_DAY 86400

/* What is left of a text that is read from the front. */
typedef struct cursor {
    const char *at;
    const char *end;
} cursor;

static bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

static size_t left(const cursor *cursor) { return (size_t)(cursor->end - cursor->at); }

/* Two digits that are at most `max`. */
static bool two_digits(cursor *cursor, int64_t max, int64_t *number) {
    const char *at = cursor->at;
    if (left(cursor) < 2 || !is_digit(at[0]) || !is_digit(at[1])) {
        return false;
    }
    cursor->at += 2;
    *number = (at[0] - '0') * 10 + (at[1] - '0');
    return *number <= max;
}

/* One of these characters. */
static bool one_of(cursor *cursor, const char *wanted) {
    if (left(cursor) == 0 || *cursor->at == '\0' || strchr(wanted, *cursor->at) == NULL) {
        return false;
    }
    cursor->at++;
    return true;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Days since 1970-01-01 of a day after the year 0, by Howard Hinnant's `days_from_civil`
 * (https://howardhinnant.github.io/date_algorithms.html): years begin in March, so that the leap day
 * is the last. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t year_of_era = year % 400;
    int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static bool take_date(cursor *cursor, int64_t *days) {
    int64_t century = 0;
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    if (!two_digits(cursor, 99, &century) || !two_digits(cursor, 99, &year) || !one_of(cursor, "-")
        || !two_digits(cursor, 12, &month) || !one_of(cursor, "-")
        || !two_digits(cursor, 31, &day)) {
        return false;
    }
    year += century * 100;
    if (year == 0 || month == 0 || day == 0 || day > days_in_month(year, month)) {
        return false;
    }
    *days = days_from_civil(year, month, day);
    return true;
}

bool date_days(millrace_text text, int32_t *days) {
    cursor cursor = { text.bytes, text.bytes + text.length };
    int64_t found = 0;
    if (!take_date(&cursor, &found) || left(&cursor) > 0) {
        return false;
    }
    *days = (int32_t)found;
    return true;
}

/* Microseconds of a fraction's digits, at least one. */
static bool take_fraction(cursor *cursor, int64_t *us) {
    int64_t unit = US_PER_SECOND / 10;
    const char *first = cursor->at;
    *us = 0;
    while (left(cursor) > 0 && is_digit(*cursor->at)) {
        *us += (*cursor->at++ - '0') * unit;
        unit /= 10;
    }
    return cursor->at > first;
}

/* How far the zone, which ends the text, is ahead of UTC. */
static bool take_zone(cursor *cursor, int64_t *seconds) {
    int64_t hours = 0;
    int64_t minutes = 0;
    *seconds = 0;
    if (left(cursor) == 0) {
        return true;
    }
    bool behind = *cursor->at == '-';
    if (one_of(cursor, "Zz")) {
        return left(cursor) == 0;
    }
    if (!one_of(cursor, "+-") || !two_digits(cursor, 23, &hours)) {
        return false;
    }
    if (left(cursor) > 0) {
        one_of(cursor, ":");
        if (!two_digits(cursor, 59, &minutes)) {
            return false;
        }
    }
    *seconds = (hours * 3600 + minutes * 60) * (behind ? -1 : 1);
    return left(cursor) == 0;
}

bool timestamp_us(millrace_text text, int64_t *us) {
    cursor cursor = { text.bytes, text.bytes + text.length };
    int64_t days = 0;
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t fraction = 0;
    int64_t zone = 0;
    if (!take_date(&cursor, &days) || !one_of(&cursor, "Tt ") || !two_digits(&cursor, 23, &hour)
        || !one_of(&cursor, ":") || !two_digits(&cursor, 59, &minute)) {
        return false;
    }
    if (one_of(&cursor, ":")) {
        if (!two_digits(&cursor, 60, &second)
            || (one_of(&cursor, ".,") && !take_fraction(&cursor, &fraction))) {
            return false;
        }
    }
    if (!take_zone(&cursor, &zone)) {
        return false;
    }
    int64_t seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - zone;
    *us = seconds * US_PER_SECOND + fraction;
    return true;
}
