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
    millrace_arena arena = {0};
    double value = strtod(millrace_copy(&arena, source), NULL);
    arena_free(&arena);
    return value;
}

double number_value(
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

/* Room for the digits, sign and zeros of any double without an exponent. */
#define DOUBLE_CHARS_MAX 400

const char *millrace_double_text(millrace_arena *arena, double number) {
    if (isnan(number)) {
        return "NaN";
    }
    if (isinf(number)) {
        return number < 0 ? "-inf" : "inf";
    }
    char digits[32];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(digits, sizeof digits, "%.*e", precision, number);
        if (strtod(digits, NULL) == number) {
            break;
        }
    }
    /* d.ddde+xx: take it apart. */
    char *text = millrace_alloc(arena, DOUBLE_CHARS_MAX);
    char *end = text;
    const char *from = digits;
    if (*from == '-') {
        *end++ = *from++;
    }
    char *mark = strchr(digits, 'e');
    int exponent = (int)strtol(mark + 1, NULL, 10);
    *mark = '\0';
    int count = 0;
    char plain[32];
    for (; *from != '\0'; from++) {
        if (*from != '.') {
            plain[count++] = *from;
        }
    }
    for (int at = exponent < 0 ? exponent : 0; at <= exponent || at < count; at++) {
        if (at == exponent + 1) {
            *end++ = '.';
        }
        *end++ = at >= 0 && at < count ? plain[at] : '0';
    }
    *end = '\0';
    return text;
}
