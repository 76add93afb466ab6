/* The result of a batch, before it crosses to the host. */
#ifndef MILLRACE_SRC_OUTPUT_H
#define MILLRACE_SRC_OUTPUT_H

#include <stdarg.h>

#include "millrace/output.h"

/* Rows for one port. */
typedef struct emitted {
    size_t port;
    bool all;
    const uint32_t *rows;
    size_t row_count;
    const millrace_column *columns;
    size_t column_count;
} emitted;

/* One input row that could not be taken. */
typedef struct row_error {
    uint32_t row;
    const char *code;
    const char *message;
    const char *column; /* NULL if none is at fault */
} row_error;

struct millrace_output {
    millrace_arena *arena;
    const struct millrace_description *description;
    size_t rows; /* of the batch */
    emitted *emitted;
    size_t emitted_count;
    size_t emitted_capacity;
    row_error *errors;
    size_t error_count;
    size_t error_capacity;
    /* What is wrong with what the plugin put out; it fails the call. */
    millrace_status failure;
};

#endif
