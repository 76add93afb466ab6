#include "state.h"

#include "arena.h"

state state_at(const millrace_column *states, size_t row) {
    state state = {0};
    if (millrace_is_valid(states, row)) {
        millrace_bytes stored = millrace_bytes_at(states, row);
        state.bytes = stored.bytes;
        state.length = stored.length;
    }
    return state;
}

/* Makes room for `size` bytes that may be written, with those that there are. */
static void own(millrace_arena *arena, state *state, size_t size) {
    if (state->own == NULL || size > state->capacity) {
        /* A state that has grown once is likely to grow again. */
        size_t capacity = state->own == NULL ? size + size / 2 : size * 2;
        uint8_t *memory = millrace_alloc(arena, capacity);
        size_t kept = state->length < size ? state->length : size;
        if (kept > 0) {
            memcpy(memory, state->bytes, kept);
        }
        state->own = memory;
        state->bytes = memory;
        state->capacity = capacity;
    }
}

void *state_edit(millrace_arena *arena, state *state, size_t size) {
    own(arena, state, size);
    if (size > state->length) {
        memset(state->own + state->length, 0, size - state->length);
    }
    state->bytes = state->own;
    state->length = size;
    state->changed = true;
    return state->own;
}

void state_set(millrace_arena *arena, state *state, const void *bytes, size_t length) {
    /* The bytes may be those of the state itself. */
    uint8_t *memory = millrace_alloc(arena, length);
    if (length > 0) {
        memcpy(memory, bytes, length);
    }
    *state = (struct state){memory, length, memory, length, true};
}

void state_clear(state *state) { *state = (struct state){.changed = true}; }
