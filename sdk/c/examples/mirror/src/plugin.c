/* Gives back what it reads, for the tests of SDKs. */

#include <millrace/transform.h>

/* Columns that say what is to become of a row, where the input has them. */
#define REFUSE "refuse"
#define FAIL "fail"
#define PORT "port"

typedef struct mirror {
    uint64_t repeat; /* how often each row comes out */
    millrace_schema copies;
} mirror;

static void check_column(millrace_start *start, const char *name, millrace_kind kind) {
    const millrace_field *field = millrace_find_field(start->input, name);
    if (field != NULL && field->type.kind != kind) {
        millrace_type expected = { .kind = kind };
        millrace_config_error(
            start, "", "column `%s` must be %s", name, millrace_type_name(start->arena, &expected)
        );
    }
}

static millrace_status start(millrace_start *start) {
    mirror *plugin = MILLRACE_NEW(start->arena, mirror);
    plugin->repeat = 1;
    millrace_config config = millrace_config_root(start);
    millrace_config_uint64(&config, "repeat", MILLRACE_OPTIONAL, &plugin->repeat);
    millrace_config_end(&config);
    if (plugin->repeat == 0) {
        millrace_config_error(start, "repeat", "must be at least 1");
    }
    check_column(start, REFUSE, MILLRACE_BOOLEAN);
    check_column(start, FAIL, MILLRACE_BOOLEAN);
    check_column(start, PORT, MILLRACE_UTF8);

    millrace_field *copies = MILLRACE_ARRAY(start->arena, millrace_field, start->input.count);
    for (size_t at = 0; at < start->input.count; at++) {
        const millrace_field *field = &start->input.fields[at];
        millrace_reads(start, field->name);
        copies[at] = *field;
        copies[at].name = millrace_format(start->arena, "copy_%s", field->name);
        copies[at].nullable = true;
    }
    plugin->copies = (millrace_schema){ copies, start->input.count };
    millrace_port(start, "main", copies, start->input.count);
    millrace_port(start, "other", NULL, 0);
    if (millrace_find_field(start->input, PORT) != NULL) {
        millrace_port_drops(start, "other", PORT);
    }
    start->plugin = plugin;
    return MILLRACE_OK;
}

static bool is_set(const millrace_batch *batch, const char *name, uint32_t row) {
    const millrace_column *column = millrace_find_column(batch, name);
    return column != NULL && millrace_is_valid(column, row) && millrace_bool_at(column, row);
}

static bool is_other(const millrace_batch *batch, uint32_t row) {
    const millrace_column *column = millrace_find_column(batch, PORT);
    return column != NULL && millrace_is_valid(column, row)
        && millrace_text_is(millrace_text_at(column, row), "other");
}

/* A row that fails is refused by its status. */
static millrace_status take_row(void *context, const millrace_batch *batch, uint32_t row) {
    (void)context;
    return is_set(batch, FAIL, row) && !is_set(batch, REFUSE, row) ? "the row asks to fail"
                                                                   : MILLRACE_OK;
}

static millrace_status process(void *self, const millrace_batch *batch, millrace_output *out) {
    const mirror *plugin = self;
    millrace_arena *arena = batch->arena;
    uint32_t *taken = MILLRACE_ARRAY(arena, uint32_t, batch->rows);
    size_t taken_count = millrace_each_row(batch, out, take_row, NULL, taken);
    size_t room = batch->rows * (size_t)plugin->repeat;
    uint32_t *main = MILLRACE_ARRAY(arena, uint32_t, room);
    uint32_t *other = MILLRACE_ARRAY(arena, uint32_t, room);
    size_t main_count = 0;
    size_t other_count = 0;
    for (size_t at = 0; at < taken_count; at++) {
        uint32_t row = taken[at];
        if (is_set(batch, REFUSE, row)) {
            millrace_row_error_in(out, row, REFUSE, "refused", "the row asks to be refused");
            continue;
        }
        bool to_other = is_other(batch, row);
        for (uint64_t time = 0; time < plugin->repeat; time++) {
            if (to_other) {
                other[other_count++] = row;
            } else {
                main[main_count++] = row;
            }
        }
    }
    millrace_column *copies = MILLRACE_ARRAY(arena, millrace_column, batch->column_count);
    for (size_t at = 0; at < batch->column_count; at++) {
        const millrace_column *column = &batch->columns[at];
        millrace_builder *builder = millrace_builder_new(arena, &column->type, main_count);
        for (size_t row = 0; row < main_count; row++) {
            millrace_append_row(builder, column, main[row]);
        }
        copies[at] = millrace_builder_finish(builder);
    }
    millrace_out_some(out, "main", main, main_count, copies, batch->column_count);
    millrace_out_some(out, "other", other, other_count, NULL, 0);
    return MILLRACE_OK;
}

const millrace_transform millrace_plugin = {
    .about = {
        .name = "mirror",
        .version = "0.1.0",
        .summary = "Gives back what it reads, for the tests of SDKs",
    },
    .start = start,
    .process = process,
};
