#include "keyed.h"

#include "arena.h"
#include "output.h"

const millrace_batch *millrace_rows(const millrace_keyed_batch *batch) { return &batch->rows; }

const millrace_batch *millrace_keys(const millrace_keyed_batch *batch) { return &batch->keys; }

uint32_t millrace_key(const millrace_keyed_batch *batch) { return (uint32_t)batch->current.key; }

uint32_t millrace_key_row(const millrace_keyed_batch *batch) {
    return batch->rows.rows + millrace_key(batch);
}

millrace_arena *millrace_call_arena(const millrace_keyed_batch *batch) { return batch->arena; }

/* --- The order of rows and timers --- */

static void begin_key(millrace_keyed_batch *batch) {
    current_key *current = &batch->current;
    size_t key = current->key;
    current->begun = true;
    current->row = batch->starts[key];
    current->rows_end = key + 1 < batch->key_count ? batch->starts[key + 1] : batch->rows.rows;
    current->has_now = false;
    current->state = mr_state_at(&batch->stored, key);
    current->set_count = 0;
    current->due = batch->due + batch->next_due;
    current->due_count = 0;
    while (batch->next_due < batch->due_count && batch->due[batch->next_due].key == key) {
        batch->next_due++;
        current->due_count++;
    }
}

static void end_key(millrace_keyed_batch *batch) {
    current_key *current = &batch->current;
    if (current->state.changed) {
        size_t at = batch->changed_count++;
        batch->changed[at] = (uint32_t)current->key;
        batch->states[at] = (millrace_bytes){ current->state.bytes, current->state.length };
    }
    size_t count = current->set_count;
    if (count > 0) {
        size_t size = sizeof(timer_setting);
        if (batch->timer_count + count > batch->timer_capacity) {
            size_t capacity = (batch->timer_count + count) * 2;
            batch->timers = mr_arena_grow(
                batch->arena, batch->timers, batch->timer_count * size, capacity * size
            );
            batch->timer_capacity = capacity;
        }
        memcpy(batch->timers + batch->timer_count, current->set, count * size);
        batch->timer_count += count;
    }
    current->key++;
    current->begun = false;
}

/* The timer in event time that the plugin has set for the earliest time. */
static timer_setting *earliest_set(const current_key *current) {
    timer_setting *earliest = NULL;
    for (size_t at = 0; at < current->set_count; at++) {
        timer_setting *set = &current->set[at];
        if (set->change == TIMER_EVENT
            && (earliest == NULL || set->at < earliest->at
                || (set->at == earliest->at && set->id < earliest->id))) {
            earliest = set;
        }
    }
    return earliest;
}

static bool timer_event(
    current_key *current, millrace_event *event, uint32_t id, millrace_clock clock, int64_t at
) {
    if (clock == MILLRACE_EVENT_TIME) {
        current->has_now = true;
        current->now = at;
    }
    *event = (millrace_event){ .kind = MILLRACE_TIMER, .timer = id, .clock = clock, .time = at };
    return true;
}

/* A timer that the plugin has set for a time that this batch has reached, if it comes before the
 * row (`due` is NULL) or the timer of the host that would be next. */
static bool next_set(
    current_key *current, const due_timer *due, int64_t limit, millrace_event *event
) {
    timer_setting *set = earliest_set(current);
    if (set == NULL || set->at > limit || (set->at == limit && due != NULL && set->id > due->id)) {
        return false;
    }
    /* The host may still know an older time of it. */
    set->change = TIMER_CANCEL;
    return timer_event(current, event, set->id, MILLRACE_EVENT_TIME, set->at);
}

static bool next_of_key(millrace_keyed_batch *batch, millrace_event *event) {
    current_key *current = &batch->current;
    bool has_row = current->row < current->rows_end;
    bool has_time = has_row && batch->times != NULL;
    int64_t time = has_time ? batch->times[current->row] : 0;
    const due_timer *due = current->due_count > 0 ? current->due : NULL;
    /* What the host knows comes first if it has no place in the order of times. */
    if (due != NULL && due->clock == MILLRACE_EVENT_TIME && has_time && due->at > time) {
        due = NULL;
    }
    bool processing = due != NULL && due->clock == MILLRACE_PROCESSING_TIME;
    bool has_limit = due != NULL || has_time;
    if (current->set_count > 0 && !processing && has_limit
        && next_set(current, due, due != NULL ? due->at : time, event)) {
        return true;
    }
    if (due != NULL) {
        current->due++;
        current->due_count--;
        return timer_event(current, event, due->id, due->clock, due->at);
    }
    if (!has_row) {
        return false;
    }
    *event = (millrace_event
    ){ .kind = MILLRACE_ROW, .row = current->row, .has_time = has_time, .time = time };
    current->row++;
    if (has_time) {
        current->has_now = true;
        current->now = time;
    }
    return true;
}

bool millrace_next(millrace_keyed_batch *batch, millrace_event *event) {
    for (;;) {
        if (batch->current.begun) {
            if (next_of_key(batch, event)) {
                return true;
            }
            end_key(batch);
        }
        if (batch->current.key >= batch->key_count) {
            return false;
        }
        begin_key(batch);
    }
}

/* --- State and timers --- */

millrace_bytes millrace_state(const millrace_keyed_batch *batch) {
    return (millrace_bytes){ batch->current.state.bytes, batch->current.state.length };
}

void *millrace_edit_state(millrace_keyed_batch *batch, size_t size) {
    return mr_state_edit(batch->arena, &batch->current.state, size);
}

void millrace_set_state(millrace_keyed_batch *batch, const void *bytes, size_t length) {
    mr_state_set(batch->arena, &batch->current.state, bytes, length);
}

void millrace_clear_state(millrace_keyed_batch *batch) { mr_state_clear(&batch->current.state); }

static void change_timer(millrace_keyed_batch *batch, timer_setting change) {
    current_key *current = &batch->current;
    change.key = (uint32_t)current->key;
    size_t left = 0;
    for (size_t at = 0; at < current->due_count; at++) {
        if (current->due[at].id != change.id) {
            current->due[left++] = current->due[at];
        }
    }
    current->due_count = left;
    for (size_t at = 0; at < current->set_count; at++) {
        if (current->set[at].id == change.id) {
            current->set[at] = change;
            return;
        }
    }
    if (current->set_count == current->set_capacity) {
        size_t capacity = current->set_capacity == 0 ? 8 : current->set_capacity * 2;
        size_t size = sizeof change;
        current->set = mr_arena_grow(
            batch->arena, current->set, current->set_count * size, capacity * size
        );
        current->set_capacity = capacity;
    }
    current->set[current->set_count++] = change;
}

void millrace_set_timer(millrace_keyed_batch *batch, uint32_t id, int64_t time) {
    const current_key *current = &batch->current;
    if (current->has_now && time <= current->now) {
        time = current->now == INT64_MAX ? INT64_MAX : current->now + 1;
    }
    change_timer(batch, (timer_setting){ .id = id, .change = TIMER_EVENT, .at = time });
}

void millrace_set_processing_timer(millrace_keyed_batch *batch, uint32_t id, uint64_t delay) {
    change_timer(batch, (timer_setting){ .id = id, .change = TIMER_PROCESSING, .delay = delay });
}

void millrace_cancel_timer(millrace_keyed_batch *batch, uint32_t id) {
    change_timer(batch, (timer_setting){ .id = id, .change = TIMER_CANCEL });
}

/* --- Large state --- */

#define PLACE batch->large_self, millrace_key(batch)

bool millrace_map_get(
    millrace_keyed_batch *batch, const char *map, millrace_bytes entry, millrace_bytes *value
) {
    return batch->large->map_get(PLACE, map, entry, value);
}

void millrace_map_put(
    millrace_keyed_batch *batch, const char *map, millrace_bytes entry, millrace_bytes value
) {
    batch->large->map_put(PLACE, map, entry, value);
}

void millrace_map_remove(millrace_keyed_batch *batch, const char *map, millrace_bytes entry) {
    batch->large->map_remove(PLACE, map, entry);
}

size_t millrace_map_scan(
    millrace_keyed_batch *batch, const char *map, millrace_bytes after, uint32_t limit,
    const millrace_entry **entries
) {
    return batch->large->map_scan(PLACE, map, after, limit, entries);
}

void millrace_list_append(millrace_keyed_batch *batch, const char *list, millrace_bytes value) {
    batch->large->list_append(PLACE, list, value);
}

millrace_positions millrace_list_range(millrace_keyed_batch *batch, const char *list) {
    return batch->large->list_range(PLACE, list);
}

size_t millrace_list_read(
    millrace_keyed_batch *batch, const char *list, uint64_t from, uint32_t limit,
    const millrace_bytes **values
) {
    return batch->large->list_read(PLACE, list, from, limit, values);
}

void millrace_list_remove(millrace_keyed_batch *batch, const char *list, uint64_t before) {
    batch->large->list_remove(PLACE, list, before);
}

/* --- Calls --- */

millrace_status mr_run_keyed(
    const millrace_keyed *keyed, void *plugin, millrace_keyed_batch *batch, millrace_output *out
) {
    batch->changed = MILLRACE_ARRAY(batch->arena, uint32_t, batch->key_count);
    batch->states = MILLRACE_ARRAY(batch->arena, millrace_bytes, batch->key_count);
    millrace_status status = keyed->process(plugin, batch, out);
    if (status != MILLRACE_OK) {
        return status;
    }
    if (out->failure != MILLRACE_OK) {
        return out->failure;
    }
    if (batch->current.begun) {
        millrace_event event;
        if (next_of_key(batch, &event)) {
            return "`process` returned before it had handled all rows";
        }
        end_key(batch);
    }
    if (batch->current.key != batch->key_count) {
        return "`process` returned before it had handled all keys";
    }
    return MILLRACE_OK;
}

millrace_status mr_run_migrate(
    const millrace_keyed *keyed, millrace_arena *arena, uint32_t version,
    const millrace_column *states, millrace_column *migrated
) {
    millrace_bytes *values = MILLRACE_ARRAY(arena, millrace_bytes, states->length);
    for (size_t at = 0; at < states->length; at++) {
        values[at] = (millrace_bytes){ 0 };
        if (!millrace_is_valid(states, at)) {
            continue;
        }
        millrace_bytes stored = millrace_bytes_at(states, at);
        if (keyed->migrate == NULL) {
            return millrace_format(
                arena, "can't read a state of version %u (%zu bytes)", (unsigned)version,
                stored.length
            );
        }
        millrace_status status = keyed->migrate(arena, version, stored, &values[at]);
        if (status != MILLRACE_OK) {
            return status;
        }
    }
    *migrated = millrace_column_of_bytes(arena, values, states->length);
    return MILLRACE_OK;
}
