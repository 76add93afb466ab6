/* What a plugin returns for a batch. */
#ifndef MILLRACE_OUTPUT_H
#define MILLRACE_OUTPUT_H

#include "build.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The result of a batch, as it grows. Rows that are neither passed on nor refused are dropped. */
typedef struct millrace_output millrace_output;

/* Passes every input row to a port, in order, with the columns that the port adds. Neither columns
 * nor rows are copied: take their memory from the call's arena. */
void millrace_out_all(
    millrace_output *out, const char *port, const millrace_column *columns, size_t column_count
);

/*
 * Passes the input rows `rows` to a port: in any order, some more than once. The columns are as
 * long as `rows`. It does nothing if there are no rows.
 */
void millrace_out_some(
    millrace_output *out, const char *port, const uint32_t *rows, size_t row_count,
    const millrace_column *columns, size_t column_count
);

/* Refuses an input row: it leaves on the port `errors`. The code has 1 to 64 lower-case letters,
 * digits and underscores; the message is made as printf makes it. */
void millrace_row_error(
    millrace_output *out, uint32_t row, const char *code, const char *format, ...
) MILLRACE_PRINTF(4, 5);

/* Refuses an input row because of a column. */
void millrace_row_error_in(
    millrace_output *out, uint32_t row, const char *column, const char *code, const char *format,
    ...
) MILLRACE_PRINTF(5, 6);

/* What to do with one row; a status other than MILLRACE_OK refuses it. */
typedef millrace_status (*millrace_row_function)(
    void *context, const millrace_batch *batch, uint32_t row
);

/* Calls a function for each row, where speed matters less. A row for which it fails is refused with
 * the code `failed`; the numbers of all others are put into `rows`, which has room for all of the
 * batch. Returns how many they are. */
size_t millrace_each_row(
    const millrace_batch *batch, millrace_output *out, millrace_row_function function,
    void *context, uint32_t *rows
);

#ifdef __cplusplus
}
#endif
#endif
