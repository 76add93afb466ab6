#include "states.h"

millrace_states mr_states_from(millrace_arena *arena, const millrace_column *column) {
    millrace_states states = {
        .arena = arena,
        .states = MILLRACE_ARRAY(arena, state, column->length),
        .count = column->length,
    };
    for (size_t at = 0; at < states.count; at++) {
        states.states[at] = mr_state_at(column, at);
    }
    return states;
}

millrace_column mr_states_column(const millrace_states *states, bool nulls) {
    static const uint8_t none[1] = { 0 };
    millrace_bytes *values = MILLRACE_ARRAY(states->arena, millrace_bytes, states->count);
    for (size_t at = 0; at < states->count; at++) {
        const state *state = &states->states[at];
        values[at] = (millrace_bytes){ state->bytes, state->length };
        if (state->bytes == NULL && !nulls) {
            values[at].bytes = none;
        }
    }
    return millrace_column_of_bytes(states->arena, values, states->count);
}

size_t millrace_states_count(const millrace_states *states) { return states->count; }

millrace_arena *millrace_states_arena(const millrace_states *states) { return states->arena; }

static state *state_of(const millrace_states *states, size_t group) {
    if (group >= states->count) {
        millrace_fail("there is no group %zu, but %zu of them", group, states->count);
    }
    return &states->states[group];
}

millrace_bytes millrace_states_get(const millrace_states *states, size_t group) {
    const state *state = state_of(states, group);
    return (millrace_bytes){ state->bytes, state->length };
}

void *millrace_states_edit(millrace_states *states, size_t group, size_t size) {
    return mr_state_edit(states->arena, state_of(states, group), size);
}

void millrace_states_set(millrace_states *states, size_t group, const void *bytes, size_t length) {
    mr_state_set(states->arena, state_of(states, group), bytes, length);
}

millrace_status mr_run_merge(
    const millrace_aggregate *aggregate, void *plugin, millrace_states *states,
    const millrace_column *others
) {
    for (size_t at = 0; at < states->count; at++) {
        state *state = &states->states[at];
        if (!millrace_is_valid(others, at)) {
            continue;
        }
        millrace_bytes other = millrace_bytes_at(others, at);
        if (state->length == 0) {
            *state = (struct state){ .bytes = other.bytes, .length = other.length };
        } else if (other.length > 0) {
            millrace_status status = aggregate->merge(plugin, states, at, other);
            if (status != MILLRACE_OK) {
                return status;
            }
        }
    }
    return MILLRACE_OK;
}

millrace_status mr_run_evaluate(
    const millrace_aggregate *aggregate, void *plugin, const millrace_type *type,
    const millrace_states *states, millrace_column *results
) {
    millrace_builder *builder = millrace_builder_new(states->arena, type, states->count);
    millrace_status status = aggregate->evaluate(plugin, states, builder);
    if (status != MILLRACE_OK) {
        return status;
    }
    *results = millrace_builder_finish(builder);
    if (results->length != states->count) {
        return millrace_format(
            states->arena, "`evaluate` gave %zu results for %zu states", results->length,
            states->count
        );
    }
    return MILLRACE_OK;
}
