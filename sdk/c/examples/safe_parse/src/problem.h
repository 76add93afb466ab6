/* Why a row is refused. */
#ifndef PROBLEM_H
#define PROBLEM_H

#include <millrace/text.h>

/* All zero is none. */
typedef struct problem {
    const char *code;
    const char *column; /* NULL for the raw column */
    const char *message;
} problem;

/* The beginning of a text that may be of any length. */
const char *shortened(millrace_arena *arena, millrace_text text);

/* A text in quotes, with escapes for what can't be seen. */
const char *quoted(millrace_arena *arena, millrace_text text);

#endif
