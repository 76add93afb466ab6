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

/*
 * A place of 16 bytes. A single row of its time takes one. Several rows of one time take three: the
 * first has a NaN for its amount, behind it are how many rows they are, and their sum.
 */
typedef union slot {
    struct {
        int64_t time;
        double amount;
    } row;
    struct {
        uint64_t count;
        uint64_t unused;
    } rows;
    fixed sum;
} slot;

/*
 * What is remembered of a key. It grows with the distinct times in the window and not with its rows,
 * and is small, because it comes and goes with each batch.
 */
typedef struct window {
    uint64_t count;
    fixed sum;
    uint32_t first; /* slots before this one have left */
    uint32_t last;  /* where the rows of the last time begin */
    uint32_t end;
    uint32_t unused;
    slot slots[];
} window;

/* Takes in a row of the current key: what is older than `oldest` leaves. Times never go back. The
 * window is valid until the next row. */
const window *window_add(millrace_keyed_batch *batch, int64_t oldest, int64_t time, double amount);

/* The number nearest to a sum. */
double fixed_value(fixed number);

#endif
