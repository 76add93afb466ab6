/* Scalar functions for SQL: the values of one row to one value. */
#ifndef MILLRACE_SCALAR_H
#define MILLRACE_SCALAR_H

#include "output.h"
#include "start.h"

/* Each world has a symbol of its own, so that a plugin of another one does not link. */
#undef millrace_plugin
#define millrace_plugin millrace_plugin_scalar

#ifdef __cplusplus
extern "C" {
#endif

/* A scalar function. */
typedef struct millrace_scalar {
    millrace_about about;

    /* Takes the configuration and the types of the arguments, `start->input`, named `a0`, `a1` and
     * so on. Says by millrace_result what type the function has. Called once for each combination of
     * types with which SQL calls the function. */
    millrace_status (*start)(millrace_start *start);

    /*
     * Sets `result` to a column of that type, with one value for each row. It may depend on the
     * arguments alone. Rows are refused by millrace_row_error; what the column has for them does not
     * matter. A failing status fails the call, and the host tries again with fewer rows.
     */
    millrace_status (*evaluate)(
        void *plugin, const millrace_batch *arguments, millrace_output *out, millrace_column *result
    );
} millrace_scalar;

/* The function, which the author defines. */
extern const millrace_scalar millrace_plugin;

#ifdef __cplusplus
}
#endif
#endif
