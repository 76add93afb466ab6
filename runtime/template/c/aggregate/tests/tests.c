/* The function as plain C: quick, and a debugger works. In these texts a ' stands for a ". */

#include <millrace/aggregate.h>

#include <millrace/testing.h>

static int the_longest_text_wins(void) {
    millrace_test *test = millrace_test_aggregate(&millrace_plugin, "{}", "{'a0': 'string'}", NULL);
    millrace_test_rows(test, "{'a0': 'bb'}\n{'a0': null}\n");
    /* A second batch has a state of its own, and the two are merged. */
    millrace_test_rows(test, "{'a0': 'aa'}\n{'a0': 'c'}\n");
    millrace_test_expect(test, "main", "{'result': 'aa'}\n");
    return millrace_test_end(test);
}

int main(void) { return the_longest_text_wins(); }
