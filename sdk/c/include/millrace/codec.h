/* States as bytes: what is no struct of a fixed size is written and read piece by piece. */
#ifndef MILLRACE_CODEC_H
#define MILLRACE_CODEC_H

#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that grow. `{.arena = arena}` is an empty one. */
typedef struct millrace_writer {
    millrace_arena *arena;
    uint8_t *bytes;
    size_t length;
    size_t capacity_;
} millrace_writer;

/* Bytes as they are, with nothing to say how many. */
void millrace_write(millrace_writer *writer, const void *bytes, size_t length);

/* Seven bits in each byte, so that small numbers are short. */
void millrace_write_uint(millrace_writer *writer, uint64_t number);

/* Likewise, numbers near 0 are short. */
void millrace_write_int(millrace_writer *writer, int64_t number);

void millrace_write_double(millrace_writer *writer, double number);

/* The length, then the bytes. */
void millrace_write_bytes(millrace_writer *writer, millrace_bytes bytes);
void millrace_write_text(millrace_writer *writer, millrace_text text);

/* What was written so far. */
millrace_bytes millrace_written(const millrace_writer *writer);

/* Bytes that are read from the front. Reading beyond the end, or what was written otherwise, gives
 * zeros and sets `failed`: it is enough to look at it once, at the end. */
typedef struct millrace_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
} millrace_reader;

millrace_reader millrace_read_from(millrace_bytes bytes);

/* Whether something is left. */
static inline bool millrace_read_more(const millrace_reader *reader) {
    return reader->at < reader->end;
}

/* The next `length` bytes, without a copy. */
millrace_bytes millrace_read(millrace_reader *reader, size_t length);
uint64_t millrace_read_uint(millrace_reader *reader);
int64_t millrace_read_int(millrace_reader *reader);
double millrace_read_double(millrace_reader *reader);
millrace_bytes millrace_read_bytes(millrace_reader *reader);
millrace_text millrace_read_text(millrace_reader *reader);

#ifdef __cplusplus
}
#endif
#endif
