/* Masks all but the last characters of a text. */

#include <millrace/scalar.h>

typedef struct mask {
    uint64_t keep; /* how many characters stay */
} mask;

static millrace_status start(millrace_start *start) {
    mask *plugin = MILLRACE_NEW(start->arena, mask);
    millrace_config config = millrace_config_root(start);
    millrace_config_uint64(&config, "keep", MILLRACE_REQUIRED, &plugin->keep);
    millrace_config_end(&config);
    if (start->input.count != 1 || start->input.fields[0].type.kind != MILLRACE_UTF8) {
        return "it takes one text: cast the argument";
    }
    millrace_result(start, (millrace_type){ .kind = MILLRACE_UTF8 });
    start->plugin = plugin;
    return MILLRACE_OK;
}

/* Whether a byte of UTF-8 begins a character. */
static bool begins_character(char byte) { return ((unsigned char)byte & 0xC0) != 0x80; }

/* A text with a star for all but the last `keep` characters. `hidden` is how many stars. */
static millrace_text masked(
    millrace_arena *arena, millrace_text text, uint64_t keep, size_t *hidden
) {
    size_t shown_from = text.length;
    for (uint64_t shown = 0; shown < keep && shown_from > 0; shown++) {
        do {
            shown_from--;
        } while (!begins_character(text.bytes[shown_from]));
    }
    *hidden = 0;
    for (size_t at = 0; at < shown_from; at++) {
        *hidden += begins_character(text.bytes[at]);
    }
    size_t shown_length = text.length - shown_from;
    char *bytes = millrace_alloc(arena, *hidden + shown_length);
    memset(bytes, '*', *hidden);
    memcpy(bytes + *hidden, text.bytes + shown_from, shown_length);
    return (millrace_text){ bytes, *hidden + shown_length };
}

static millrace_status evaluate(
    void *self, const millrace_batch *arguments, millrace_output *out, millrace_column *result
) {
    const mask *plugin = self;
    const millrace_column *texts = &arguments->columns[0];
    millrace_text *values = MILLRACE_ARRAY(arguments->arena, millrace_text, arguments->rows);
    for (uint32_t row = 0; row < arguments->rows; row++) {
        values[row] = (millrace_text){ NULL, 0 };
        if (!millrace_is_valid(texts, row)) {
            continue;
        }
        millrace_text text = millrace_text_at(texts, row);
        size_t hidden = 0;
        values[row] = masked(arguments->arena, text, plugin->keep, &hidden);
        if (hidden == 0) {
            millrace_row_error(out, row, "too_short", "masking would hide nothing");
        }
    }
    *result = millrace_column_of_texts(arguments->arena, values, arguments->rows);
    return MILLRACE_OK;
}

const millrace_scalar millrace_plugin = {
    .about = {
        .name = "plugin_name",
        .version = "0.1.0",
        .summary = "plugin_summary",
    },
    .start = start,
    .evaluate = evaluate,
};
