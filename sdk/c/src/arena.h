/*
 * Memory that is given back all at once.
 *
 * Here and below, what files of the SDK share is called mr_..., so that it is in the way of no
 * function of a plugin.
 */
#ifndef MILLRACE_SRC_ARENA_H
#define MILLRACE_SRC_ARENA_H

#include <stdarg.h>

#include "millrace/text.h"

/* All memory of an arena has this alignment: enough for SIMD and 128-bit integers. */
#define ALIGNMENT ((size_t)16)

typedef struct chunk chunk;

/* Chunks of memory that are filled one after the other. All zero is an empty arena. */
struct millrace_arena {
    chunk *first;
    chunk *current; /* those before it are full */
    char *next;
    char *end;
    size_t size; /* of all chunks */
};

/* Makes all of an arena's memory available again. It keeps its chunks: the next call needs as much,
 * and WebAssembly can't give memory back. */
void mr_arena_reset(millrace_arena *arena);

/* Gives all memory back. */
void mr_arena_free(millrace_arena *arena);

/* Makes an allocation larger, in place if it was the last one. `old` may be NULL. */
void *mr_arena_grow(millrace_arena *arena, void *old, size_t old_size, size_t size);

/* As millrace_format. */
const char *mr_format_text(millrace_arena *arena, const char *format, va_list arguments);

#endif
