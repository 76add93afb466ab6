/* Sets of rows, 64 to a word: a test of a column goes through it without a branch per row. */
#ifndef ROWS_H
#define ROWS_H

#include <millrace/text.h>

#define WORD_BITS 64

/* Some of the rows of a batch. */
typedef struct rows {
    uint64_t *words;
    size_t count; /* rows of the batch */
} rows;

static inline size_t rows_words(const rows *rows) {
    return (rows->count + WORD_BITS - 1) / WORD_BITS;
}

/* All rows. */
rows rows_all(millrace_arena *arena, size_t count);

/* A copy that may be changed. */
rows rows_copy(millrace_arena *arena, const rows *rows);

/* Takes the rows of `others` out. */
void rows_remove(rows *rows, const struct rows *others);

/* Writes the numbers of the rows, growing, to `numbers`, which has room for all of the batch.
 * Returns how many they are. */
size_t rows_numbers(const rows *rows, uint32_t *numbers);

/* Keeps the rows whose number is above the limit, or below it. */
void rows_keep_over(rows *rows, const double *numbers, double limit);
void rows_keep_under(rows *rows, const double *numbers, double limit);

/* What a test by row gets: whatever it needs, and the number of the row. */
typedef bool (*row_test)(const void *context, size_t row);

/* Keeps the rows that pass a test. It is inline, so that the test is, too. */
static inline void rows_keep(rows *rows, row_test test, const void *context) {
    for (size_t at = 0; at < rows_words(rows); at++) {
        uint64_t kept = 0;
        for (uint64_t left = rows->words[at]; left != 0; left &= left - 1) {
            size_t bit = (size_t)__builtin_ctzll(left);
            kept |= (uint64_t)test(context, at * WORD_BITS + bit) << bit;
        }
        rows->words[at] = kept;
    }
}

#endif
