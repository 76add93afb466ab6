/* The plugin as plain C: quick, and a debugger works. In these texts a ' stands for a ". */

#include <millrace/transform.h>

#include <millrace/testing.h>

static int amounts_above_the_limit_are_marked(void) {
    millrace_test *test = millrace_test_transform(
        &millrace_plugin, "{'limit': 100}", "{'id': 'string', 'amount': 'float64'}"
    );
    millrace_test_rows(
        test,
        "{'id': 'a', 'amount': 10.0}\n"
        "{'id': 'b', 'amount': 100.0}\n"
        "{'id': 'c', 'amount': 100.5}\n"
        "{'id': 'd', 'amount': null}\n"
    );
    millrace_test_expect(
        test, "main",
        "{'id': 'a', 'amount': 10.0, 'large': false}\n"
        "{'id': 'b', 'amount': 100.0, 'large': false}\n"
        "{'id': 'c', 'amount': 100.5, 'large': true}\n"
        "{'id': 'd', 'amount': null, 'large': null}\n"
    );
    return millrace_test_end(test);
}

static int a_misspelt_key_is_refused(void) {
    millrace_test *test = millrace_test_transform(
        &millrace_plugin, "{'limt': 100}", "{'amount': 'float64'}"
    );
    millrace_test_expect_mistake(test, "unknown field `limt`, expected `limit`");
    return millrace_test_end(test);
}

int main(void) { return amounts_above_the_limit_are_marked() + a_misspelt_key_is_refused(); }
