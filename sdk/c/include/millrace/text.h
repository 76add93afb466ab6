/* Text, bytes, the memory of a call, and how a call says that it failed. */
#ifndef MILLRACE_TEXT_H
#define MILLRACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MILLRACE_PRINTF(format, first) __attribute__((__format__(__printf__, format, first)))
#else
#define MILLRACE_PRINTF(format, first)
#endif

/* UTF-8 of a known length, not ended by a zero byte. `bytes` is NULL for a null. */
typedef struct millrace_text {
    const char *bytes;
    size_t length;
} millrace_text;

/* Bytes of a known length. `bytes` is NULL for a null. */
typedef struct millrace_bytes {
    const uint8_t *bytes;
    size_t length;
} millrace_bytes;

/* Unscaled decimals, and sums that must not overflow. */
#if defined(__GNUC__)
__extension__ typedef __int128 millrace_int128;
#endif

/*
 * How a function ended: MILLRACE_OK, or the text that says why it failed. The text must live as
 * long as the call: a literal, or what millrace_format made in the call's arena.
 */
typedef const char *millrace_status;
#define MILLRACE_OK ((millrace_status)0)

/*
 * Memory that is given back all at once, so that nobody frees anything. The one that comes with a
 * batch lives until the call's results are with the host; the one that comes with `start` lives as
 * long as the plugin.
 */
typedef struct millrace_arena millrace_arena;

/* Memory for `size` bytes, aligned for any type and not set to anything. It is never NULL: a plugin
 * that runs out of memory ends in millrace_fail. */
void *millrace_alloc(millrace_arena *arena, size_t size);

/* Memory for `count` values of `size` bytes each, set to zero. */
void *millrace_alloc_zeroed(millrace_arena *arena, size_t count, size_t size);

/* Memory for `count` values of `size` bytes each, not set to anything. */
void *millrace_alloc_array(millrace_arena *arena, size_t count, size_t size);

/* An array of `count` values of a type, not set to anything. */
#define MILLRACE_ARRAY(arena, type, count)                                                         \
    ((type *)millrace_alloc_array((arena), (count), sizeof(type)))

/* One value of a type, set to zero. */
#define MILLRACE_NEW(arena, type) ((type *)millrace_alloc_zeroed((arena), 1, sizeof(type)))

/* A text that ends in a zero byte, made as printf makes it. */
const char *millrace_format(millrace_arena *arena, const char *format, ...) MILLRACE_PRINTF(2, 3);

/* A number in as few digits as name it, without an exponent: 0.1, 10000, NaN, -inf. */
const char *millrace_double_text(millrace_arena *arena, double number);

/* A copy that ends in a zero byte. */
const char *millrace_copy(millrace_arena *arena, millrace_text text);

/* The text up to the zero byte; a null for NULL. */
static inline millrace_text millrace_text_of(const char *text) {
    millrace_text all = { text, text == NULL ? 0 : strlen(text) };
    return all;
}

/* The bytes of a text. */
static inline millrace_bytes millrace_bytes_of(millrace_text text) {
    millrace_bytes bytes = { (const uint8_t *)text.bytes, text.length };
    return bytes;
}

/* Whether two texts are the same bytes. */
static inline bool millrace_text_equal(millrace_text a, millrace_text b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

/* Whether a text is this one, which ends in a zero byte. */
static inline bool millrace_text_is(millrace_text text, const char *other) {
    return millrace_text_equal(text, millrace_text_of(other));
}

/* Below, at or above 0 as `a` comes before `b`, is `b` or comes after it, by their bytes. */
int millrace_text_compare(millrace_text a, millrace_text b);

/*
 * Ends the plugin at once, with a text that becomes part of the failure which the host reports. It
 * is for what can't happen: the host then halves the batch until it has found the row at fault.
 * Refuse a row by millrace_row_error, and fail a call by returning a status.
 */
#if defined(__GNUC__)
__attribute__((__noreturn__))
#endif
void millrace_fail(const char *format, ...) MILLRACE_PRINTF(1, 2);

#ifdef __cplusplus
}
#endif
#endif
