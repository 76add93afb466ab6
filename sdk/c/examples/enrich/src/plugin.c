/*
 * Derived columns: countries and currencies by their codes, amounts in one currency, the parts of a
 * time, and masked text.
 *
 * config.c makes a list of derivations of the configuration. Only amount.c may refuse a row, so it
 * goes first and the derivations of derive.c see the rows that are left.
 */

#include "enrich.h"

static millrace_status start(millrace_start *start) {
    plan *plugin = MILLRACE_NEW(start->arena, plan);
    *plugin = plan_configure(start);
    start->plugin = plugin;
    return MILLRACE_OK;
}

static millrace_status process(void *self, const millrace_batch *batch, millrace_output *out) {
    const plan *plan = self;
    rows rows = { MILLRACE_ARRAY(batch->arena, uint32_t, batch->rows), batch->rows };
    for (uint32_t row = 0; row < batch->rows; row++) {
        rows.rows[row] = row;
    }
    millrace_column *columns = MILLRACE_ARRAY(batch->arena, millrace_column, plan->column_count);
    size_t count = 0;
    if (plan->has_amount) {
        columns[count++] = amount_derive(&plan->amount, batch, &rows, out);
    }
    for (size_t at = 0; at < plan->count; at++) {
        count += derivation_derive(&plan->derivations[at], batch, &rows, columns + count);
    }
    if (rows.count == batch->rows) {
        millrace_out_all(out, "main", columns, count);
    } else {
        millrace_out_some(out, "main", rows.rows, rows.count, columns, count);
    }
    return MILLRACE_OK;
}

const millrace_transform millrace_plugin = {
    .about = {
        .name = "enrich",
        .version = "0.1.0",
        .summary = "Normalises countries and currencies, converts amounts, splits time and masks "
                   "text",
    },
    .start = start,
    .process = process,
};
