/* The example natively: large state, and timers that set timers. */

#include <millrace/keyed.h>

#include <millrace/testing.h>

static const char schema[] =
    "{'user': 'string', 'at': 'timestamp', 'op': 'string', 'value': 'int64'}";

static int maps_and_lists_are_kept(void) {
    millrace_test *test = millrace_test_keyed(&millrace_plugin, "{}", schema, "user", NULL);
    millrace_test_rows(
        test,
        "{'user': 'a', 'op': 'add', 'value': 5}\n"
        "{'user': 'a', 'op': 'put', 'value': 20}\n"
        "{'user': 'a', 'op': 'put', 'value': 10}\n"
        "{'user': 'a', 'op': 'append', 'value': 7}\n"
        "{'user': 'a', 'op': 'what', 'value': 7}\n"
    );
    millrace_test_rows(
        test,
        "{'user': 'a', 'op': 'drop', 'value': 10}\n"
        "{'user': 'a', 'op': 'trim', 'value': 1}\n"
        "{'user': 'b', 'op': 'add', 'value': null}\n"
    );
#define ROW(user, op, value, rest)                                                                 \
    "{'user': '" user "', 'at': null, 'op': '" op "', 'value': " value ", " rest "}\n"
    millrace_test_expect(
        test, "main",
        ROW("a", "add", "5",
            "'count': 1, 'sum': 5, 'entries': 0, 'first': null,"
            " 'list_start': 0, 'list_end': 0, 'last': null")
            ROW("a", "put", "20",
                "'count': 1, 'sum': 5, 'entries': 1, 'first': '20=1',"
                " 'list_start': 0, 'list_end': 0, 'last': null")
                ROW("a", "put", "10",
                    "'count': 1, 'sum': 5, 'entries': 2, 'first': '10=1',"
                    " 'list_start': 0, 'list_end': 0, 'last': null")
                    ROW("a", "append", "7",
                        "'count': 1, 'sum': 5, 'entries': 2, 'first': '10=1',"
                        " 'list_start': 0, 'list_end': 1, 'last': '7'")
                        ROW("a", "drop", "10",
                            "'count': 1, 'sum': 5, 'entries': 1, 'first': '20=1',"
                            " 'list_start': 0, 'list_end': 1, 'last': '7'")
                            ROW("a", "trim", "1",
                                "'count': 1, 'sum': 5, 'entries': 1, 'first': '20=1',"
                                " 'list_start': 1, 'list_end': 1, 'last': null")
                                ROW("b", "add", "null",
                                    "'count': 1, 'sum': 0, 'entries': 0, 'first': null,"
                                    " 'list_start': 0, 'list_end': 0, 'last': null")
    );
    millrace_test_expect(
        test, "errors",
        "{'row': 4, 'code': 'unknown_op', 'column': 'op', 'message': '`what` is no operation'}\n"
    );
    millrace_test_expect_number(test, "states", millrace_test_states(test), 2);
    return millrace_test_end(test);
}

static int timers_set_timers(void) {
    millrace_test *test = millrace_test_keyed(&millrace_plugin, "{}", schema, "user", "at");
    millrace_test_rows(
        test,
        "{'user': 'a', 'at': '1970-01-01T00:00:10Z', 'op': 'timer2', 'value': 5}\n"
        "{'user': 'a', 'at': '1970-01-01T00:00:11Z', 'op': 'delay', 'value': 60}\n"
    );
    millrace_test_expect_number(test, "timers", millrace_test_timers(test), 2);
    millrace_test_watermark(test, INT64_C(20000000));
    millrace_test_pass(test, 60000000);
#define REPORT(timer, clock, due, count)                                                           \
    "{'user': 'a', 'at': null, 'op': null, 'value': null, 'name': 'a', 'timer': " timer            \
    ", 'clock': '" clock "', 'due': " due ", 'count': " count ", 'sum': 0}\n"
    millrace_test_expect(
        test, "reports",
        REPORT("2", "event", "15000000", "0") REPORT("1", "event", "16000000", "1")
            REPORT("3", "processing", "null", "1")
    );
    millrace_test_expect_number(test, "timers", millrace_test_timers(test), 0);
    return millrace_test_end(test);
}

int main(void) { return maps_and_lists_are_kept() + timers_set_timers(); }
