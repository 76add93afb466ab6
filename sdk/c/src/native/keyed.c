/* Keyed plugins in a native test. */

#include "../keyed.h"

#include <stdlib.h>

#include "memory.h"
#include "test.h"

#include "millrace/testing.h"

/* A timer that is set. */
typedef struct set_timer {
    size_t key;
    uint32_t id;
    millrace_clock clock;
    int64_t at;
} set_timer;

/* A plugin with the states and timers of all keys that there have been. */
typedef struct keyed_test {
    const millrace_keyed *plugin;
    text_list key;              /* the columns of the key */
    const char *event_time;     /* NULL if rows come as they arrive */
    text_list known;            /* the keys as JSON */
    millrace_builder **columns; /* all columns, a row for each key: null but for those of the key */
    millrace_bytes *states;     /* NULL where a key has none */
    set_timer *timers;
    size_t timer_count;
    memory memory;
    uint64_t now; /* of the host's clock */
} keyed_test;

/* The keys of one call, and the timers of them that are due. */
typedef struct keyed_call {
    size_t *keys; /* their numbers among those that are known */
    uint32_t *starts;
    size_t key_count;
    due_timer *due;
    size_t due_count;
} keyed_call;

/* --- Keys --- */

static void add_key(
    millrace_test *test, keyed_test *keyed, const millrace_batch *rows, size_t row
) {
    size_t at = keyed->known.count - 1;
    millrace_bytes *states = MILLRACE_ARRAY(&test->arena, millrace_bytes, at + 1);
    if (at > 0) {
        memcpy(states, keyed->states, at * sizeof *states);
    }
    states[at] = (millrace_bytes){ 0 };
    keyed->states = states;
    for (size_t column = 0; column < rows->column_count; column++) {
        const char *name = rows->names[column];
        if (mr_text_list_find(&keyed->key, name) < keyed->key.count) {
            millrace_append_row(keyed->columns[column], &rows->columns[column], row);
        } else {
            millrace_append_null(keyed->columns[column]);
        }
    }
}

/* The number of a row's key among those that are known. */
static size_t key_of(
    millrace_test *test, keyed_test *keyed, const millrace_batch *rows, size_t row
) {
    millrace_writer writer = { .arena = &test->arena };
    for (size_t at = 0; at < keyed->key.count; at++) {
        mr_write_value(&writer, millrace_column_named(rows, keyed->key.texts[at]), row);
        mr_write_plain(&writer, ",");
    }
    const char *key = millrace_copy(
        &test->arena, (millrace_text){ (const char *)writer.bytes, writer.length }
    );
    size_t at = mr_text_list_find(&keyed->known, key);
    if (at == keyed->known.count) {
        mr_text_list_add(&keyed->known, key);
        add_key(test, keyed, rows, row);
    }
    return at;
}

/* The columns of the keys of a call. */
static millrace_batch keys_of(
    millrace_test *test, const keyed_test *keyed, const keyed_call *call, const millrace_batch *like
) {
    millrace_batch keys = *like;
    millrace_column *columns = MILLRACE_ARRAY(&test->arena, millrace_column, like->column_count);
    for (size_t column = 0; column < like->column_count; column++) {
        millrace_column all = millrace_builder_finish(keyed->columns[column]);
        millrace_builder *builder = millrace_builder_new(&test->arena, &all.type, call->key_count);
        for (size_t at = 0; at < call->key_count; at++) {
            millrace_append_row(builder, &all, call->keys[at]);
        }
        columns[column] = millrace_builder_finish(builder);
    }
    keys.columns = columns;
    keys.rows = (uint32_t)call->key_count;
    return keys;
}

/* --- Timers --- */

static int by_time(const void *a, const void *b) {
    const due_timer *left = a;
    const due_timer *right = b;
    if (left->at != right->at) {
        return left->at < right->at ? -1 : 1;
    }
    return (left->id > right->id) - (left->id < right->id);
}

/* Takes the timers of a key that are due by a time. */
static void take_due(
    millrace_test *test, keyed_test *keyed, keyed_call *call, size_t key, millrace_clock clock,
    int64_t until
) {
    size_t room = call->due_count + keyed->timer_count;
    due_timer *due = MILLRACE_ARRAY(&test->arena, due_timer, room);
    if (call->due_count > 0) {
        memcpy(due, call->due, call->due_count * sizeof *due);
    }
    size_t first = call->due_count;
    size_t left = 0;
    for (size_t at = 0; at < keyed->timer_count; at++) {
        set_timer timer = keyed->timers[at];
        if (timer.key == call->keys[key] && timer.clock == clock && timer.at <= until) {
            due[call->due_count++] = (due_timer){ (uint32_t)key, timer.id, timer.clock, timer.at };
        } else {
            keyed->timers[left++] = timer;
        }
    }
    keyed->timer_count = left;
    call->due = due;
    qsort(due + first, call->due_count - first, sizeof *due, by_time);
}

static void set_timers(
    millrace_test *test, keyed_test *keyed, const keyed_call *call,
    const millrace_keyed_batch *batch
) {
    size_t room = keyed->timer_count + batch->timer_count;
    set_timer *timers = MILLRACE_ARRAY(&test->arena, set_timer, room);
    if (keyed->timer_count > 0) {
        memcpy(timers, keyed->timers, keyed->timer_count * sizeof *timers);
    }
    for (size_t at = 0; at < batch->timer_count; at++) {
        const timer_setting *setting = &batch->timers[at];
        size_t key = call->keys[setting->key];
        size_t left = 0;
        for (size_t other = 0; other < keyed->timer_count; other++) {
            if (timers[other].key != key || timers[other].id != setting->id) {
                timers[left++] = timers[other];
            }
        }
        keyed->timer_count = left;
        if (setting->change != TIMER_CANCEL) {
            bool event = setting->change == TIMER_EVENT;
            timers[keyed->timer_count++] = (set_timer){
                .key = key,
                .id = setting->id,
                .clock = event ? MILLRACE_EVENT_TIME : MILLRACE_PROCESSING_TIME,
                .at = event ? setting->at : (int64_t)(keyed->now + setting->delay),
            };
        }
    }
    keyed->timers = timers;
}

/* --- Calls --- */

static void run(
    millrace_test *test, const millrace_batch *rows, const int64_t *times, keyed_call *call
) {
    keyed_test *keyed = test->world;
    const struct millrace_description *description = test->start.description_;
    millrace_output out = mr_new_output(test, rows->rows);
    millrace_batch keys = keys_of(test, keyed, call, rows);
    millrace_bytes *states = MILLRACE_ARRAY(&test->arena, millrace_bytes, call->key_count);
    for (size_t at = 0; at < call->key_count; at++) {
        states[at] = keyed->states[call->keys[at]];
    }
    keyed->memory.keys = call->keys;
    millrace_keyed_batch batch = {
        .arena = &test->arena,
        .rows = mr_batch_of(test, rows, &description->reads),
        .keys = mr_batch_of(test, &keys, &description->keys),
        .key_count = call->key_count,
        .times = times,
        .starts = call->starts,
        .stored = millrace_column_of_bytes(&test->arena, states, call->key_count),
        .due = call->due,
        .due_count = call->due_count,
        .large = &mr_memory_large_state,
        .large_self = &keyed->memory,
    };
    test->failure = mr_run_keyed(keyed->plugin, test->start.plugin, &batch, &out);
    if (test->failure != MILLRACE_OK) {
        return;
    }
    for (size_t at = 0; at < batch.changed_count; at++) {
        keyed->states[call->keys[batch.changed[at]]] = batch.states[at];
    }
    set_timers(test, keyed, call, &batch);
    mr_note_output(test, rows, &keys, &out);
}

/* A row with what it is sorted by. */
typedef struct sorted_row {
    size_t key; /* the number within the call */
    int64_t time;
    size_t row;
} sorted_row;

static int by_key_and_time(const void *a, const void *b) {
    const sorted_row *left = a;
    const sorted_row *right = b;
    if (left->key != right->key) {
        return left->key < right->key ? -1 : 1;
    }
    if (left->time != right->time) {
        return left->time < right->time ? -1 : 1;
    }
    return (left->row > right->row) - (left->row < right->row);
}

/* The rows of each key together, in the order of their times. */
static millrace_batch in_order(
    millrace_test *test, const millrace_batch *rows, const sorted_row *order
) {
    millrace_batch sorted = *rows;
    millrace_column *columns = MILLRACE_ARRAY(&test->arena, millrace_column, rows->column_count);
    for (size_t column = 0; column < rows->column_count; column++) {
        const millrace_column *from = &rows->columns[column];
        millrace_builder *builder = millrace_builder_new(&test->arena, &from->type, rows->rows);
        for (uint32_t row = 0; row < rows->rows; row++) {
            millrace_append_row(builder, from, order[row].row);
        }
        columns[column] = millrace_builder_finish(builder);
    }
    sorted.columns = columns;
    return sorted;
}

static void take_rows(millrace_test *test, const millrace_batch *rows) {
    keyed_test *keyed = test->world;
    millrace_arena *arena = &test->arena;
    keyed_call call = {
        .keys = MILLRACE_ARRAY(arena, size_t, rows->rows),
        .starts = MILLRACE_ARRAY(arena, uint32_t, rows->rows),
    };
    sorted_row *order = MILLRACE_ARRAY(arena, sorted_row, rows->rows);
    int64_t *times = MILLRACE_ARRAY(arena, int64_t, rows->rows);
    const int64_t *given = keyed->event_time == NULL
        ? NULL
        : millrace_int64s(millrace_column_named(rows, keyed->event_time));
    for (uint32_t row = 0; row < rows->rows; row++) {
        size_t key = key_of(test, keyed, rows, row);
        size_t at = 0;
        while (at < call.key_count && call.keys[at] != key) {
            at++;
        }
        call.keys[at] = key;
        call.key_count += at == call.key_count;
        order[row] = (sorted_row){ at, given == NULL ? 0 : given[row], row };
    }
    qsort(order, rows->rows, sizeof *order, by_key_and_time);
    for (uint32_t row = 0; row < rows->rows; row++) {
        times[row] = order[row].time;
        if (row == 0 || order[row].key != order[row - 1].key) {
            call.starts[order[row].key] = row;
        }
    }
    for (size_t key = 0; key < call.key_count && given != NULL; key++) {
        size_t end = key + 1 < call.key_count ? call.starts[key + 1] : rows->rows;
        take_due(test, keyed, &call, key, MILLRACE_EVENT_TIME, times[end - 1]);
    }
    millrace_batch sorted = in_order(test, rows, order);
    run(test, &sorted, given == NULL ? NULL : times, &call);
}

/* Calls the plugin with all timers that are due, and again while that sets further ones. */
static void fire(millrace_test *test, millrace_clock clock, int64_t until) {
    keyed_test *keyed = test->world;
    millrace_arena *arena = &test->arena;
    millrace_batch none = mr_rows_from(test, "");
    test->failure = NULL;
    while (test->failure == NULL) {
        size_t count = keyed->known.count;
        keyed_call call = {
            .keys = MILLRACE_ARRAY(arena, size_t, count),
            .starts = millrace_alloc_zeroed(arena, count, sizeof(uint32_t)),
        };
        for (size_t key = 0; key < count; key++) {
            size_t before = call.due_count;
            call.keys[call.key_count] = key;
            take_due(test, keyed, &call, call.key_count, clock, until);
            call.key_count += call.due_count > before;
        }
        if (call.due_count == 0) {
            return;
        }
        run(test, &none, NULL, &call);
    }
}

void millrace_test_watermark(millrace_test *test, int64_t time) {
    fire(test, MILLRACE_EVENT_TIME, time);
}

void millrace_test_pass(millrace_test *test, uint64_t microseconds) {
    keyed_test *keyed = test->world;
    keyed->now += microseconds;
    fire(test, MILLRACE_PROCESSING_TIME, (int64_t)keyed->now);
}

size_t millrace_test_states(const millrace_test *test) {
    const keyed_test *keyed = test->world;
    size_t count = 0;
    for (size_t at = 0; at < keyed->known.count; at++) {
        count += keyed->states[at].bytes != NULL;
    }
    return count;
}

size_t millrace_test_timers(const millrace_test *test) {
    return ((const keyed_test *)test->world)->timer_count;
}

millrace_test *millrace_test_keyed(
    const millrace_keyed *plugin, const char *config, const char *schema, const char *key,
    const char *event_time
) {
    millrace_test *test = mr_test_start(config, schema, key, plugin->start);
    keyed_test *keyed = MILLRACE_NEW(&test->arena, keyed_test);
    keyed->key.arena = &test->arena;
    for (size_t at = 0; at < test->start.key_count; at++) {
        mr_text_list_add(&keyed->key, test->start.key[at]);
    }
    keyed->plugin = plugin;
    keyed->event_time = event_time;
    keyed->known.arena = &test->arena;
    keyed->memory.arena = &test->arena;
    size_t count = test->start.input.count;
    keyed->columns = MILLRACE_ARRAY(&test->arena, millrace_builder *, count);
    for (size_t at = 0; at < count; at++) {
        keyed->columns[at] = millrace_builder_new(
            &test->arena, &test->start.input.fields[at].type, 8
        );
    }
    test->take_rows = take_rows;
    test->world = keyed;
    return test;
}
