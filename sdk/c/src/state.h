/* States as bytes that may be changed. */
#ifndef MILLRACE_SRC_STATE_H
#define MILLRACE_SRC_STATE_H

#include "millrace/build.h"

/* The state of a key or of a group during a call. */
typedef struct state {
    const uint8_t *bytes; /* NULL if there is none */
    size_t length;
    uint8_t *own; /* the same bytes, if they are in memory that may be written */
    size_t capacity;
    bool changed;
} state;

/* A row of a column of states. */
state mr_state_at(const millrace_column *states, size_t row);

void *mr_state_edit(millrace_arena *arena, state *state, size_t size);
void mr_state_set(millrace_arena *arena, state *state, const void *bytes, size_t length);
void mr_state_clear(state *state);

#endif
