/* The plugin as plain C: quick, and a debugger works. In these texts a ' stands for a ". */

#include <millrace/keyed.h>

#include <millrace/testing.h>

#define MINUTE INT64_C(60000000)

static int rows_are_counted_until_the_key_is_silent(void) {
    millrace_test *test = millrace_test_keyed(
        &millrace_plugin, "{'limit': 1}", "{'user': 'string', 'at': 'timestamp'}", "user", "at"
    );
    millrace_test_rows(
        test,
        "{'user': 'a', 'at': '1970-01-01T00:00:00Z'}\n"
        "{'user': 'b', 'at': '1970-01-01T00:01:00Z'}\n"
        "{'user': 'a', 'at': '1970-01-01T00:02:00Z'}\n"
        "{'user': 'a', 'at': '1970-01-01T01:30:00Z'}\n"
    );
    /* The rows of a key stand together. */
    millrace_test_expect(
        test, "main",
        "{'user': 'a', 'at': '1970-01-01T00:00:00Z', 'count': 1, 'above': false}\n"
        "{'user': 'a', 'at': '1970-01-01T00:02:00Z', 'count': 2, 'above': true}\n"
        "{'user': 'a', 'at': '1970-01-01T01:30:00Z', 'count': 1, 'above': false}\n"
        "{'user': 'b', 'at': '1970-01-01T00:01:00Z', 'count': 1, 'above': false}\n"
    );
    millrace_test_watermark(test, 200 * MINUTE);
    millrace_test_expect_number(test, "states", millrace_test_states(test), 0);
    return millrace_test_end(test);
}

int main(void) { return rows_are_counted_until_the_key_is_silent(); }
