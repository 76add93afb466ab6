/* Numbers of JSON. */

#include <math.h>

#include "number.h"
#include "scanner.h"

/* The parts of a number. */
typedef struct number_parts {
    bool negative;
    bool is_float; /* it has a fraction or an exponent */
    bool exact;    /* all digits are in `digits` */
    bool exponent_overflow;
    uint64_t digits;
    int64_t exponent;
} number_parts;

static inline void take_digit(number_parts *parts, char digit, bool fraction) {
    unsigned value = (unsigned)(digit - '0');
    if (parts->digits > UINT64_MAX / 10
        || (parts->digits == UINT64_MAX / 10 && value > UINT64_MAX % 10)) {
        parts->exact = false;
    }
    if (parts->exact) {
        parts->digits = parts->digits * 10 + value;
        parts->exponent -= fraction;
    }
}

static bool scan_fraction(millrace_scanner *scanner, number_parts *parts) {
    scanner->at_++;
    parts->is_float = true;
    const char *first = scanner->at_;
    while (is_digit(next_byte(scanner))) {
        take_digit(parts, *scanner->at_++, true);
    }
    if (scanner->at_ == first) {
        return mr_wrong_next(
            scanner, at_end(scanner) ? "EOF while parsing a value" : "invalid number"
        );
    }
    return true;
}

static bool scan_exponent(millrace_scanner *scanner, number_parts *parts) {
    scanner->at_++;
    parts->is_float = true;
    bool negative = next_byte(scanner) == '-';
    if (negative || next_byte(scanner) == '+') {
        scanner->at_++;
    }
    if (at_end(scanner)) {
        return mr_wrong(scanner, "EOF while parsing a value");
    }
    if (!is_digit(*scanner->at_++)) {
        return mr_wrong(scanner, "invalid number");
    }
    int64_t exponent = scanner->at_[-1] - '0';
    while (is_digit(next_byte(scanner))) {
        exponent = exponent * 10 + (*scanner->at_++ - '0');
        if (exponent > INT32_MAX) {
            if (!negative && (parts->digits != 0 || !parts->exact)) {
                return mr_wrong(scanner, "number out of range");
            }
            parts->exponent_overflow = true;
            exponent = INT32_MAX;
        }
    }
    parts->exponent += negative ? -exponent : exponent;
    return true;
}

static bool scan_number(millrace_scanner *scanner, number_parts *parts) {
    *parts = (number_parts){ .exact = true };
    if (*scanner->at_ == '-') {
        parts->negative = true;
        scanner->at_++;
    }
    if (at_end(scanner)) {
        return mr_wrong(scanner, "EOF while parsing a value");
    }
    char first = *scanner->at_++;
    if (first == '0') {
        if (is_digit(next_byte(scanner))) {
            return mr_wrong_next(scanner, "invalid number");
        }
    } else if (is_digit(first)) {
        parts->digits = (uint64_t)(first - '0');
        while (is_digit(next_byte(scanner))) {
            take_digit(parts, *scanner->at_++, false);
        }
    } else {
        return mr_wrong(scanner, "invalid number");
    }
    if (next_byte(scanner) == '.' && !scan_fraction(scanner, parts)) {
        return false;
    }
    if ((next_byte(scanner) == 'e' || next_byte(scanner) == 'E')
        && !scan_exponent(scanner, parts)) {
        return false;
    }
    return true;
}

bool millrace_scan_number(millrace_scanner *scanner, millrace_number *value) {
    const char *start = scanner->at_;
    number_parts parts;
    if (!scan_number(scanner, &parts)) {
        return false;
    }
    value->source = (millrace_text){ start, (size_t)(scanner->at_ - start) };
    if (!parts.is_float && parts.exact) {
        if (!parts.negative) {
            value->kind = MILLRACE_NUMBER_UINT;
            value->uint_value = parts.digits;
            return true;
        }
        if (parts.digits > 0 && parts.digits <= (uint64_t)INT64_MAX + 1) {
            value->kind = MILLRACE_NUMBER_INT;
            value->int_value = (int64_t)(0 - parts.digits);
            return true;
        }
    }
    value->kind = MILLRACE_NUMBER_DOUBLE;
    if (parts.exponent_overflow) {
        value->double_value = parts.negative ? -0.0 : 0.0;
        return true;
    }
    value->double_value = mr_number_value(
        value->source, parts.negative, parts.exact, parts.digits, parts.exponent
    );
    return isinf(value->double_value) ? mr_wrong(scanner, "number out of range") : true;
}

bool mr_skip_number(millrace_scanner *scanner) {
    static const char *const invalid = "invalid number";
    scanner->at_ += *scanner->at_ == '-';
    char first = next_byte(scanner);
    scanner->at_ += !at_end(scanner);
    if (!is_digit(first)) {
        return mr_wrong(scanner, invalid);
    }
    if (first == '0' && is_digit(next_byte(scanner))) {
        return mr_wrong_next(scanner, invalid);
    }
    while (is_digit(next_byte(scanner))) {
        scanner->at_++;
    }
    if (next_byte(scanner) == '.') {
        scanner->at_++;
        if (!is_digit(next_byte(scanner))) {
            return mr_wrong_next(scanner, invalid);
        }
        while (is_digit(next_byte(scanner))) {
            scanner->at_++;
        }
    }
    if (next_byte(scanner) == 'e' || next_byte(scanner) == 'E') {
        scanner->at_++;
        scanner->at_ += next_byte(scanner) == '+' || next_byte(scanner) == '-';
        char digit = next_byte(scanner);
        scanner->at_ += !at_end(scanner);
        if (!is_digit(digit)) {
            return mr_wrong(scanner, invalid);
        }
        while (is_digit(next_byte(scanner))) {
            scanner->at_++;
        }
    }
    return true;
}
