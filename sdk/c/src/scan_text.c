/* Texts of JSON. */

#include "arena.h"
#include "scanner.h"

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
        return mr_wrong(scanner, "EOF while parsing a string");
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
    return valid ? true : mr_wrong(scanner, "invalid escape");
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
        return mr_wrong(scanner, "EOF while parsing a string");
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
        return mr_wrong(scanner, "lone leading surrogate in hex escape");
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
            return mr_wrong(scanner, "unexpected end of hex escape");
        }
    }
    unsigned second = 0;
    if (!scan_hex(scanner, &second)) {
        return false;
    }
    if (second < 0xDC00 || second > 0xDFFF) {
        return mr_wrong(scanner, "lone leading surrogate in hex escape");
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
        return mr_wrong(scanner, "invalid escape");
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
            return mr_wrong(scanner, "EOF while parsing a string");
        }
        char byte = *scanner->at_++;
        if (byte == '"') {
            *value = (millrace_text){ scanner->scratch_, (size_t)(out - scanner->scratch_) };
            return true;
        }
        if (byte != '\\') {
            return mr_wrong(
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

bool mr_skip_text(millrace_scanner *scanner) {
    scanner->at_++;
    for (;;) {
        scanner->at_ = plain_end(scanner->at_, scanner->end_);
        if (at_end(scanner)) {
            return mr_wrong(scanner, "EOF while parsing a string");
        }
        char byte = *scanner->at_;
        if (byte != '"' && byte != '\\') {
            return mr_wrong(
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
            return mr_wrong(scanner, "invalid escape");
        }
    }
}
