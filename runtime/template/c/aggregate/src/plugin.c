/* The longest text of a group. */

#include <millrace/aggregate.h>

static millrace_status start(millrace_start *start) {
    millrace_config config = millrace_config_root(start);
    millrace_config_end(&config);
    if (start->input.count != 1 || start->input.fields[0].type.kind != MILLRACE_UTF8) {
        return "it takes one text: cast the argument";
    }
    millrace_result(start, (millrace_type){ .kind = MILLRACE_UTF8 });
    return MILLRACE_OK;
}

/* Of two of one length the smaller one: the result must not depend on their order. */
static bool is_longer(millrace_text text, millrace_text than) {
    if (text.length != than.length) {
        return text.length > than.length;
    }
    return millrace_text_compare(text, than) < 0;
}

/*
 * A state is the longest text so far and a byte behind it, as an empty state is that of no rows.
 * After a change of what its bytes mean, count up `state_version`.
 */
static millrace_text longest_of(millrace_bytes state) {
    millrace_text none = { NULL, 0 };
    millrace_text longest = { (const char *)state.bytes, state.length - 1 };
    return state.length == 0 ? none : longest;
}

static void take(millrace_states *states, size_t group, millrace_text text) {
    millrace_text longest = longest_of(millrace_states_get(states, group));
    if (longest.bytes == NULL || is_longer(text, longest)) {
        char *state = millrace_states_edit(states, group, text.length + 1);
        memcpy(state, text.bytes, text.length);
        state[text.length] = '.';
    }
}

static millrace_status update(
    void *self, millrace_states *states, const uint32_t *groups, const millrace_batch *rows
) {
    (void)self;
    const millrace_column *texts = &rows->columns[0];
    for (uint32_t row = 0; row < rows->rows; row++) {
        if (millrace_is_valid(texts, row)) {
            take(states, groups[row], millrace_text_at(texts, row));
        }
    }
    return MILLRACE_OK;
}

static millrace_status merge(
    void *self, millrace_states *states, size_t group, millrace_bytes other
) {
    (void)self;
    take(states, group, longest_of(other));
    return MILLRACE_OK;
}

static millrace_status evaluate(
    void *self, const millrace_states *states, millrace_builder *results
) {
    (void)self;
    for (size_t group = 0; group < millrace_states_count(states); group++) {
        /* A text without bytes is a null. */
        millrace_append_text(results, longest_of(millrace_states_get(states, group)));
    }
    return MILLRACE_OK;
}

const millrace_aggregate millrace_plugin = {
    .about = {
        .name = "plugin_name",
        .version = "0.1.0",
        .summary = "plugin_summary",
    },
    .state_version = 1,
    .start = start,
    .update = update,
    .merge = merge,
    .evaluate = evaluate,
};
