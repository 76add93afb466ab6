/*
 * The time, for transform and keyed plugins; the step needs `grant = ["clock"]`. In a native build
 * it is the machine's.
 *
 * Output that depends on it may differ when a row comes again after a failure. Where the pipeline
 * says `deterministic`, it is the highest event time of the call.
 */
#ifndef MILLRACE_CLOCK_H
#define MILLRACE_CLOCK_H

#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Microseconds since 1970, UTC. */
int64_t millrace_now(void);

#ifdef __cplusplus
}
#endif
#endif
