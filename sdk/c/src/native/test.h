/* A plugin that runs natively, whatever its world. */
#ifndef MILLRACE_SRC_NATIVE_TEST_H
#define MILLRACE_SRC_NATIVE_TEST_H

#include "../arena.h"
#include "../describe.h"
#include "../output.h"
#include "values.h"

/* What has come out of a port. */
typedef struct port_text {
    const char *name;
    millrace_writer rows;
} port_text;

typedef struct millrace_test millrace_test;

struct millrace_test {
    millrace_arena arena; /* of all that the test has; its own place too */
    millrace_start start;
    const char *failure; /* of the last call, or NULL */
    port_text *ports;
    size_t port_count;
    int unexpected;
    /* What the world does with rows. Its own state is `world`. */
    void (*take_rows)(millrace_test *test, const millrace_batch *rows);
    void *world;
};

/* A test whose plugin has been started. `key` has the columns of the key with commas between them,
 * or is NULL. */
millrace_test *mr_test_start(
    const char *config, const char *schema, const char *key,
    millrace_status (*start)(millrace_start *)
);

/* All columns of the schema from rows, one JSON object per line. */
millrace_batch mr_rows_from(millrace_test *test, const char *rows);

/* The columns of these names. */
millrace_batch mr_batch_of(millrace_test *test, const millrace_batch *all, const text_list *names);

/* What a call has put out. Row `rows->rows + k` is row k of `keys`, in which all columns but those of
 * the key are null; `keys` may be NULL. */
void mr_note_output(
    millrace_test *test, const millrace_batch *rows, const millrace_batch *keys,
    const millrace_output *out
);

/* Writes a row of a port, with a last column beside it if there is one. */
void mr_note_row(
    millrace_test *test, const char *port, const millrace_batch *rows, size_t row, const char *name,
    const millrace_column *last, size_t last_row
);

/* Notes the rows that were refused. */
void mr_note_errors(millrace_test *test, const millrace_output *out);

/* An output for a call with so many rows. */
millrace_output mr_new_output(millrace_test *test, size_t rows);

#endif
