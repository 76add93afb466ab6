/* What a plugin says of itself when it starts. */
#ifndef MILLRACE_SRC_DESCRIBE_H
#define MILLRACE_SRC_DESCRIBE_H

#include <stdarg.h>

#include "millrace/column.h"
#include "millrace/start.h"
#include "text_list.h"

typedef struct port {
    const char *name;
    const millrace_field *adds;
    size_t add_count;
    text_list drops;
} port;

typedef struct config_error {
    const char *path;
    const char *message;
} config_error;

struct millrace_description {
    text_list reads;
    text_list keys;
    port *ports;
    size_t port_count;
    bool has_ttl;
    uint64_t ttl;
    bool has_result;
    millrace_type result;
    config_error *errors;
    size_t error_count;
};

/* Gives `start` an empty description. */
void mr_begin_description(millrace_start *start);

/*
 * Calls a plugin's `start` with what the host gave. Afterwards `start->description_` has what there
 * is to say, mistakes above all; what is read is then in the input.
 */
void mr_run_start(
    millrace_start *start, millrace_text config, millrace_status (*function)(millrace_start *)
);

/* Notes that a function has not said what type it has. */
void mr_check_result(millrace_start *start);

/* What of a function's values the host could only refuse in words of the wire. */
millrace_status mr_check_values(
    millrace_arena *arena, const struct millrace_description *description, size_t rows,
    const millrace_column *values
);

#endif
