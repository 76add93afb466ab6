#include "utf8.h"

/* Which second bytes a first byte of a longer character may have. */
static bool fits_second(uint8_t first, uint8_t second) {
    switch (first) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return (second & 0xC0) == 0x80;
    }
}

/* Bytes of the character that begins so, or 0 if none does. */
static size_t width_of(uint8_t first) {
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return 2;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        return 3;
    }
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

static const char *invalid(millrace_arena *arena, size_t length, size_t at) {
    return millrace_format(arena, "invalid utf-8 sequence of %zu bytes from index %zu", length, at);
}

const char *utf8_error(millrace_arena *arena, millrace_bytes bytes) {
    const uint64_t highs = UINT64_C(0x8080808080808080);
    size_t at = 0;
    while (at < bytes.length) {
        uint64_t eight = 0;
        if (bytes.length - at >= 8) {
            memcpy(&eight, bytes.bytes + at, 8);
            if ((eight & highs) == 0) {
                at += 8;
                continue;
            }
        }
        uint8_t first = bytes.bytes[at];
        size_t width = width_of(first);
        if (width == 0) {
            return invalid(arena, 1, at);
        }
        for (size_t next = 1; next < width; next++) {
            if (at + next == bytes.length) {
                return millrace_format(arena, "incomplete utf-8 byte sequence from index %zu", at);
            }
            uint8_t byte = bytes.bytes[at + next];
            if (next == 1 ? !fits_second(first, byte) : (byte & 0xC0) != 0x80) {
                return invalid(arena, next, at);
            }
        }
        at += width;
    }
    return NULL;
}
