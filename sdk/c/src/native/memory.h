/* Large state in memory, where there is no host. */
#ifndef MILLRACE_SRC_NATIVE_MEMORY_H
#define MILLRACE_SRC_NATIVE_MEMORY_H

#include "../keyed.h"

/* An entry of a map, or a value of a list. */
typedef struct stored {
    size_t key; /* among all keys that there have been */
    const char *name;
    bool list;
    bool removed;
    uint64_t position; /* in a list */
    millrace_bytes entry;
    millrace_bytes value;
} stored;

typedef struct memory {
    millrace_arena *arena;
    stored *stored;
    size_t count;
    size_t capacity;
    /* The number of each key of the batch among all keys that there have been. */
    const size_t *keys;
} memory;

/* Its `self` is a memory. */
extern const large_state mr_memory_large_state;

#endif
