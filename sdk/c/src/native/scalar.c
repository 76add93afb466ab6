/* Scalar functions in a native test. */

#include "millrace/scalar.h"

#include "test.h"

#include "millrace/testing.h"

static void take_rows(millrace_test *test, const millrace_batch *rows) {
    const millrace_scalar *plugin = test->world;
    millrace_output out = mr_new_output(test, rows->rows);
    millrace_column result = { 0 };
    millrace_status status = plugin->evaluate(test->start.plugin, rows, &out, &result);
    if (status == MILLRACE_OK) {
        status = mr_check_values(&test->arena, test->start.description_, rows->rows, &result);
    }
    test->failure = status;
    if (status != MILLRACE_OK) {
        return;
    }
    for (uint32_t row = 0; row < rows->rows; row++) {
        bool refused = false;
        for (size_t at = 0; at < out.error_count; at++) {
            refused = refused || out.errors[at].row == row;
        }
        if (!refused) {
            mr_note_row(test, "main", rows, row, "result", &result, row);
        }
    }
    mr_note_errors(test, &out);
}

millrace_test *millrace_test_scalar(
    const millrace_scalar *plugin, const char *config, const char *schema
) {
    millrace_test *test = mr_test_start(config, schema, NULL, plugin->start);
    mr_check_result(&test->start);
    test->take_rows = take_rows;
    test->world = (void *)(uintptr_t)plugin;
    return test;
}
