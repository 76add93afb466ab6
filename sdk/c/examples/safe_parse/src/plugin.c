/*
 * Raw bytes to typed columns: one JSON object per row in, one column per declared field out.
 *
 * A row that does not fit its schema is refused with a code, the column and a reason; the rows beside
 * it go on. The way of a row: its text is found here, table.c walks its fields, and value.c decides
 * what a column accepts of JSON.
 */

#include "table.h"
#include "utf8.h"

static millrace_status start(millrace_start *start) {
    settings *plugin = MILLRACE_NEW(start->arena, settings);
    settings_configure(plugin, start);
    start->plugin = plugin;
    return MILLRACE_OK;
}

/* The text of a row; or says why it has none. */
static bool raw_text(
    const millrace_column *raw, millrace_arena *arena, uint32_t row, millrace_text *text,
    problem *problem
) {
    if (!millrace_is_valid(raw, row)) {
        *problem = (struct problem){ "missing", NULL, "the raw value is null" };
        return false;
    }
    *text = millrace_text_at(raw, row);
    if (raw->type.kind == MILLRACE_BINARY) {
        const char *error = utf8_error(arena, millrace_bytes_of(*text));
        if (error != NULL) {
            const char *message = millrace_format(arena, "not UTF-8: %s", error);
            *problem = (struct problem){ "malformed", NULL, message };
            return false;
        }
    }
    return true;
}

static millrace_status process(void *self, const millrace_batch *batch, millrace_output *out) {
    const settings *settings = self;
    const millrace_column *raw = &batch->columns[0];
    table table = table_new(settings, batch->arena, batch->rows);
    uint32_t *taken = MILLRACE_ARRAY(batch->arena, uint32_t, batch->rows);
    size_t taken_count = 0;
    for (uint32_t row = 0; row < batch->rows; row++) {
        millrace_text text;
        problem problem;
        if (raw_text(raw, batch->arena, row, &text, &problem)
            && table_push(&table, text, &problem)) {
            taken[taken_count++] = row;
        } else {
            const char *column = problem.column == NULL ? settings->column : problem.column;
            millrace_row_error_in(out, row, column, problem.code, "%s", problem.message);
        }
    }
    millrace_column *columns = MILLRACE_ARRAY(batch->arena, millrace_column, settings->count);
    for (size_t at = 0; at < settings->count; at++) {
        columns[at] = millrace_builder_finish(table.columns[at]);
    }
    if (taken_count == batch->rows) {
        millrace_out_all(out, "main", columns, settings->count);
    } else {
        millrace_out_some(out, "main", taken, taken_count, columns, settings->count);
    }
    return MILLRACE_OK;
}

const millrace_transform millrace_plugin = {
    .about = {
        .name = "safe_parse",
        .version = "0.1.0",
        .summary = "Parses JSON into typed columns; what does not fit becomes a dead letter with a "
                   "reason",
    },
    .start = start,
    .process = process,
};
