/* Aggregate functions in a native test. */

#include "../states.h"

#include "test.h"

#include "millrace/testing.h"

/* A function and the states of its groups. */
typedef struct aggregate_test {
    const millrace_aggregate *plugin;
    const char *group; /* the column, or NULL */
    text_list arguments;
    millrace_schema all;      /* the columns of rows */
    millrace_builder *groups; /* the value of each, or NULL */
    text_list keys;           /* the same as JSON */
    millrace_bytes *states;
} aggregate_test;

/* The number of a row's group. */
static uint32_t group_of(
    millrace_test *test, aggregate_test *aggregate, const millrace_column *column, size_t row
) {
    millrace_writer writer = { .arena = &test->arena };
    if (column != NULL) {
        mr_write_value(&writer, column, row);
    }
    millrace_bytes written = millrace_written(&writer);
    const char *key = millrace_copy(
        &test->arena, (millrace_text){ (const char *)written.bytes, written.length }
    );
    size_t at = mr_text_list_find(&aggregate->keys, key);
    if (at == aggregate->keys.count) {
        mr_text_list_add(&aggregate->keys, key);
        if (column != NULL) {
            millrace_append_row(aggregate->groups, column, row);
        }
        millrace_bytes *states = MILLRACE_ARRAY(&test->arena, millrace_bytes, at + 1);
        if (at > 0) {
            memcpy(states, aggregate->states, at * sizeof *states);
        }
        states[at] = (millrace_bytes){ 0 };
        aggregate->states = states;
    }
    return (uint32_t)at;
}

/* Adds a batch to states of its own, and merges these. */
static millrace_status update(
    millrace_test *test, aggregate_test *aggregate, const uint32_t *groups,
    const millrace_batch *arguments
) {
    size_t count = aggregate->keys.count;
    millrace_bytes *none = millrace_alloc_zeroed(&test->arena, count, sizeof *none);
    millrace_column empty = millrace_column_of_bytes(&test->arena, none, count);
    millrace_states updated = mr_states_from(&test->arena, &empty);
    millrace_status status = aggregate->plugin->update(
        test->start.plugin, &updated, groups, arguments
    );
    if (status != MILLRACE_OK) {
        return status;
    }
    millrace_column before = millrace_column_of_bytes(&test->arena, aggregate->states, count);
    millrace_column added = mr_states_column(&updated, false);
    millrace_states merged = mr_states_from(&test->arena, &before);
    status = mr_run_merge(aggregate->plugin, test->start.plugin, &merged, &added);
    for (size_t at = 0; status == MILLRACE_OK && at < count; at++) {
        aggregate->states[at] = millrace_states_get(&merged, at);
    }
    return status;
}

/* The results of all groups, in place of those of before. */
static millrace_status evaluate(millrace_test *test, const aggregate_test *aggregate) {
    size_t count = aggregate->keys.count;
    millrace_column stored = millrace_column_of_bytes(&test->arena, aggregate->states, count);
    millrace_states states = mr_states_from(&test->arena, &stored);
    millrace_column results;
    millrace_status status = mr_run_evaluate(
        aggregate->plugin, test->start.plugin, &test->start.description_->result, &states, &results
    );
    if (status != MILLRACE_OK) {
        return status;
    }
    millrace_column groups = { 0 };
    millrace_batch rows = { .rows = (uint32_t)count,
                            .columns = &groups,
                            .names = &aggregate->group };
    if (aggregate->group != NULL) {
        millrace_builder *copy = millrace_builder_new(
            &test->arena, millrace_builder_type(aggregate->groups), count
        );
        millrace_column values = millrace_builder_finish(aggregate->groups);
        for (size_t at = 0; at < count; at++) {
            millrace_append_row(copy, &values, at);
        }
        groups = millrace_builder_finish(copy);
        rows.column_count = 1;
    }
    test->ports[1].rows.length = 0;
    for (size_t at = 0; at < count; at++) {
        mr_note_row(test, "main", &rows, at, "result", &results, at);
    }
    return MILLRACE_OK;
}

static void take_rows(millrace_test *test, const millrace_batch *rows) {
    aggregate_test *aggregate = test->world;
    millrace_batch arguments = mr_batch_of(test, rows, &aggregate->arguments);
    const millrace_column *column = aggregate->group == NULL
        ? NULL
        : millrace_column_named(rows, aggregate->group);
    uint32_t *groups = MILLRACE_ARRAY(&test->arena, uint32_t, rows->rows);
    for (uint32_t row = 0; row < rows->rows; row++) {
        groups[row] = group_of(test, aggregate, column, row);
    }
    test->failure = update(test, aggregate, groups, &arguments);
    if (test->failure == MILLRACE_OK) {
        test->failure = evaluate(test, aggregate);
    }
}

millrace_test *millrace_test_aggregate(
    const millrace_aggregate *plugin, const char *config, const char *schema, const char *group
) {
    /* The function sees its arguments only, and the test all columns. */
    millrace_arena arena = { 0 };
    const millrace_json *json = mr_json_from(
        &arena, "the schema", millrace_text_of(mr_with_quotes(&arena, schema))
    );
    millrace_writer writer = { .arena = &arena };
    for (size_t at = 0; at < json->count; at++) {
        if (group == NULL || !millrace_text_is(json->items[at].name, group)) {
            mr_write_plain(&writer, writer.length == 0 ? "{" : ", ");
            mr_write_quoted(&writer, json->items[at].name);
            mr_write_plain(&writer, ": ");
            mr_write_quoted(&writer, json->items[at].text);
        }
    }
    mr_write_plain(&writer, writer.length == 0 ? "{}" : "}");
    const char *own = millrace_copy(
        &arena, (millrace_text){ (const char *)writer.bytes, writer.length }
    );
    millrace_test *test = mr_test_start(config, own, NULL, plugin->start);
    mr_arena_free(&arena);
    mr_check_result(&test->start);
    aggregate_test *aggregate = MILLRACE_NEW(&test->arena, aggregate_test);
    aggregate->plugin = plugin;
    aggregate->group = group;
    aggregate->keys.arena = &test->arena;
    aggregate->arguments.arena = &test->arena;
    for (size_t at = 0; at < test->start.input.count; at++) {
        mr_text_list_add(&aggregate->arguments, test->start.input.fields[at].name);
    }
    test->start.input = mr_schema_from_json(&test->arena, schema);
    if (group != NULL) {
        const millrace_field *field = millrace_find_field(test->start.input, group);
        if (field == NULL) {
            millrace_fail("the test groups by `%s`, which is no column", group);
        }
        aggregate->groups = millrace_builder_new(&test->arena, &field->type, 8);
    }
    test->take_rows = take_rows;
    test->world = aggregate;
    return test;
}
