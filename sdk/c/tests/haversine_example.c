/* The example natively. Its golden case has the refusals of SQL and not those of the function. */

#include <millrace/scalar.h>

#include <millrace/testing.h>

int main(void) {
    static const char schema[] =
        "{'a0': 'float64', 'a1': 'float64', 'a2': 'float64', 'a3': 'float64'}";
    millrace_test *test = millrace_test_scalar(&millrace_plugin, "{}", schema);
    millrace_test_rows(
        test,
        "{'a0': 52.52, 'a1': 13.405, 'a2': 48.8566, 'a3': 2.3522}\n"
        "{'a0': 52.52, 'a1': null, 'a2': 52.52, 'a3': 13.405}\n"
        "{'a0': 90.5, 'a1': 0.0, 'a2': 0.0, 'a3': 0.0}\n"
        "{'a0': 0.0, 'a1': 0.0, 'a2': 0.0, 'a3': -181.0}\n"
    );
    millrace_test_expect(
        test, "main",
        "{'a0': 52.52, 'a1': 13.405, 'a2': 48.8566, 'a3': 2.3522, 'result': 877.4645379215093}\n"
        "{'a0': 52.52, 'a1': null, 'a2': 52.52, 'a3': 13.405, 'result': null}\n"
    );
    millrace_test_expect(
        test, "errors",
        "{'row': 2, 'code': 'no_place', 'message': '90.5 is no latitude'}\n"
        "{'row': 3, 'code': 'no_place', 'message': '-181 is no longitude'}\n"
    );
    int failed = millrace_test_end(test);

    test = millrace_test_scalar(&millrace_plugin, "{}", "{'a0': 'int64'}");
    millrace_test_expect_mistake(test, "it takes four float64");
    return failed + millrace_test_end(test);
}
