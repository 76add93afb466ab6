/* The rows of a key that are not older than the window. */
#ifndef WINDOW_H
#define WINDOW_H

#include <millrace/keyed.h>

/*
 * A number with 64 binary places. A running sum of floating-point numbers would keep the rounding
 * errors of rows that have left; these come and go without a trace, in any order. Sums that overflow
 * on the way come back as the numbers that made them leave.
 */
typedef struct fixed {
    uint64_t low;
    uint64_t high;
} fixed;

/* Rows of one time. */
typedef struct window_entry {
    int64_t time;
    uint64_t count;
    fixed sum;
} window_entry;

/*
 * What is remembered of a key. Rows of one time are one entry, so that it grows with the distinct
 * times in the window and not with its rows.
 */
typedef struct window {
    uint64_t count;
    fixed sum;
    uint32_t first; /* entries before this one have left */
    uint32_t end;
    window_entry entries[];
} window;

/* Takes in a row of the current key: what is older than `oldest` leaves. Times never go back. The
 * window is valid until the next row. */
const window *window_add(millrace_keyed_batch *batch, int64_t oldest, int64_t time, double amount);

/* The number nearest to a sum. */
double fixed_value(fixed number);

#endif
