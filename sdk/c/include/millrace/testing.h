/*
 * Runs a plugin natively, as the host would: a debugger, a profiler and printf work. Include it
 * behind the header of the plugin's world.
 *
 *     millrace_test *test =
 *         millrace_test_transform(&millrace_plugin, "{'limit': 100}", "{'amount': 'float64'}");
 *     millrace_test_rows(test, "{'amount': 100.5}\n");
 *     millrace_test_expect(test, "main", "{'amount': 100.5, 'large': true}\n");
 *     return millrace_test_end(test);
 *
 * Configurations, schemas and rows are JSON as in a plugin's golden cases: a schema is an object of
 * columns and their types, rows are one object per line. In a text that has no ", a ' stands for it.
 */
#ifndef MILLRACE_TESTING_H
#define MILLRACE_TESTING_H

#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A plugin that was started, with all that came out of it. */
typedef struct millrace_test millrace_test;

/* Starts a plugin. Where it refuses its configuration, millrace_test_mistakes says why. */
#ifdef MILLRACE_TRANSFORM_H
millrace_test *millrace_test_transform(
    const millrace_transform *plugin, const char *config, const char *schema
);
#endif

/* `key` has the columns of the key, with commas between them; `event_time` is a timestamp column, or
 * NULL if rows come as they arrive. */
#ifdef MILLRACE_KEYED_H
millrace_test *millrace_test_keyed(
    const millrace_keyed *plugin, const char *config, const char *schema, const char *key,
    const char *event_time
);
#endif

/* `schema` has the arguments, `a0` and so on. */
#ifdef MILLRACE_SCALAR_H
millrace_test *millrace_test_scalar(
    const millrace_scalar *plugin, const char *config, const char *schema
);
#endif

/* `group` is the column by which rows are grouped, all others being arguments; or NULL if all rows
 * are one group. Each batch of rows has states of its own, which are merged. */
#ifdef MILLRACE_AGGREGATE_H
millrace_test *millrace_test_aggregate(
    const millrace_aggregate *plugin, const char *config, const char *schema, const char *group
);
#endif

/* Gives the plugin a batch of rows. Those of a keyed plugin are grouped by key, each key's in the
 * order of event time. */
void millrace_test_rows(millrace_test *test, const char *rows);

/* For a keyed plugin: event time has come to `time`, in microseconds since 1970; or so many
 * microseconds have passed on the host's clock. Timers that are due fire. */
void millrace_test_watermark(millrace_test *test, int64_t time);
void millrace_test_pass(millrace_test *test, uint64_t microseconds);

/* For a keyed plugin: how many keys have a state, and how many timers are set. */
size_t millrace_test_states(const millrace_test *test);
size_t millrace_test_timers(const millrace_test *test);

/* What has come out so far: the rows of a port, or the refused rows of the port `errors`, as JSON
 * with one object per line. A scalar function's rows are on `main` with their `result`, an
 * aggregate's groups likewise. */
const char *millrace_test_port(millrace_test *test, const char *port);

/* Why the plugin did not start, or NULL if it did. */
const char *millrace_test_mistakes(const millrace_test *test);

/* Why the last call failed, or NULL if it did not. */
const char *millrace_test_failure(const millrace_test *test);

/* Each of these prints what is not as expected. Of refused rows, only the members that are named are
 * compared. A plugin that was expected to start or a call that was expected to succeed, and did not,
 * is printed too. */
void millrace_test_expect(millrace_test *test, const char *port, const char *rows);
void millrace_test_expect_mistake(millrace_test *test, const char *part);
void millrace_test_expect_failure(millrace_test *test, const char *part);
void millrace_test_expect_number(
    millrace_test *test, const char *what, uint64_t found, uint64_t expected
);

/* Gives all memory back. Returns how much was not as expected. */
int millrace_test_end(millrace_test *test);

#ifdef __cplusplus
}
#endif
#endif
