/* Copies of a few bytes. In a component, memcpy of a length that is not known beforehand is a call
 * to the host, which costs as much as copying a hundred bytes. */
#ifndef MILLRACE_SRC_COPY_H
#define MILLRACE_SRC_COPY_H

#include <stdint.h>
#include <string.h>

#define FEW_BYTES 512

/* As much as one instruction copies. */
typedef struct block {
    uint64_t words[2];
} block;

/* Keeps the compiler from turning a loop into the very call that it avoids. */
#define NO_CALL() __asm__ volatile("" ::: "memory")

/* Copies `length` bytes that do not overlap. */
static inline void copy_bytes(void *to, const void *from, size_t length) {
    uint8_t *out = to;
    const uint8_t *in = from;
    if (length > FEW_BYTES) {
        memcpy(to, from, length);
    } else if (length >= sizeof(block)) {
        block next;
        block last;
        memcpy(&last, in + length - sizeof last, sizeof last);
        for (size_t at = 0; at + sizeof next < length; at += sizeof next) {
            memcpy(&next, in + at, sizeof next);
            memcpy(out + at, &next, sizeof next);
            NO_CALL();
        }
        memcpy(out + length - sizeof last, &last, sizeof last);
    } else if (length >= 8) {
        uint64_t head;
        uint64_t tail;
        memcpy(&head, in, 8);
        memcpy(&tail, in + length - 8, 8);
        memcpy(out, &head, 8);
        memcpy(out + length - 8, &tail, 8);
    } else if (length >= 4) {
        uint32_t head;
        uint32_t tail;
        memcpy(&head, in, 4);
        memcpy(&tail, in + length - 4, 4);
        memcpy(out, &head, 4);
        memcpy(out + length - 4, &tail, 4);
    } else if (length > 0) {
        out[0] = in[0];
        out[length / 2] = in[length / 2];
        out[length - 1] = in[length - 1];
    }
}

/* Sets `length` bytes to zero. */
static inline void zero_bytes(void *to, size_t length) {
    uint8_t *out = to;
    const uint64_t zero = 0;
    if (length > FEW_BYTES || length < 8) {
        memset(to, 0, length);
        return;
    }
    for (size_t at = 0; at + 8 < length; at += 8) {
        memcpy(out + at, &zero, 8);
        NO_CALL();
    }
    memcpy(out + length - 8, &zero, 8);
}

#endif
