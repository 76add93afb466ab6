/*
 * Numbers for the operator of the pipeline; the step needs `grant = ["metrics"]`. In a native build
 * they go to standard error.
 *
 * What a call notes counts once the call has succeeded. A name has 1 to 64 of a-z, 0-9 and _, and
 * begins with a letter; a plugin has at most 64 of them. Each call crosses the boundary: add up
 * first, and call once a batch.
 */
#ifndef MILLRACE_METRICS_H
#define MILLRACE_METRICS_H

#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds to the counter of this name. */
void millrace_count(const char *name, uint64_t amount);

/* Sets the gauge of this name. */
void millrace_gauge(const char *name, double value);

#ifdef __cplusplus
}
#endif
#endif
