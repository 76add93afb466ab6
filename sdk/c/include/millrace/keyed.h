/*
 * Plugins that remember something for each key: rows come grouped by key, with what was remembered
 * of the key, and timers.
 *
 * A plugin defines `millrace_plugin`, and nothing else is needed:
 *
 *     const millrace_keyed millrace_plugin = {
 *         .about = { .name = "count", .version = "0.1.0", .summary = "Counts rows" },
 *         .start = start,
 *         .process = process,
 *     };
 */
#ifndef MILLRACE_KEYED_H
#define MILLRACE_KEYED_H

#include "codec.h"
#include "output.h"
#include "start.h"

/* Each world has a symbol of its own, so that a plugin of another one does not link. */
#undef millrace_plugin
#define millrace_plugin millrace_plugin_keyed

#ifdef __cplusplus
extern "C" {
#endif

/* The rows and timers of some keys. millrace_next goes through them, key by key; between two calls
 * of it everything else here is about the current key. */
typedef struct millrace_keyed_batch millrace_keyed_batch;

/* A plugin that remembers something for each key. */
typedef struct millrace_keyed {
    millrace_about about;

    /* The version of the states that the plugin writes; 0 stands for 1. A change of what the bytes
     * of a state mean is a new version. */
    uint32_t state_version;
    /* Older versions that `migrate` understands. A state of any other version stops the pipeline
     * before it is touched. */
    const uint32_t *reads_versions;
    size_t reads_version_count;

    /* As for a transform plugin; `start->key` has the names of the columns of the key. */
    millrace_status (*start)(millrace_start *start);

    /*
     * Handles the rows and timers of some keys: all of them, until millrace_next returns false. A
     * failing status fails the whole call, which then has changed nothing, and the host tries again
     * with fewer keys or rows.
     */
    millrace_status (*process)(void *plugin, millrace_keyed_batch *batch, millrace_output *out);

    /* Turns a state of an older version into one of today. A failing status stops the pipeline.
     * NULL if there are no `reads_versions`. */
    millrace_status (*migrate)(
        millrace_arena *arena, uint32_t version, millrace_bytes state, millrace_bytes *migrated
    );
} millrace_keyed;

/* The plugin, which the author defines. */
extern const millrace_keyed millrace_plugin;

/* Which clock a timer goes by: that of the rows, or the host's. */
typedef enum millrace_clock {
    MILLRACE_EVENT_TIME = 0,
    MILLRACE_PROCESSING_TIME = 1
} millrace_clock;

typedef enum millrace_event_kind { MILLRACE_ROW, MILLRACE_TIMER } millrace_event_kind;

/* What is to be handled next. */
typedef struct millrace_event {
    millrace_event_kind kind;
    uint32_t row;  /* of a row: its number within millrace_rows */
    bool has_time; /* of a row: whether rows come in the order of event time */
    /* Of a row: its event time; of a timer: the time that it was set for. In microseconds since
     * 1970. */
    int64_t time;
    uint32_t timer; /* of a timer: the id under which it was set. It is gone unless set again */
    millrace_clock clock; /* of a timer */
} millrace_event;

/* Goes to the next row or timer; false at the end. Those of a key come in the order of their times,
 * a timer before the rows of its own time. */
bool millrace_next(millrace_keyed_batch *batch, millrace_event *event);

/* The columns that the plugin reads. The rows of a key stand together. */
const millrace_batch *millrace_rows(const millrace_keyed_batch *batch);

/* The columns of the key that the plugin reads, one row for each key. */
const millrace_batch *millrace_keys(const millrace_keyed_batch *batch);

/* The number of the current key: its row in millrace_keys. */
uint32_t millrace_key(const millrace_keyed_batch *batch);

/* The number by which millrace_out_some makes a row that belongs to no input row: the columns of the
 * current key are carried over, all others are null. */
uint32_t millrace_key_row(const millrace_keyed_batch *batch);

/* Memory for this call. */
millrace_arena *millrace_call_arena(const millrace_keyed_batch *batch);

/* --- The state of the current key --- */

/* Its bytes; NULL if there is none. They are valid until the state is changed. */
millrace_bytes millrace_state(const millrace_keyed_batch *batch);

/*
 * The state as memory that may be written: `size` bytes, aligned for any type. It holds what the
 * state was, cut at `size` or filled up with zeros. Valid until the next change of its size, or the
 * next key. A state of a fixed size is best kept as a struct, in which every byte is accounted for:
 *
 *     count *state = millrace_edit_state(batch, sizeof(count));
 *     state->rows += 1;
 */
void *millrace_edit_state(millrace_keyed_batch *batch, size_t size);

/* Replaces the state by a copy of these bytes. */
void millrace_set_state(millrace_keyed_batch *batch, const void *bytes, size_t length);

/* Forgets the state. */
void millrace_clear_state(millrace_keyed_batch *batch);

/* --- The timers of the current key --- */

/* Sets the timer `id` to an event time, in microseconds since 1970. A time that is not after what
 * is being handled counts as one microsecond after it. A timer that is set again moves. */
void millrace_set_timer(millrace_keyed_batch *batch, uint32_t id, int64_t time);

/* Sets the timer `id` to a time on the host's clock, so many microseconds from now. */
void millrace_set_processing_timer(millrace_keyed_batch *batch, uint32_t id, uint64_t delay);

/* Cancels the timer `id`, if it is set. */
void millrace_cancel_timer(millrace_keyed_batch *batch, uint32_t id);

/*
 * --- Large state of the current key ---
 *
 * Maps and lists that are read and written piece by piece, for what is too large to come and go
 * with each batch. They are told apart by their names, and need not be made. Each call crosses to
 * the host, so what fits into some hundred bytes is better kept in the state. A name of more than
 * 256 bytes, an entry of more than 64 KiB or a value of more than 16 MiB is a trap.
 */

/* An entry of a map. */
typedef struct millrace_entry {
    millrace_bytes name;
    millrace_bytes value;
} millrace_entry;

/* The value of an entry; false if there is none. */
bool millrace_map_get(
    millrace_keyed_batch *batch, const char *map, millrace_bytes entry, millrace_bytes *value
);

/* Sets an entry. */
void millrace_map_put(
    millrace_keyed_batch *batch, const char *map, millrace_bytes entry, millrace_bytes value
);

/* Removes an entry, if it is there. */
void millrace_map_remove(millrace_keyed_batch *batch, const char *map, millrace_bytes entry);

/* Up to `limit` entries in the order of their bytes, those after the entry `after`, or from the
 * first one on if its bytes are NULL. Returns how many they are. */
size_t millrace_map_scan(
    millrace_keyed_batch *batch, const char *map, millrace_bytes after, uint32_t limit,
    const millrace_entry **entries
);

/* Positions of a list: of its first value, and one beyond the last. A value keeps its position when
 * others before it are removed. */
typedef struct millrace_positions {
    uint64_t first;
    uint64_t end;
} millrace_positions;

/* Adds a value at the end. */
void millrace_list_append(millrace_keyed_batch *batch, const char *list, millrace_bytes value);

/* The positions of its values. */
millrace_positions millrace_list_range(millrace_keyed_batch *batch, const char *list);

/* Up to `limit` values from position `from` on. Returns how many they are. */
size_t millrace_list_read(
    millrace_keyed_batch *batch, const char *list, uint64_t from, uint32_t limit,
    const millrace_bytes **values
);

/* Removes the values before a position. */
void millrace_list_remove(millrace_keyed_batch *batch, const char *list, uint64_t before);

#ifdef __cplusplus
}
#endif
#endif
