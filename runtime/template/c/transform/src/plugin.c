/* Marks rows whose amount is above a limit. */

#include <millrace/transform.h>

typedef struct flag_large {
    double limit;
} flag_large;

static millrace_status start(millrace_start *start) {
    flag_large *plugin = MILLRACE_NEW(start->arena, flag_large);
    millrace_config config = millrace_config_root(start);
    millrace_config_double(&config, "limit", MILLRACE_REQUIRED, &plugin->limit);
    millrace_config_end(&config);

    static const millrace_field large = { .name = "large",
                                          .type = { .kind = MILLRACE_BOOLEAN },
                                          .nullable = true };
    millrace_reads(start, "amount");
    millrace_port(start, "main", &large, 1);
    start->plugin = plugin;
    return MILLRACE_OK;
}

static millrace_status process(void *self, const millrace_batch *batch, millrace_output *out) {
    const flag_large *plugin = self;
    const millrace_column *amount = millrace_column_named(batch, "amount");
    const double *amounts = millrace_doubles(amount);
    bool *flags = MILLRACE_ARRAY(batch->arena, bool, batch->rows);
    for (uint32_t row = 0; row < batch->rows; row++) {
        flags[row] = amounts[row] > plugin->limit;
    }
    const bool *valid = millrace_valid(batch->arena, amount);
    millrace_column large = millrace_column_of_bools(batch->arena, flags, valid, batch->rows);
    millrace_out_all(out, "main", &large, 1);
    return MILLRACE_OK;
}

const millrace_transform millrace_plugin = {
    .about = {
        .name = "plugin_name",
        .version = "0.1.0",
        .summary = "plugin_summary",
    },
    .start = start,
    .process = process,
};
