/* The example natively: rows leave the window, and sums are exact. */

#include <millrace/keyed.h>

#include <millrace/testing.h>

static const char schema[] = "{'user': 'string', 'at': 'timestamp', 'amount': 'float64'}";

static int rows_are_counted_and_summed_within_the_window(void) {
    millrace_test *test = millrace_test_keyed(
        &millrace_plugin,
        "{'within': '60s', 'amount': 'amount', 'max_count': 2, 'max_sum': 100, 'flagged': 'much'}",
        schema, "user", "at"
    );
    millrace_test_rows(
        test,
        "{'user': 'a', 'at': '2024-01-01T10:00:30Z', 'amount': 20}\n"
        "{'user': 'a', 'at': '2024-01-01T10:00:00Z', 'amount': 10}\n"
        "{'user': 'b', 'at': '2024-01-01T10:00:10Z', 'amount': 99.5}\n"
    );
    /* The windows go on in the next batch. */
    millrace_test_rows(
        test,
        "{'user': 'b', 'at': '2024-01-01T10:00:11Z', 'amount': 1}\n"
        "{'user': 'a', 'at': '2024-01-01T10:00:59Z', 'amount': null}\n"
        "{'user': 'a', 'at': '2024-01-01T10:01:31Z', 'amount': 0.1}\n"
    );
    millrace_test_expect(
        test, "main",
        "{'user': 'a', 'at': '2024-01-01T10:00:00Z', 'amount': 10, 'velocity_count': 1,"
        " 'velocity_sum': 10, 'velocity_flag': null}\n"
        "{'user': 'a', 'at': '2024-01-01T10:00:30Z', 'amount': 20, 'velocity_count': 2,"
        " 'velocity_sum': 30, 'velocity_flag': null}\n"
        "{'user': 'b', 'at': '2024-01-01T10:00:10Z', 'amount': 99.5, 'velocity_count': 1,"
        " 'velocity_sum': 99.5, 'velocity_flag': null}\n"
        "{'user': 'a', 'at': '2024-01-01T10:01:31Z', 'amount': 0.1, 'velocity_count': 2,"
        " 'velocity_sum': 0.1, 'velocity_flag': null}\n"
    );
    millrace_test_expect(
        test, "much",
        "{'user': 'b', 'at': '2024-01-01T10:00:11Z', 'amount': 1, 'velocity_count': 2,"
        " 'velocity_sum': 100.5, 'velocity_flag': 'sum'}\n"
        "{'user': 'a', 'at': '2024-01-01T10:00:59Z', 'amount': null, 'velocity_count': 3,"
        " 'velocity_sum': 30, 'velocity_flag': 'count'}\n"
    );
    return millrace_test_end(test);
}

/* In floating-point numbers, the small amount would be lost beside the large ones. */
static int amounts_leave_without_a_trace(void) {
    millrace_test *test = millrace_test_keyed(
        &millrace_plugin, "{'within': '1s', 'amount': 'amount'}", schema, "user", "at"
    );
    millrace_test_rows(
        test,
        "{'user': 'a', 'at': '2024-01-01T10:00:00Z', 'amount': 1e16}\n"
        "{'user': 'a', 'at': '2024-01-01T10:00:00Z', 'amount': -3e15}\n"
        "{'user': 'a', 'at': '2024-01-01T10:00:01Z', 'amount': 0.3}\n"
        "{'user': 'a', 'at': '2024-01-01T10:00:02Z', 'amount': -0.1}\n"
    );
    millrace_test_expect(
        test, "main",
        "{'user': 'a', 'at': '2024-01-01T10:00:00Z', 'amount': 1e16, 'velocity_count': 1,"
        " 'velocity_sum': 1e16, 'velocity_flag': null}\n"
        "{'user': 'a', 'at': '2024-01-01T10:00:00Z', 'amount': -3e15, 'velocity_count': 2,"
        " 'velocity_sum': 7e15, 'velocity_flag': null}\n"
        "{'user': 'a', 'at': '2024-01-01T10:00:01Z', 'amount': 0.3, 'velocity_count': 3,"
        " 'velocity_sum': 7e15, 'velocity_flag': null}\n"
        "{'user': 'a', 'at': '2024-01-01T10:00:02Z', 'amount': -0.1, 'velocity_count': 2,"
        " 'velocity_sum': 0.19999999999999998, 'velocity_flag': null}\n"
    );
    return millrace_test_end(test);
}

static int what_contradicts_itself_is_refused(void) {
    millrace_test *test = millrace_test_keyed(
        &millrace_plugin, "{'within': '0s', 'max_sum': 1, 'flagged': 'main', 'x': 1}", schema,
        "user", "at"
    );
    millrace_test_expect_mistake(test, "within: `0s` is no time span");
    millrace_test_expect_mistake(test, "max_sum: needs `amount`");
    millrace_test_expect_mistake(test, "flagged: must be another port than `main`");
    millrace_test_expect_mistake(test, "unknown field `x`, expected one of `within`, `amount`");
    return millrace_test_end(test);
}

int main(void) {
    return rows_are_counted_and_summed_within_the_window() + amounts_leave_without_a_trace()
        + what_contradicts_itself_is_refused();
}
