#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_SIZE_MIN ((size_t)64 * 1024)

struct chunk {
    chunk *next;
    size_t size;
    /* The memory begins at the next multiple of ALIGNMENT. */
};

#define CHUNK_HEADER ((sizeof(chunk) + ALIGNMENT - 1) & ~(ALIGNMENT - 1))

static size_t rounded(size_t size) { return (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1); }

static void enter(millrace_arena *arena, chunk *entered) {
    arena->current = entered;
    arena->next = (char *)entered + CHUNK_HEADER;
    arena->end = arena->next + entered->size;
}

/* Goes on to a chunk with so much room. */
static void next_chunk(millrace_arena *arena, size_t size) {
    chunk **link = arena->current == NULL ? &arena->first : &arena->current->next;
    for (; *link != NULL; link = &(*link)->next) {
        if ((*link)->size >= size) {
            enter(arena, *link);
            return;
        }
    }
    /* Chunks grow, so that one of them soon has room for all that a call needs. */
    size_t room = arena->size / 2 > CHUNK_SIZE_MIN ? rounded(arena->size / 2) : CHUNK_SIZE_MIN;
    if (room < size) {
        room = size;
    }
    chunk *made = aligned_alloc(ALIGNMENT, CHUNK_HEADER + room);
    if (made == NULL) {
        millrace_fail("out of memory: %zu bytes more than %zu", room, arena->size);
    }
    made->next = NULL;
    made->size = room;
    *link = made;
    arena->size += room;
    enter(arena, made);
}

void *millrace_alloc(millrace_arena *arena, size_t size) {
    if (size > SIZE_MAX / 2) {
        millrace_fail("out of memory: %zu bytes", size);
    }
    /* Never the same memory twice, even for nothing. */
    size = rounded(size == 0 ? 1 : size);
    if (size > (size_t)(arena->end - arena->next)) {
        next_chunk(arena, size);
    }
    void *memory = arena->next;
    arena->next += size;
    return memory;
}

void *millrace_alloc_array(millrace_arena *arena, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / 2 / size) {
        millrace_fail("out of memory: %zu times %zu bytes", count, size);
    }
    return millrace_alloc(arena, count * size);
}

void *millrace_alloc_zeroed(millrace_arena *arena, size_t count, size_t size) {
    void *memory = millrace_alloc_array(arena, count, size);
    memset(memory, 0, count * size);
    return memory;
}

void *mr_arena_grow(millrace_arena *arena, void *old, size_t old_size, size_t size) {
    if (old != NULL && size <= SIZE_MAX / 2) {
        char *end = (char *)old + rounded(old_size == 0 ? 1 : old_size);
        size_t more = rounded(size) - (size_t)(end - (char *)old);
        if (rounded(size) <= (size_t)(end - (char *)old)) {
            return old;
        }
        if (end == arena->next && more <= (size_t)(arena->end - arena->next)) {
            arena->next += more;
            return old;
        }
    }
    void *memory = millrace_alloc(arena, size);
    if (old_size > 0) {
        memcpy(memory, old, old_size < size ? old_size : size);
    }
    return memory;
}

void mr_arena_reset(millrace_arena *arena) {
    if (arena->first != NULL) {
        enter(arena, arena->first);
    }
}

void mr_arena_free(millrace_arena *arena) {
    for (chunk *at = arena->first; at != NULL;) {
        chunk *next = at->next;
        free(at);
        at = next;
    }
    *arena = (millrace_arena){ 0 };
}

const char *millrace_format(millrace_arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *text = mr_format_text(arena, format, arguments);
    va_end(arguments);
    return text;
}

const char *mr_format_text(millrace_arena *arena, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0) {
        return format;
    }
    size_t size = (size_t)length + 1;
    char *text = millrace_alloc(arena, size);
    vsnprintf(text, size, format, arguments);
    return text;
}

const char *millrace_copy(millrace_arena *arena, millrace_text text) {
    char *copy = millrace_alloc(arena, text.length + 1);
    if (text.length > 0) {
        memcpy(copy, text.bytes, text.length);
    }
    copy[text.length] = '\0';
    return copy;
}

int millrace_text_compare(millrace_text a, millrace_text b) {
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
    if (order != 0) {
        return order;
    }
    return (a.length > b.length) - (a.length < b.length);
}
