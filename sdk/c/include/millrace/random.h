/*
 * Random numbers, for transform and keyed plugins; the step needs `grant = ["random"]`.
 *
 * Output that depends on them may differ when a row comes again after a failure. Where the pipeline
 * says `deterministic`, they follow from its seed and from the rows of the call.
 */
#ifndef MILLRACE_RANDOM_H
#define MILLRACE_RANDOM_H

#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A random number, each of them as likely as any other. */
uint64_t millrace_random(void);

/* Fills `length` bytes, at most 65,536. More ends in a trap. */
void millrace_random_bytes(void *bytes, size_t length);

/* A random number from 0 to 1, which is not reached. */
static inline double millrace_random_fraction(void) {
    return (double)(millrace_random() >> 11) / (double)(UINT64_C(1) << 53);
}

#ifdef __cplusplus
}
#endif
#endif
