/* A reader of JSON, for configurations. */
#ifndef MILLRACE_JSON_H
#define MILLRACE_JSON_H

#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum millrace_json_kind {
    MILLRACE_JSON_NULL,
    MILLRACE_JSON_BOOLEAN,
    MILLRACE_JSON_NUMBER,
    MILLRACE_JSON_TEXT,
    MILLRACE_JSON_LIST,
    MILLRACE_JSON_OBJECT
} millrace_json_kind;

typedef struct millrace_json millrace_json;

/* A value. */
struct millrace_json {
    millrace_json_kind kind;
    bool boolean;
    millrace_text text;         /* a text without its escapes, or a number as it was written */
    millrace_text name;         /* in an object: the member's name */
    const millrace_json *items; /* of a list or object, in the order in which they were written */
    size_t count;
};

/* More levels of lists and objects than this are refused. */
#define MILLRACE_JSON_DEPTH_MAX 127

/*
 * The value of a whole text, which must be UTF-8. NULL if it is not JSON: then `error` says why,
 * with line and column. Texts end in a zero byte, beyond their length.
 */
const millrace_json *millrace_json_parse(
    millrace_arena *arena, millrace_text text, const char **error
);

/* The last member of this name of an object, or NULL. */
const millrace_json *millrace_json_member(const millrace_json *object, const char *name);

/* A number that is written as an integer and fits; false if not. It does not pass through a
 * floating-point number. */
bool millrace_json_int64(const millrace_json *number, int64_t *value);
bool millrace_json_uint64(const millrace_json *number, uint64_t *value);

/* The double nearest to a number; false if that is none or it is beyond all doubles. */
bool millrace_json_double(const millrace_json *number, double *value);

/* The double nearest to a decimal number as JSON writes it. */
double millrace_parse_double(millrace_text number);

/* A number as JSON writes it, in as few digits as name it: 0.1, 10000.0, 1e+30. */
const char *millrace_json_double_text(millrace_arena *arena, double number);

/*
 * A text that is read value by value, without a tree and without memory for each value: for plugins
 * that parse rows. Functions return false at the first mistake, which millrace_scan_error words;
 * the scanner is then of no use.
 */
typedef struct millrace_scanner {
    const char *error; /* what is wrong, without its place; NULL if nothing is */
    millrace_arena *arena_;
    const char *start_;
    const char *at_;
    const char *end_;
    const char *wrong_;
    char *scratch_; /* for texts with escapes */
    size_t scratch_size_;
    char *frames_; /* of lists and objects that are skipped */
    size_t frames_size_;
} millrace_scanner;

/* A number that was read. */
typedef struct millrace_number {
    enum { MILLRACE_NUMBER_UINT, MILLRACE_NUMBER_INT, MILLRACE_NUMBER_DOUBLE } kind;
    uint64_t uint_value; /* an integer from 0 on */
    int64_t int_value;   /* an integer below 0 */
    double double_value; /* any other, rounded to the nearest; also -0 and integers beyond */
    millrace_text source;
} millrace_number;

/* Begins to read a text, which must be UTF-8. */
void millrace_scan(millrace_scanner *scanner, millrace_arena *arena, millrace_text text);

/* Begins to read another text with the memory of the last. */
void millrace_scan_again(millrace_scanner *scanner, millrace_text text);

/* What comes next. */
bool millrace_scan_kind(millrace_scanner *scanner, millrace_json_kind *kind);

/* Reads a value of the kind that comes next. A text is valid until the next one is read. */
bool millrace_scan_null(millrace_scanner *scanner);
bool millrace_scan_bool(millrace_scanner *scanner, bool *value);
bool millrace_scan_number(millrace_scanner *scanner, millrace_number *value);
bool millrace_scan_text(millrace_scanner *scanner, millrace_text *value);

/* Enters the list or object that comes next. */
void millrace_scan_enter(millrace_scanner *scanner);

/* Goes to the next value of the list that was entered; `more` is false behind the last. `first` is
 * true before the first. */
bool millrace_scan_item(millrace_scanner *scanner, bool first, bool *more);

/* Goes to the next name of the object that was entered, and reads it; then, to its value. */
bool millrace_scan_name(millrace_scanner *scanner, bool first, millrace_text *name, bool *more);
bool millrace_scan_colon(millrace_scanner *scanner);

/* Goes past any value; `source` is the value as it was written. */
bool millrace_scan_skip(millrace_scanner *scanner, millrace_text *source);

/* Checks that nothing but white space is left. */
bool millrace_scan_end(millrace_scanner *scanner);

/* What is wrong, with its line and column. */
const char *millrace_scan_error(const millrace_scanner *scanner, millrace_arena *arena);

#ifdef __cplusplus
}
#endif
#endif
