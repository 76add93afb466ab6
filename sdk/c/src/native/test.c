#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "millrace/testing.h"

/* --- Starting --- */

static const char *mistakes_of(millrace_test *test) {
    const struct millrace_description *description = test->start.description_;
    millrace_writer writer = { .arena = &test->arena };
    for (size_t at = 0; at < description->error_count; at++) {
        const config_error *error = &description->errors[at];
        mr_write_plain(&writer, at == 0 ? "" : "; ");
        mr_write_plain(&writer, error->path);
        mr_write_plain(&writer, *error->path == '\0' ? "" : ": ");
        mr_write_plain(&writer, error->message);
    }
    return description->error_count == 0
        ? NULL
        : millrace_copy(&test->arena, (millrace_text){ (const char *)writer.bytes, writer.length });
}

static port_text *port_of(millrace_test *test, const char *name) {
    for (size_t at = 0; at < test->port_count; at++) {
        if (strcmp(test->ports[at].name, name) == 0) {
            return &test->ports[at];
        }
    }
    millrace_fail("the plugin has no port `%s`", name);
}

static void add_port(millrace_test *test, const char *name) {
    size_t size = sizeof(port_text);
    test->ports = mr_arena_grow(
        &test->arena, test->ports, test->port_count * size, (test->port_count + 1) * size
    );
    test->ports[test->port_count++] = (port_text){ name, { .arena = &test->arena } };
}

/* The parts of a text between commas. */
static void take_names(text_list *names, const char *text) {
    while (*text != '\0') {
        text += strspn(text, ", ");
        size_t length = strcspn(text, ", ");
        if (length > 0) {
            mr_text_list_add(names, millrace_copy(names->arena, (millrace_text){ text, length }));
        }
        text += length;
    }
}

millrace_test *mr_test_start(
    const char *config, const char *schema, const char *key,
    millrace_status (*start)(millrace_start *)
) {
    millrace_test *test = calloc(1, sizeof *test);
    if (test == NULL) {
        millrace_fail("out of memory");
    }
    millrace_arena *arena = &test->arena;
    text_list names = { .arena = arena };
    take_names(&names, key == NULL ? "" : key);
    test->start = (millrace_start){
        .arena = arena,
        .input = mr_schema_from_json(arena, schema),
        .key = names.texts,
        .key_count = names.count,
    };
    mr_begin_description(&test->start);
    mr_run_start(&test->start, millrace_text_of(mr_with_quotes(arena, config)), start);
    const struct millrace_description *description = test->start.description_;
    add_port(test, "errors");
    for (size_t at = 0; at < description->port_count; at++) {
        add_port(test, description->ports[at].name);
    }
    if (description->port_count == 0) {
        add_port(test, "main");
    }
    return test;
}

/* --- Rows in --- */

millrace_batch mr_rows_from(millrace_test *test, const char *rows) {
    millrace_arena *arena = &test->arena;
    millrace_schema schema = test->start.input;
    millrace_builder **builders = MILLRACE_ARRAY(arena, millrace_builder *, schema.count);
    const char **names = MILLRACE_ARRAY(arena, const char *, schema.count);
    for (size_t at = 0; at < schema.count; at++) {
        builders[at] = millrace_builder_new(arena, &schema.fields[at].type, 8);
        names[at] = schema.fields[at].name;
    }
    uint32_t count = 0;
    const char *rest = mr_with_quotes(arena, rows);
    while (*rest != '\0') {
        size_t length = strcspn(rest, "\n");
        millrace_text line = { rest, length };
        rest += length + (rest[length] == '\n');
        if (length == 0) {
            continue;
        }
        const millrace_json *row = mr_json_from(arena, "a row", line);
        for (size_t at = 0; at < schema.count; at++) {
            const millrace_json *member = millrace_json_member(row, names[at]);
            if (member == NULL) {
                millrace_append_null(builders[at]);
            } else {
                mr_append_json(builders[at], member);
            }
        }
        count++;
    }
    millrace_column *columns = MILLRACE_ARRAY(arena, millrace_column, schema.count);
    for (size_t at = 0; at < schema.count; at++) {
        columns[at] = millrace_builder_finish(builders[at]);
    }
    return (millrace_batch){
        .rows = count,
        .columns = columns,
        .column_count = schema.count,
        .names = names,
        .arena = arena,
    };
}

millrace_batch mr_batch_of(millrace_test *test, const millrace_batch *all, const text_list *names) {
    millrace_batch batch = *all;
    millrace_column *columns = MILLRACE_ARRAY(&test->arena, millrace_column, names->count);
    for (size_t at = 0; at < names->count; at++) {
        columns[at] = *millrace_column_named(all, names->texts[at]);
    }
    batch.columns = columns;
    batch.column_count = names->count;
    batch.names = names->texts;
    return batch;
}

millrace_output mr_new_output(millrace_test *test, size_t rows) {
    return (millrace_output
    ){ .arena = &test->arena, .description = test->start.description_, .rows = rows };
}

void millrace_test_rows(millrace_test *test, const char *rows) {
    test->failure = NULL;
    if (mistakes_of(test) == NULL) {
        millrace_batch batch = mr_rows_from(test, rows);
        test->take_rows(test, &batch);
    }
}

/* --- Rows out --- */

static void write_member(
    millrace_writer *writer, bool first, const char *name, const millrace_column *column, size_t row
) {
    mr_write_plain(writer, first ? "{" : ", ");
    mr_write_quoted(writer, millrace_text_of(name));
    mr_write_plain(writer, ": ");
    mr_write_value(writer, column, row);
}

/* A row of a port: what is carried over, then what is added. */
static void write_row(
    millrace_test *test, const millrace_batch *rows, size_t row, const emitted *emitted,
    size_t emitted_row
) {
    const port *port = &test->start.description_->ports[emitted->port];
    millrace_writer *writer = &port_of(test, port->name)->rows;
    bool first = true;
    for (size_t at = 0; at < rows->column_count; at++) {
        const char *name = rows->names[at];
        if (mr_text_list_find(&port->drops, name) < port->drops.count) {
            continue;
        }
        const millrace_column *column = &rows->columns[at];
        size_t from = row;
        for (size_t add = 0; add < port->add_count; add++) {
            if (strcmp(port->adds[add].name, name) == 0) {
                column = &emitted->columns[add];
                from = emitted_row;
            }
        }
        write_member(writer, first, name, column, from);
        first = false;
    }
    for (size_t add = 0; add < port->add_count; add++) {
        const char *name = port->adds[add].name;
        bool dropped = mr_text_list_find(&port->drops, name) < port->drops.count;
        if (dropped || millrace_find_field(test->start.input, name) == NULL) {
            write_member(writer, first, name, &emitted->columns[add], emitted_row);
            first = false;
        }
    }
    mr_write_plain(writer, first ? "{}\n" : "}\n");
}

void mr_note_row(
    millrace_test *test, const char *port, const millrace_batch *rows, size_t row, const char *name,
    const millrace_column *last, size_t last_row
) {
    millrace_writer *writer = &port_of(test, port)->rows;
    for (size_t at = 0; at < rows->column_count; at++) {
        write_member(writer, at == 0, rows->names[at], &rows->columns[at], row);
    }
    write_member(writer, rows->column_count == 0, name, last, last_row);
    mr_write_plain(writer, "}\n");
}

static int by_row(const void *a, const void *b) {
    uint32_t left = ((const row_error *)a)->row;
    uint32_t right = ((const row_error *)b)->row;
    return (left > right) - (left < right);
}

void mr_note_errors(millrace_test *test, const millrace_output *out) {
    millrace_writer *writer = &port_of(test, "errors")->rows;
    if (out->error_count > 0) {
        qsort(out->errors, out->error_count, sizeof(row_error), by_row);
    }
    for (size_t at = 0; at < out->error_count; at++) {
        const row_error *error = &out->errors[at];
        const char *head = millrace_format(
            &test->arena, "{\"row\": %u, \"code\": ", (unsigned)error->row
        );
        mr_write_plain(writer, head);
        mr_write_quoted(writer, millrace_text_of(error->code));
        mr_write_plain(writer, ", \"column\": ");
        if (error->column == NULL) {
            mr_write_plain(writer, "null");
        } else {
            mr_write_quoted(writer, millrace_text_of(error->column));
        }
        mr_write_plain(writer, ", \"message\": ");
        mr_write_quoted(writer, millrace_text_of(error->message));
        mr_write_plain(writer, "}\n");
    }
}

void mr_note_output(
    millrace_test *test, const millrace_batch *rows, const millrace_batch *keys,
    const millrace_output *out
) {
    for (size_t at = 0; at < out->emitted_count; at++) {
        const emitted *emitted = &out->emitted[at];
        size_t count = emitted->all ? rows->rows : emitted->row_count;
        for (size_t row = 0; row < count; row++) {
            size_t source = emitted->all ? row : emitted->rows[row];
            if (source < rows->rows) {
                write_row(test, rows, source, emitted, row);
            } else if (keys != NULL && source - rows->rows < keys->rows) {
                write_row(test, keys, source - rows->rows, emitted, row);
            } else {
                millrace_fail(
                    "a row of port %zu comes from row %zu, which there is not", emitted->port,
                    source
                );
            }
        }
    }
    mr_note_errors(test, out);
}

const char *millrace_test_port(millrace_test *test, const char *port) {
    const millrace_writer *rows = &port_of(test, port)->rows;
    return millrace_copy(&test->arena, (millrace_text){ (const char *)rows->bytes, rows->length });
}

const char *millrace_test_mistakes(const millrace_test *test) {
    /* The text is made anew each time, in the test's own memory. */
    return mistakes_of((millrace_test *)(uintptr_t)test);
}

const char *millrace_test_failure(const millrace_test *test) { return test->failure; }

/* --- Expectations --- */

static bool is_same(const millrace_json *expected, const millrace_json *found, bool partly) {
    double a = 0;
    double b = 0;
    if (expected->kind != found->kind) {
        return false;
    }
    switch (expected->kind) {
    case MILLRACE_JSON_NULL:
        return true;
    case MILLRACE_JSON_BOOLEAN:
        return expected->boolean == found->boolean;
    case MILLRACE_JSON_TEXT:
        return millrace_text_equal(expected->text, found->text);
    case MILLRACE_JSON_NUMBER:
        return millrace_text_equal(expected->text, found->text)
            || ((strpbrk(found->text.bytes, ".e") != NULL
                 || strpbrk(expected->text.bytes, ".e") != NULL)
                && millrace_json_double(expected, &a) && millrace_json_double(found, &b) && a == b);
    case MILLRACE_JSON_LIST:
    case MILLRACE_JSON_OBJECT:
        break;
    }
    bool list = expected->kind == MILLRACE_JSON_LIST;
    if (expected->count != found->count && !(partly && !list)) {
        return false;
    }
    for (size_t at = 0; at < expected->count; at++) {
        const millrace_json *item = &expected->items[at];
        const millrace_json *other = list ? &found->items[at]
                                          : millrace_json_member(found, item->name.bytes);
        if (other == NULL || !is_same(item, other, false)) {
            return false;
        }
    }
    return true;
}

/* The next line of a text, which leaves it; NULL at the end. */
static const char *take_line(millrace_arena *arena, const char **rest) {
    *rest += strspn(*rest, "\n");
    size_t length = strcspn(*rest, "\n");
    if (length == 0) {
        return NULL;
    }
    const char *line = millrace_copy(arena, (millrace_text){ *rest, length });
    *rest += length;
    return line;
}

static void unexpected(
    millrace_test *test, const char *what, const char *expected, const char *found
) {
    fprintf(
        stderr, "%s\n    expected %s\n         got %s\n", what,
        expected == NULL ? "nothing more" : expected, found == NULL ? "nothing" : found
    );
    test->unexpected++;
}

void millrace_test_expect(millrace_test *test, const char *port, const char *rows) {
    millrace_arena *arena = &test->arena;
    const char *mistakes = millrace_test_mistakes(test);
    if (mistakes != NULL || test->failure != NULL) {
        unexpected(test, port, "rows", mistakes != NULL ? mistakes : test->failure);
        return;
    }
    const char *expected_rest = mr_with_quotes(arena, rows);
    const char *found_rest = millrace_test_port(test, port);
    bool partly = strcmp(port, "errors") == 0;
    for (size_t line = 1;; line++) {
        const char *expected = take_line(arena, &expected_rest);
        const char *found = take_line(arena, &found_rest);
        if (expected == NULL && found == NULL) {
            return;
        }
        if (expected == NULL || found == NULL
            || !is_same(
                mr_json_from(arena, "what is expected", millrace_text_of(expected)),
                mr_json_from(arena, "a row", millrace_text_of(found)), partly
            )) {
            const char *what = millrace_format(arena, "row %zu of port `%s`", line, port);
            unexpected(test, what, expected, found);
        }
    }
}

static void expect_part(
    millrace_test *test, const char *what, const char *part, const char *found
) {
    if (found == NULL || strstr(found, part) == NULL) {
        unexpected(test, what, part, found);
    }
}

void millrace_test_expect_mistake(millrace_test *test, const char *part) {
    expect_part(test, "the mistakes of the configuration", part, millrace_test_mistakes(test));
}

void millrace_test_expect_failure(millrace_test *test, const char *part) {
    expect_part(test, "the failure of the call", part, test->failure);
}

void millrace_test_expect_number(
    millrace_test *test, const char *what, uint64_t found, uint64_t expected
) {
    if (found != expected) {
        unexpected(
            test, what, millrace_format(&test->arena, "%llu", (unsigned long long)expected),
            millrace_format(&test->arena, "%llu", (unsigned long long)found)
        );
    }
}

int millrace_test_end(millrace_test *test) {
    int count = test->unexpected;
    mr_arena_free(&test->arena);
    free(test);
    return count;
}
