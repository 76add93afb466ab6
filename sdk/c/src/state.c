#include "state.h"

#include "arena.h"
#include "copy.h"

state mr_state_at(const millrace_column *states, size_t row) {
    state state = { 0 };
    if (millrace_is_valid(states, row)) {
        millrace_bytes stored = millrace_bytes_at(states, row);
        state.bytes = stored.bytes;
        state.length = stored.length;
    }
    return state;
}

/* A state that grows at all is likely to grow by a few rows more. */
#define ROOM_BYTES 256

/* Makes room for `size` bytes that may be written, with those that there are. */
static void own(millrace_arena *arena, state *state, size_t size) {
    size_t capacity = size + size / 2 + ROOM_BYTES;
    uint8_t *memory = millrace_alloc(arena, capacity);
    copy_bytes(memory, state->bytes, state->length < size ? state->length : size);
    state->own = memory;
    state->bytes = memory;
    state->capacity = capacity;
}

void *mr_state_edit(millrace_arena *arena, state *state, size_t size) {
    if (state->own == NULL || size > state->capacity) {
        own(arena, state, size);
    }
    if (size > state->length) {
        zero_bytes(state->own + state->length, size - state->length);
    }
    state->length = size;
    state->changed = true;
    return state->own;
}

void mr_state_set(millrace_arena *arena, state *state, const void *bytes, size_t length) {
    /* The bytes may be those of the state itself. */
    uint8_t *memory = millrace_alloc(arena, length);
    copy_bytes(memory, bytes, length);
    *state = (struct state){ memory, length, memory, length, true };
}

void mr_state_clear(state *state) { *state = (struct state){ .changed = true }; }
