#include "scanner.h"

#include <math.h>

#include "arena.h"
#include "number.h"

/* Mistakes are worded, and placed, as serde_json does it, so that a plugin says the same in any
 * language. */

void millrace_scan(millrace_scanner *scanner, millrace_arena *arena, millrace_text text) {
    *scanner = (millrace_scanner){ .arena_ = arena };
    millrace_scan_again(scanner, text);
}

void millrace_scan_again(millrace_scanner *scanner, millrace_text text) {
    const char *bytes = text.bytes == NULL ? "" : text.bytes;
    scanner->error = NULL;
    scanner->start_ = bytes;
    scanner->at_ = bytes;
    scanner->end_ = bytes + text.length;
    scanner->wrong_ = NULL;
}

/* A mistake behind what was read last. */
static bool wrong(millrace_scanner *scanner, const char *error) {
    scanner->error = error;
    scanner->wrong_ = scanner->at_;
    return false;
}

bool wrong_next(millrace_scanner *scanner, const char *error) {
    scanner->error = error;
    scanner->wrong_ = scanner->at_ < scanner->end_ ? scanner->at_ + 1 : scanner->end_;
    return false;
}

const char *millrace_scan_error(const millrace_scanner *scanner, millrace_arena *arena) {
    size_t line = 1;
    const char *line_start = scanner->start_;
    for (const char *at = scanner->start_; at < scanner->wrong_; at++) {
        if (*at == '\n') {
            line++;
            line_start = at + 1;
        }
    }
    size_t column = (size_t)(scanner->wrong_ - line_start);
    return millrace_format(arena, "%s at line %zu column %zu", scanner->error, line, column);
}

static inline void skip_space(millrace_scanner *scanner) {
    const char *at = scanner->at_;
    while (at < scanner->end_ && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) {
        at++;
    }
    scanner->at_ = at;
}

/* The next byte, or 0 at the end. */
static inline char next_byte(const millrace_scanner *scanner) {
    return scanner->at_ < scanner->end_ ? *scanner->at_ : '\0';
}

static inline bool at_end(const millrace_scanner *scanner) { return scanner->at_ == scanner->end_; }

static inline bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

bool millrace_scan_kind(millrace_scanner *scanner, millrace_json_kind *kind) {
    skip_space(scanner);
    if (at_end(scanner)) {
        return wrong_next(scanner, "EOF while parsing a value");
    }
    switch (*scanner->at_) {
    case 'n':
        *kind = MILLRACE_JSON_NULL;
        return true;
    case 't':
    case 'f':
        *kind = MILLRACE_JSON_BOOLEAN;
        return true;
    case '"':
        *kind = MILLRACE_JSON_TEXT;
        return true;
    case '[':
        *kind = MILLRACE_JSON_LIST;
        return true;
    case '{':
        *kind = MILLRACE_JSON_OBJECT;
        return true;
    default:
        if (*scanner->at_ == '-' || is_digit(*scanner->at_)) {
            *kind = MILLRACE_JSON_NUMBER;
            return true;
        }
        return wrong_next(scanner, "expected value");
    }
}

static bool scan_word(millrace_scanner *scanner, const char *word) {
    for (; *word != '\0'; word++) {
        if (at_end(scanner)) {
            return wrong(scanner, "EOF while parsing a value");
        }
        if (*scanner->at_++ != *word) {
            return wrong(scanner, "expected ident");
        }
    }
    return true;
}

bool millrace_scan_null(millrace_scanner *scanner) { return scan_word(scanner, "null"); }

bool millrace_scan_bool(millrace_scanner *scanner, bool *value) {
    *value = next_byte(scanner) == 't';
    return scan_word(scanner, *value ? "true" : "false");
}

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
        return wrong_next(
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
        return wrong(scanner, "EOF while parsing a value");
    }
    if (!is_digit(*scanner->at_++)) {
        return wrong(scanner, "invalid number");
    }
    int64_t exponent = scanner->at_[-1] - '0';
    while (is_digit(next_byte(scanner))) {
        exponent = exponent * 10 + (*scanner->at_++ - '0');
        if (exponent > INT32_MAX) {
            if (!negative && (parts->digits != 0 || !parts->exact)) {
                return wrong(scanner, "number out of range");
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
        return wrong(scanner, "EOF while parsing a value");
    }
    char first = *scanner->at_++;
    if (first == '0') {
        if (is_digit(next_byte(scanner))) {
            return wrong_next(scanner, "invalid number");
        }
    } else if (is_digit(first)) {
        parts->digits = (uint64_t)(first - '0');
        while (is_digit(next_byte(scanner))) {
            take_digit(parts, *scanner->at_++, false);
        }
    } else {
        return wrong(scanner, "invalid number");
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
    value->double_value = number_value(
        value->source, parts.negative, parts.exact, parts.digits, parts.exponent
    );
    return isinf(value->double_value) ? wrong(scanner, "number out of range") : true;
}

/* The first byte from `at` on that ends a plain stretch of a text: a quote, a backslash or a
 * control character. */
static inline const char *plain_end(const char *at, const char *end) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones * 0x80;
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, 8);
        uint64_t quote = eight ^ (ones * '"');
        uint64_t backslash = eight ^ (ones * '\\');
        /* A byte of each that is 0, or for control characters below 32, gets its highest bit;
         * beyond the first such byte there may be false ones. */
        uint64_t found = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)
            | ((eight - ones * 0x20) & ~eight);
        found &= highs;
        if (found != 0) {
            return at + (__builtin_ctzll(found) >> 3);
        }
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20) {
        at++;
    }
    return at;
}

static bool scan_hex(millrace_scanner *scanner, unsigned *unit) {
    unsigned value = 0;
    if (scanner->end_ - scanner->at_ < 4) {
        scanner->at_ = scanner->end_;
        return wrong(scanner, "EOF while parsing a string");
    }
    bool valid = true;
    for (int at = 0; at < 4; at++) {
        char digit = *scanner->at_++;
        unsigned lower = (unsigned char)digit | 0x20U;
        if (is_digit(digit)) {
            value = value << 4 | (unsigned)(digit - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            value = value << 4 | (lower - 'a' + 10);
        } else {
            valid = false;
        }
    }
    *unit = value;
    return valid ? true : wrong(scanner, "invalid escape");
}

/* Writes a code point as UTF-8 and returns its end. */
static char *put_utf8(char *out, unsigned point) {
    if (point < 0x80) {
        *out++ = (char)point;
        return out;
    }
    if (point < 0x800) {
        *out++ = (char)(0xC0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *out++ = (char)(0xE0 | point >> 12);
        } else {
            *out++ = (char)(0xF0 | point >> 18);
            *out++ = (char)(0x80 | (point >> 12 & 0x3F));
        }
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
    }
    *out++ = (char)(0x80 | (point & 0x3F));
    return out;
}

static bool next_or_eof(millrace_scanner *scanner, char *byte) {
    if (at_end(scanner)) {
        return wrong(scanner, "EOF while parsing a string");
    }
    *byte = *scanner->at_++;
    return true;
}

/* What follows `\u`. */
static bool scan_unicode(millrace_scanner *scanner, char **out) {
    unsigned first = 0;
    if (!scan_hex(scanner, &first)) {
        return false;
    }
    if (first >= 0xDC00 && first <= 0xDFFF) {
        return wrong(scanner, "lone leading surrogate in hex escape");
    }
    if (first < 0xD800 || first > 0xDBFF) {
        *out = put_utf8(*out, first);
        return true;
    }
    char byte = '\0';
    for (int at = 0; at < 2; at++) {
        if (!next_or_eof(scanner, &byte)) {
            return false;
        }
        if (byte != "\\u"[at]) {
            return wrong(scanner, "unexpected end of hex escape");
        }
    }
    unsigned second = 0;
    if (!scan_hex(scanner, &second)) {
        return false;
    }
    if (second < 0xDC00 || second > 0xDFFF) {
        return wrong(scanner, "lone leading surrogate in hex escape");
    }
    *out = put_utf8(*out, ((first - 0xD800) << 10 | (second - 0xDC00)) + 0x10000);
    return true;
}

/* What follows a backslash. */
static bool scan_escape(millrace_scanner *scanner, char **out) {
    static const char names[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    char escaped = '\0';
    if (!next_or_eof(scanner, &escaped)) {
        return false;
    }
    if (escaped == 'u') {
        return scan_unicode(scanner, out);
    }
    const char *found = escaped == '\0' ? NULL : strchr(names, escaped);
    if (found == NULL) {
        return wrong(scanner, "invalid escape");
    }
    *(*out)++ = bytes[found - names];
    return true;
}

/* A text with escapes, into memory that the next one uses again. `from` is its first byte. */
static bool scan_escaped(millrace_scanner *scanner, const char *from, millrace_text *value) {
    /* No text is longer than it was written; find its end first. */
    const char *end = scanner->at_;
    while (end < scanner->end_ && *end != '"') {
        end += *end == '\\' && end + 1 < scanner->end_ ? 2 : 1;
    }
    size_t size = (size_t)(end - from) + 1;
    if (size > scanner->scratch_size_) {
        scanner->scratch_size_ = size * 2;
        scanner->scratch_ = millrace_alloc(scanner->arena_, scanner->scratch_size_);
    }
    size_t plain = (size_t)(scanner->at_ - from);
    memcpy(scanner->scratch_, from, plain);
    char *out = scanner->scratch_ + plain;
    for (;;) {
        from = scanner->at_;
        scanner->at_ = plain_end(from, scanner->end_);
        plain = (size_t)(scanner->at_ - from);
        memcpy(out, from, plain);
        out += plain;
        if (at_end(scanner)) {
            return wrong(scanner, "EOF while parsing a string");
        }
        char byte = *scanner->at_++;
        if (byte == '"') {
            *value = (millrace_text){ scanner->scratch_, (size_t)(out - scanner->scratch_) };
            return true;
        }
        if (byte != '\\') {
            return wrong(
                scanner, "control character (\\u0000-\\u001F) found while parsing a string"
            );
        }
        if (!scan_escape(scanner, &out)) {
            return false;
        }
    }
}

bool millrace_scan_text(millrace_scanner *scanner, millrace_text *value) {
    const char *from = ++scanner->at_;
    scanner->at_ = plain_end(from, scanner->end_);
    if (next_byte(scanner) == '"' && !at_end(scanner)) {
        *value = (millrace_text){ from, (size_t)(scanner->at_ - from) };
        scanner->at_++;
        return true;
    }
    return scan_escaped(scanner, from, value);
}

/* Goes past a text; what its escapes mean does not matter. */
static bool skip_text(millrace_scanner *scanner) {
    scanner->at_++;
    for (;;) {
        scanner->at_ = plain_end(scanner->at_, scanner->end_);
        if (at_end(scanner)) {
            return wrong(scanner, "EOF while parsing a string");
        }
        char byte = *scanner->at_;
        if (byte != '"' && byte != '\\') {
            return wrong(
                scanner, "control character (\\u0000-\\u001F) found while parsing a string"
            );
        }
        scanner->at_++;
        if (byte == '"') {
            return true;
        }
        char escaped = '\0';
        unsigned unit = 0;
        if (!next_or_eof(scanner, &escaped)) {
            return false;
        }
        if (escaped == 'u') {
            if (!scan_hex(scanner, &unit)) {
                return false;
            }
        } else if (escaped == '\0' || strchr("\"\\/bfnrt", escaped) == NULL) {
            return wrong(scanner, "invalid escape");
        }
    }
}

void millrace_scan_enter(millrace_scanner *scanner) { scanner->at_++; }

bool millrace_scan_item(millrace_scanner *scanner, bool first, bool *more) {
    skip_space(scanner);
    if (at_end(scanner)) {
        return wrong_next(scanner, "EOF while parsing a list");
    }
    *more = *scanner->at_ != ']';
    if (!*more) {
        scanner->at_++;
        return true;
    }
    if (first) {
        return true;
    }
    if (*scanner->at_ != ',') {
        return wrong_next(scanner, "expected `,` or `]`");
    }
    scanner->at_++;
    skip_space(scanner);
    if (at_end(scanner)) {
        return wrong_next(scanner, "EOF while parsing a value");
    }
    return *scanner->at_ == ']' ? wrong_next(scanner, "trailing comma") : true;
}

bool millrace_scan_name(millrace_scanner *scanner, bool first, millrace_text *name, bool *more) {
    skip_space(scanner);
    if (at_end(scanner)) {
        return wrong_next(scanner, "EOF while parsing an object");
    }
    *more = *scanner->at_ != '}';
    if (!*more) {
        scanner->at_++;
        return true;
    }
    if (!first) {
        if (*scanner->at_ != ',') {
            return wrong_next(scanner, "expected `,` or `}`");
        }
        scanner->at_++;
        skip_space(scanner);
        if (at_end(scanner)) {
            return wrong_next(scanner, "EOF while parsing a value");
        }
        if (*scanner->at_ == '}') {
            return wrong_next(scanner, "trailing comma");
        }
    }
    if (*scanner->at_ != '"') {
        return wrong_next(scanner, "key must be a string");
    }
    return millrace_scan_text(scanner, name);
}

bool millrace_scan_colon(millrace_scanner *scanner) {
    skip_space(scanner);
    if (at_end(scanner)) {
        return wrong_next(scanner, "EOF while parsing an object");
    }
    if (*scanner->at_ != ':') {
        return wrong_next(scanner, "expected `:`");
    }
    scanner->at_++;
    return true;
}

/* Goes past a number; that it may be too large does not matter. */
static bool skip_number(millrace_scanner *scanner) {
    static const char *const invalid = "invalid number";
    scanner->at_ += *scanner->at_ == '-';
    char first = next_byte(scanner);
    scanner->at_ += !at_end(scanner);
    if (!is_digit(first)) {
        return wrong(scanner, invalid);
    }
    if (first == '0' && is_digit(next_byte(scanner))) {
        return wrong_next(scanner, invalid);
    }
    while (is_digit(next_byte(scanner))) {
        scanner->at_++;
    }
    if (next_byte(scanner) == '.') {
        scanner->at_++;
        if (!is_digit(next_byte(scanner))) {
            return wrong_next(scanner, invalid);
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
            return wrong(scanner, invalid);
        }
        while (is_digit(next_byte(scanner))) {
            scanner->at_++;
        }
    }
    return true;
}

/* Goes past a value that is no list or object. */
static bool skip_scalar(millrace_scanner *scanner, millrace_json_kind kind) {
    bool boolean = false;
    switch (kind) {
    case MILLRACE_JSON_NULL:
        return millrace_scan_null(scanner);
    case MILLRACE_JSON_BOOLEAN:
        return millrace_scan_bool(scanner, &boolean);
    case MILLRACE_JSON_NUMBER:
        return skip_number(scanner);
    case MILLRACE_JSON_TEXT:
        return skip_text(scanner);
    case MILLRACE_JSON_LIST:
    case MILLRACE_JSON_OBJECT:
        break;
    }
    return false;
}

/* Enters a list or object that is skipped. There may be any number of them within one another, so
 * they are on a stack of our own. */
static void push_frame(millrace_scanner *scanner, size_t depth, char frame) {
    if (depth == scanner->frames_size_) {
        size_t size = depth == 0 ? 64 : depth * 2;
        scanner->frames_ = arena_grow(scanner->arena_, scanner->frames_, depth, size);
        scanner->frames_size_ = size;
    }
    scanner->frames_[depth] = frame;
}

/* Goes past the name and colon of a member. */
static bool skip_name(millrace_scanner *scanner) {
    skip_space(scanner);
    if (at_end(scanner)) {
        return wrong_next(scanner, "EOF while parsing an object");
    }
    if (*scanner->at_ != '"') {
        return wrong_next(scanner, "key must be a string");
    }
    return skip_text(scanner) && millrace_scan_colon(scanner);
}

/* Leaves all lists and objects that end here, and goes to the next value of the one that doesn't.
 * `value` says whether a value comes before. */
static bool leave_frames(millrace_scanner *scanner, size_t *depth, bool value) {
    while (*depth > 0) {
        bool list = scanner->frames_[*depth - 1] == '[';
        skip_space(scanner);
        if (at_end(scanner)) {
            return wrong_next(
                scanner, list ? "EOF while parsing a list" : "EOF while parsing an object"
            );
        }
        char next = *scanner->at_;
        if (next != (list ? ']' : '}')) {
            if (value && next != ',') {
                return wrong_next(scanner, list ? "expected `,` or `]`" : "expected `,` or `}`");
            }
            scanner->at_ += value;
            return list || skip_name(scanner);
        }
        scanner->at_++;
        *depth -= 1;
        value = true;
    }
    return true;
}

bool millrace_scan_skip(millrace_scanner *scanner, millrace_text *source) {
    skip_space(scanner);
    const char *start = scanner->at_;
    size_t depth = 0;
    do {
        millrace_json_kind kind;
        if (!millrace_scan_kind(scanner, &kind)) {
            return false;
        }
        bool nested = kind == MILLRACE_JSON_LIST || kind == MILLRACE_JSON_OBJECT;
        if (nested) {
            push_frame(scanner, depth, *scanner->at_);
            depth++;
            scanner->at_++;
        } else if (!skip_scalar(scanner, kind)) {
            return false;
        }
        if (!leave_frames(scanner, &depth, !nested)) {
            return false;
        }
    } while (depth > 0);
    *source = (millrace_text){ start, (size_t)(scanner->at_ - start) };
    return true;
}

bool millrace_scan_end(millrace_scanner *scanner) {
    skip_space(scanner);
    return at_end(scanner) ? true : wrong_next(scanner, "trailing characters");
}
