#include "number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"

/* Of a double: all integers up to this one. */
#define EXACT_MAX (UINT64_C(1) << 53)

/* Powers of ten that are doubles. */
static const double POWERS[] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};
#define POWER_MAX 22

/* The C library rounds correctly, and wants a zero byte at the end. */
static double slow_value(millrace_text source) {
    char small[64];
    if (source.length < sizeof small) {
        memcpy(small, source.bytes, source.length);
        small[source.length] = '\0';
        return strtod(small, NULL);
    }
    millrace_arena arena = { 0 };
    double value = strtod(millrace_copy(&arena, source), NULL);
    mr_arena_free(&arena);
    return value;
}

double mr_number_value(
    millrace_text source, bool negative, bool exact, uint64_t digits, int64_t exponent
) {
    if (exact && digits <= EXACT_MAX && exponent >= -POWER_MAX && exponent <= POWER_MAX) {
        /* Both are exact, so that the one operation rounds correctly. */
        double value = (double)digits;
        value = exponent < 0 ? value / POWERS[-exponent] : value * POWERS[exponent];
        return negative ? -value : value;
    }
    return slow_value(source);
}

double millrace_parse_double(millrace_text number) { return slow_value(number); }

/* The digits of a number, and the power of ten of the first of them. */
typedef struct decimal {
    bool negative;
    int exponent;
    int count;
    char digits[24];
} decimal;

/* As few digits as name a number, which must be finite. */
static decimal shortest(double number) {
    decimal decimal = { .negative = signbit(number) != 0 };
    char text[32];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, fabs(number));
        if (strtod(text, NULL) == fabs(number)) {
            break;
        }
    }
    char *mark = strchr(text, 'e');
    decimal.exponent = (int)strtol(mark + 1, NULL, 10);
    for (const char *at = text; at < mark; at++) {
        if (*at != '.') {
            decimal.digits[decimal.count++] = *at;
        }
    }
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0') {
        decimal.count--;
    }
    return decimal;
}

/* Room for the digits, sign and zeros of any double without an exponent. */
#define DOUBLE_CHARS_MAX 400

/* Writes a number without an exponent, and returns its end. */
static char *put_plain(char *end, const decimal *decimal) {
    int exponent = decimal->exponent;
    for (int at = exponent < 0 ? exponent : 0; at <= exponent || at < decimal->count; at++) {
        if (at == exponent + 1) {
            *end++ = '.';
        }
        *end++ = at >= 0 && at < decimal->count ? decimal->digits[at] : '0';
    }
    return end;
}

const char *millrace_double_text(millrace_arena *arena, double number) {
    if (isnan(number)) {
        return "NaN";
    }
    if (isinf(number)) {
        return number < 0 ? "-inf" : "inf";
    }
    decimal decimal = shortest(number);
    char *text = millrace_alloc(arena, DOUBLE_CHARS_MAX);
    char *end = text;
    if (decimal.negative) {
        *end++ = '-';
    }
    *put_plain(end, &decimal) = '\0';
    return text;
}

const char *millrace_json_double_text(millrace_arena *arena, double number) {
    if (!isfinite(number)) {
        return "null";
    }
    decimal decimal = shortest(number);
    const char *sign = decimal.negative ? "-" : "";
    if (decimal.exponent >= -5 && decimal.exponent < 16) {
        const char *text = millrace_double_text(arena, number);
        return strchr(text, '.') == NULL ? millrace_format(arena, "%s.0", text) : text;
    }
    return millrace_format(
        arena, "%s%c%s%.*se%+d", sign, decimal.digits[0], decimal.count > 1 ? "." : "",
        decimal.count - 1, decimal.digits + 1, decimal.exponent
    );
}
