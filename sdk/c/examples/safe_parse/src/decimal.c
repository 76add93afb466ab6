#include "decimal.h"

/* The parts of a number in JSON's grammar. */
typedef struct number {
    bool negative;
    millrace_text whole;
    millrace_text fraction;
    int64_t exponent;
} number;

static bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

/* The digits at the front of a text, which they leave. */
static millrace_text take_digits(millrace_text *text) {
    millrace_text digits = { text->bytes, 0 };
    while (digits.length < text->length && is_digit(text->bytes[digits.length])) {
        digits.length++;
    }
    text->bytes += digits.length;
    text->length -= digits.length;
    return digits;
}

static bool take(millrace_text *text, char byte) {
    if (text->length == 0 || *text->bytes != byte) {
        return false;
    }
    text->bytes++;
    text->length--;
    return true;
}

/* The exponent's digits; false if they are none, or too many. */
static bool take_exponent(millrace_text *text, int64_t *exponent) {
    bool negative = take(text, '-');
    if (!negative) {
        take(text, '+');
    }
    millrace_text digits = take_digits(text);
    *exponent = 0;
    for (size_t at = 0; at < digits.length; at++) {
        *exponent = *exponent * 10 + (digits.bytes[at] - '0');
        if (*exponent > INT32_MAX) {
            return false;
        }
    }
    *exponent = negative ? -*exponent : *exponent;
    return digits.length > 0;
}

static bool split(millrace_text text, number *number) {
    *number = (struct number){ .negative = take(&text, '-') };
    number->whole = take_digits(&text);
    if (number->whole.length == 0 || (number->whole.length > 1 && number->whole.bytes[0] == '0')) {
        return false;
    }
    if (take(&text, '.')) {
        number->fraction = take_digits(&text);
        if (number->fraction.length == 0) {
            return false;
        }
    }
    if ((take(&text, 'e') || take(&text, 'E')) && !take_exponent(&text, &number->exponent)) {
        return false;
    }
    return text.length == 0;
}

static bool add_digits(millrace_text digits, millrace_int128 *value) {
    for (size_t at = 0; at < digits.length; at++) {
        if (__builtin_mul_overflow(*value, 10, value)
            || __builtin_add_overflow(*value, digits.bytes[at] - '0', value)) {
            return false;
        }
    }
    return true;
}

/* 10 to a power; false if it is beyond 127 bits. */
static bool power_of_ten(uint64_t exponent, millrace_int128 *power) {
    *power = 1;
    for (; exponent > 0; exponent--) {
        if (__builtin_mul_overflow(*power, 10, power)) {
            return false;
        }
    }
    return true;
}

decimal_status decimal_parse(
    millrace_text text, unsigned precision, unsigned scale, millrace_int128 *value
) {
    number number;
    millrace_int128 digits = 0;
    millrace_int128 power = 0;
    if (!split(text, &number)) {
        return DECIMAL_NO_NUMBER;
    }
    millrace_text *fraction = &number.fraction;
    while (fraction->length > 0 && fraction->bytes[fraction->length - 1] == '0') {
        fraction->length--;
    }
    if (!add_digits(number.whole, &digits) || !add_digits(*fraction, &digits)) {
        return DECIMAL_TOO_LARGE;
    }
    *value = 0;
    if (digits == 0) {
        return DECIMAL_OK;
    }
    int64_t shift = (int64_t)scale + number.exponent - (int64_t)fraction->length;
    if (!power_of_ten((uint64_t)(shift < 0 ? -shift : shift), &power)) {
        return shift < 0 ? DECIMAL_TOO_FINE : DECIMAL_TOO_LARGE;
    }
    if (shift >= 0) {
        if (__builtin_mul_overflow(digits, power, &digits)) {
            return DECIMAL_TOO_LARGE;
        }
    } else {
        if (digits % power != 0) {
            return DECIMAL_TOO_FINE;
        }
        digits /= power;
    }
    power_of_ten(precision, &power);
    if (digits >= power) {
        return DECIMAL_TOO_LARGE;
    }
    *value = number.negative ? -digits : digits;
    return DECIMAL_OK;
}
