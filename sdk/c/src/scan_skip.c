/* Values of JSON that nobody wants to read. */

#include "arena.h"
#include "scanner.h"

/* Goes past a value that is no list or object. */
static bool skip_scalar(millrace_scanner *scanner, millrace_json_kind kind) {
    bool boolean = false;
    switch (kind) {
    case MILLRACE_JSON_NULL:
        return millrace_scan_null(scanner);
    case MILLRACE_JSON_BOOLEAN:
        return millrace_scan_bool(scanner, &boolean);
    case MILLRACE_JSON_NUMBER:
        return mr_skip_number(scanner);
    case MILLRACE_JSON_TEXT:
        return mr_skip_text(scanner);
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
        scanner->frames_ = mr_arena_grow(scanner->arena_, scanner->frames_, depth, size);
        scanner->frames_size_ = size;
    }
    scanner->frames_[depth] = frame;
}

/* Goes past the name and colon of a member. */
static bool skip_name(millrace_scanner *scanner) {
    skip_space(scanner);
    if (at_end(scanner)) {
        return mr_wrong_next(scanner, "EOF while parsing an object");
    }
    if (*scanner->at_ != '"') {
        return mr_wrong_next(scanner, "key must be a string");
    }
    return mr_skip_text(scanner) && millrace_scan_colon(scanner);
}

/* Leaves all lists and objects that end here, and goes to the next value of the one that doesn't.
 * `value` says whether a value comes before. */
static bool leave_frames(millrace_scanner *scanner, size_t *depth, bool value) {
    while (*depth > 0) {
        bool list = scanner->frames_[*depth - 1] == '[';
        skip_space(scanner);
        if (at_end(scanner)) {
            return mr_wrong_next(
                scanner, list ? "EOF while parsing a list" : "EOF while parsing an object"
            );
        }
        char next = *scanner->at_;
        if (next != (list ? ']' : '}')) {
            if (value && next != ',') {
                return mr_wrong_next(scanner, list ? "expected `,` or `]`" : "expected `,` or `}`");
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
