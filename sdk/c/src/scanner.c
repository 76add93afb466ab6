#include "scanner.h"

#include "arena.h"

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

bool mr_wrong(millrace_scanner *scanner, const char *error) {
    scanner->error = error;
    scanner->wrong_ = scanner->at_;
    return false;
}

bool mr_wrong_next(millrace_scanner *scanner, const char *error) {
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

bool millrace_scan_kind(millrace_scanner *scanner, millrace_json_kind *kind) {
    skip_space(scanner);
    if (at_end(scanner)) {
        return mr_wrong_next(scanner, "EOF while parsing a value");
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
        return mr_wrong_next(scanner, "expected value");
    }
}

static bool scan_word(millrace_scanner *scanner, const char *word) {
    for (; *word != '\0'; word++) {
        if (at_end(scanner)) {
            return mr_wrong(scanner, "EOF while parsing a value");
        }
        if (*scanner->at_++ != *word) {
            return mr_wrong(scanner, "expected ident");
        }
    }
    return true;
}

bool millrace_scan_null(millrace_scanner *scanner) { return scan_word(scanner, "null"); }

bool millrace_scan_bool(millrace_scanner *scanner, bool *value) {
    *value = next_byte(scanner) == 't';
    return scan_word(scanner, *value ? "true" : "false");
}

void millrace_scan_enter(millrace_scanner *scanner) { scanner->at_++; }

bool millrace_scan_item(millrace_scanner *scanner, bool first, bool *more) {
    skip_space(scanner);
    if (at_end(scanner)) {
        return mr_wrong_next(scanner, "EOF while parsing a list");
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
        return mr_wrong_next(scanner, "expected `,` or `]`");
    }
    scanner->at_++;
    skip_space(scanner);
    if (at_end(scanner)) {
        return mr_wrong_next(scanner, "EOF while parsing a value");
    }
    return *scanner->at_ == ']' ? mr_wrong_next(scanner, "trailing comma") : true;
}

bool millrace_scan_name(millrace_scanner *scanner, bool first, millrace_text *name, bool *more) {
    skip_space(scanner);
    if (at_end(scanner)) {
        return mr_wrong_next(scanner, "EOF while parsing an object");
    }
    *more = *scanner->at_ != '}';
    if (!*more) {
        scanner->at_++;
        return true;
    }
    if (!first) {
        if (*scanner->at_ != ',') {
            return mr_wrong_next(scanner, "expected `,` or `}`");
        }
        scanner->at_++;
        skip_space(scanner);
        if (at_end(scanner)) {
            return mr_wrong_next(scanner, "EOF while parsing a value");
        }
        if (*scanner->at_ == '}') {
            return mr_wrong_next(scanner, "trailing comma");
        }
    }
    if (*scanner->at_ != '"') {
        return mr_wrong_next(scanner, "key must be a string");
    }
    return millrace_scan_text(scanner, name);
}

bool millrace_scan_colon(millrace_scanner *scanner) {
    skip_space(scanner);
    if (at_end(scanner)) {
        return mr_wrong_next(scanner, "EOF while parsing an object");
    }
    if (*scanner->at_ != ':') {
        return mr_wrong_next(scanner, "expected `:`");
    }
    scanner->at_++;
    return true;
}

bool millrace_scan_end(millrace_scanner *scanner) {
    skip_space(scanner);
    return at_end(scanner) ? true : mr_wrong_next(scanner, "trailing characters");
}
