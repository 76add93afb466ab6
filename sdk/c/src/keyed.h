/* The rows and timers of some keys, and what they leave behind. */
#ifndef MILLRACE_SRC_KEYED_H
#define MILLRACE_SRC_KEYED_H

#include "millrace/keyed.h"
#include "state.h"

/* A timer that the host says is due. */
typedef struct due_timer {
    uint32_t key;
    uint32_t id;
    millrace_clock clock;
    int64_t at;
} due_timer;

typedef enum timer_change { TIMER_EVENT, TIMER_PROCESSING, TIMER_CANCEL } timer_change;

/* What becomes of a timer. */
typedef struct timer_setting {
    uint32_t key;
    uint32_t id;
    timer_change change;
    int64_t at;     /* of TIMER_EVENT */
    uint64_t delay; /* of TIMER_PROCESSING */
} timer_setting;

/* Where large state is: at the host, or in memory for native tests. Keys are numbers within the
 * batch. What is returned lives as long as the call. */
typedef struct large_state {
    bool (*map_get)(
        void *self, uint32_t key, const char *map, millrace_bytes entry, millrace_bytes *value
    );
    void (*map_put)(
        void *self, uint32_t key, const char *map, millrace_bytes entry, millrace_bytes value
    );
    void (*map_remove)(void *self, uint32_t key, const char *map, millrace_bytes entry);
    size_t (*map_scan)(
        void *self, uint32_t key, const char *map, millrace_bytes after, uint32_t limit,
        const millrace_entry **entries
    );
    void (*list_append)(void *self, uint32_t key, const char *list, millrace_bytes value);
    millrace_positions (*list_range)(void *self, uint32_t key, const char *list);
    size_t (*list_read)(
        void *self, uint32_t key, const char *list, uint64_t from, uint32_t limit,
        const millrace_bytes **values
    );
    void (*list_remove)(void *self, uint32_t key, const char *list, uint64_t before);
} large_state;

/* The key that is being handled. */
typedef struct current_key {
    size_t key; /* one too many at the end */
    bool begun;
    uint32_t row;
    uint32_t rows_end;
    due_timer *due; /* timers of the host that are left */
    size_t due_count;
    timer_setting *set; /* what the plugin has set and what has not come due since */
    size_t set_count;
    size_t set_capacity;
    bool has_now; /* whether what is being handled has a time */
    int64_t now;
    state state;
} current_key;

struct millrace_keyed_batch {
    millrace_arena *arena;
    millrace_batch rows;
    millrace_batch keys;
    size_t key_count;
    const int64_t *times; /* NULL if rows have none */
    const uint32_t *starts;
    millrace_column stored;
    due_timer *due;
    size_t due_count;
    size_t next_due; /* the first of `due` that is beyond the current key */
    const large_state *large;
    void *large_self;
    current_key current;
    /* What there is to be kept. */
    uint32_t *changed;
    millrace_bytes *states;
    size_t changed_count;
    timer_setting *timers;
    size_t timer_count;
    size_t timer_capacity;
};

/* Handles a batch. The members of `batch` up to `large_self` are set. */
millrace_status mr_run_keyed(
    const millrace_keyed *keyed, void *plugin, millrace_keyed_batch *batch, millrace_output *out
);

/* Migrates each state that there is. */
millrace_status mr_run_migrate(
    const millrace_keyed *keyed, millrace_arena *arena, uint32_t version,
    const millrace_column *states, millrace_column *migrated
);

#endif
