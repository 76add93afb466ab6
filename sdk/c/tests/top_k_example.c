/* The example natively, with states that are merged. */

#include <millrace/aggregate.h>

#include <millrace/testing.h>

int main(void) {
    static const char schema[] = "{'country': 'string', 'a0': 'string'}";
    millrace_test *test = millrace_test_aggregate(
        &millrace_plugin, "{'k': 2, 'max_values': 3}", schema, "country"
    );
    millrace_test_rows(
        test,
        "{'country': 'DE', 'a0': 'm1'}\n"
        "{'country': 'DE', 'a0': 'm2'}\n"
        "{'country': null, 'a0': null}\n"
    );
    millrace_test_rows(
        test,
        "{'country': 'DE', 'a0': 'm2'}\n"
        "{'country': 'DE', 'a0': 'm3'}\n"
        "{'country': 'DE', 'a0': 'm1'}\n"
    );
    millrace_test_expect(
        test, "main",
        "{'country': 'DE', 'result': [{'value': 'm1', 'count': 2}, {'value': 'm2', 'count': 2}]}\n"
        "{'country': null, 'result': []}\n"
    );
    millrace_test_rows(test, "{'country': 'DE', 'a0': 'm4'}\n");
    millrace_test_expect_failure(test, "more than 3 different texts");
    int failed = millrace_test_end(test);

    test = millrace_test_aggregate(&millrace_plugin, "{'k': 0}", "{'a0': 'string'}", NULL);
    millrace_test_expect_mistake(test, "k: must be at least 1");
    return failed + millrace_test_end(test);
}
