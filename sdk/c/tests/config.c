/* Configurations: what is right is taken, and all that is wrong is said at once. */

#include <millrace/transform.h>

#include <millrace/testing.h>

#include "../src/arena.h"
#include "check.h"

typedef struct settings {
    double limit;
    uint64_t count;
    int64_t within;
    size_t mode;
    const char *const *names;
    size_t name_count;
} settings;

static settings taken;

static millrace_status start(millrace_start *start) {
    static const char *const modes[] = { "ignore", "reject", NULL };
    settings settings = { .limit = 1 };
    millrace_config inner;
    millrace_config config = millrace_config_root(start);
    millrace_config_double(&config, "limit", MILLRACE_REQUIRED, &settings.limit);
    millrace_config_uint64(&config, "count", MILLRACE_OPTIONAL, &settings.count);
    millrace_config_span(&config, "within", MILLRACE_OPTIONAL, &settings.within);
    millrace_config_choice(&config, "mode", MILLRACE_OPTIONAL, modes, &settings.mode);
    millrace_config_strings(
        &config, "names", MILLRACE_OPTIONAL, &settings.names, &settings.name_count
    );
    if (millrace_config_object(&config, "inner", MILLRACE_OPTIONAL, &inner)) {
        millrace_config_end(&inner);
    }
    millrace_config_end(&config);
    CHECK(settings.name_count == 0 || strcmp(settings.names[0], "a") == 0);
    taken = settings;
    millrace_port(start, "main", NULL, 0);
    return MILLRACE_OK;
}

static millrace_status process(void *self, const millrace_batch *batch, millrace_output *out) {
    (void)self;
    (void)batch;
    millrace_out_all(out, "mian", NULL, 0);
    return MILLRACE_OK;
}

static const millrace_transform plugin = { .start = start, .process = process };

/* What is wrong with a configuration, or "". */
static void mistakes_are(const char *config, const char *expected) {
    millrace_test *test = millrace_test_transform(&plugin, config, "{'a': 'int64'}");
    const char *mistakes = millrace_test_mistakes(test);
    CHECK_TEXT(mistakes == NULL ? "" : mistakes, expected);
    millrace_test_end(test);
}

int main(void) {
    mistakes_are("{'limit': 2, 'count': 3, 'within': '5m', 'mode': 'reject', 'names': ['a']}", "");
    CHECK(taken.limit == 2 && taken.count == 3 && taken.mode == 1 && taken.name_count == 1);
    CHECK(taken.within == INT64_C(300000000));
    mistakes_are("{'limit': 2, 'count': null}", "");
    mistakes_are("{}", "missing field `limit`");
    mistakes_are("[]", "invalid type: sequence, expected a map");
    mistakes_are("{'limit': '7'}", "limit: invalid type: string \"7\", expected f64");
    mistakes_are("{'limit': 1, 'count': -1}", "count: invalid value: integer `-1`, expected u64");
    mistakes_are(
        "{'limit': 1, 'count': 7.0}", "count: invalid type: floating point `7.0`, expected u64"
    );
    mistakes_are(
        "{'limit': 1, 'within': '5 minutes'}",
        "within: `5 minutes` is no time span: write 500ms, 60s, 5m, 24h or 7d"
    );
    mistakes_are(
        "{'limit': 1, 'within': '99999999999999999999d'}",
        "within: `99999999999999999999d` is no time span: write 500ms, 60s, 5m, 24h or 7d"
    );
    mistakes_are(
        "{'limit': 1, 'mode': 'x'}", "mode: unknown variant `x`, expected `ignore` or `reject`"
    );
    mistakes_are(
        "{'limit': 1, 'names': ['a', 2]}", "names[1]: invalid type: integer `2`, expected a string"
    );
    mistakes_are(
        "{'limit': 1, 'inner': {'x': 1}}", "inner: unknown field `x`, there are no fields"
    );
    mistakes_are(
        "{'limt': 1, 'count': true}",
        "missing field `limit`; count: invalid type: boolean `true`, expected u64; unknown field "
        "`limt`, expected one of `limit`, `count`, `within`, `mode`, `names`, `inner`"
    );
    mistakes_are("{\"limit\": 1", "EOF while parsing an object at line 1 column 11");

    millrace_test *test = millrace_test_transform(&plugin, "{'limit': 1}", "{'a': 'int64'}");
    millrace_test_rows(test, "{'a': 1}\n");
    millrace_test_expect_failure(test, "port `mian` is not in the description");
    return failures + millrace_test_end(test);
}
