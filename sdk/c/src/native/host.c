/* What the host does for a component, natively. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "millrace/clock.h"
#include "millrace/log.h"
#include "millrace/metrics.h"
#include "millrace/random.h"

static void print_line(const char *prefix, const char *format, va_list arguments) {
    fputs(prefix, stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void millrace_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("the plugin failed: ", format, arguments);
    va_end(arguments);
    abort();
}

#define LEVEL(name, prefix)                                                                        \
    void name(const char *format, ...) {                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        print_line(prefix, format, arguments);                                                     \
        va_end(arguments);                                                                         \
    }

LEVEL(millrace_log_debug, "debug ")
LEVEL(millrace_log_info, "info ")
LEVEL(millrace_log_warn, "warn ")
LEVEL(millrace_log_error, "error ")

void millrace_count(const char *name, uint64_t amount) {
    fprintf(stderr, "count %s %llu\n", name, (unsigned long long)amount);
}

void millrace_gauge(const char *name, double value) {
    fprintf(stderr, "gauge %s %g\n", name, value);
}

int64_t millrace_now(void) {
    struct timespec now = { 0 };
    timespec_get(&now, TIME_UTC);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* SplitMix64, by Sebastiano Vigna: good enough for a test. */
uint64_t millrace_random(void) {
    static uint64_t state;
    if (state == 0) {
        state = (uint64_t)millrace_now();
    }
    state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t number = (state ^ state >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    number = (number ^ number >> 27) * UINT64_C(0x94D049BB133111EB);
    return number ^ number >> 31;
}

void millrace_random_bytes(void *bytes, size_t length) {
    if (length > 65536) {
        millrace_fail("%zu random bytes at once: at most 65,536", length);
    }
    uint8_t *out = bytes;
    for (size_t at = 0; at < length; at++) {
        out[at] = (uint8_t)millrace_random();
    }
}
