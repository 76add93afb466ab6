/* The function as plain C: quick, and a debugger works. In these texts a ' stands for a ". */

#include <millrace/scalar.h>

#include <millrace/testing.h>

static int all_but_the_last_characters_are_masked(void) {
    millrace_test *test = millrace_test_scalar(&millrace_plugin, "{'keep': 4}", "{'a0': 'string'}");
    millrace_test_rows(test, "{'a0': '4111 1111'}\n{'a0': null}\n{'a0': '1'}\n");
    millrace_test_expect(
        test, "main",
        "{'a0': '4111 1111', 'result': '*****1111'}\n"
        "{'a0': null, 'result': null}\n"
    );
    millrace_test_expect(test, "errors", "{'row': 2, 'code': 'too_short'}\n");
    return millrace_test_end(test);
}

int main(void) { return all_but_the_last_characters_are_masked(); }
