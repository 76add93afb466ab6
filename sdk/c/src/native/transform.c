/* Transform plugins in a native test. */

#include "millrace/transform.h"

#include "test.h"

#include "millrace/testing.h"

static void take_rows(millrace_test *test, const millrace_batch *rows) {
    const millrace_transform *plugin = test->world;
    millrace_output out = mr_new_output(test, rows->rows);
    millrace_batch read = mr_batch_of(test, rows, &test->start.description_->reads);
    millrace_status status = plugin->process(test->start.plugin, &read, &out);
    test->failure = status != MILLRACE_OK ? status : out.failure;
    if (test->failure == NULL) {
        mr_note_output(test, rows, NULL, &out);
    }
}

millrace_test *millrace_test_transform(
    const millrace_transform *plugin, const char *config, const char *schema
) {
    millrace_test *test = mr_test_start(config, schema, NULL, plugin->start);
    test->take_rows = take_rows;
    test->world = (void *)(uintptr_t)plugin;
    return test;
}
