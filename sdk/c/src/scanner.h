/* A text of JSON that is read value by value: what the parts of the scanner share. Each skips or
 * reads from where the scanner is, and notes the first mistake. */
#ifndef MILLRACE_SRC_SCANNER_H
#define MILLRACE_SRC_SCANNER_H

#include "millrace/json.h"

/* Notes a mistake behind what was read last; always false. */
bool mr_wrong(millrace_scanner *scanner, const char *error);

/* Notes a mistake in what comes next; always false. */
bool mr_wrong_next(millrace_scanner *scanner, const char *error);

/* Goes past a text or a number; what they hold does not matter. */
bool mr_skip_text(millrace_scanner *scanner);
bool mr_skip_number(millrace_scanner *scanner);

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

#endif
