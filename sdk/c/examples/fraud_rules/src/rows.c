#include "rows.h"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

rows rows_all(millrace_arena *arena, size_t count) {
    rows rows = { NULL, count };
    size_t words = rows_words(&rows);
    rows.words = MILLRACE_ARRAY(arena, uint64_t, words);
    memset(rows.words, 0xFF, words * sizeof(uint64_t));
    if (count % WORD_BITS != 0) {
        rows.words[words - 1] = (UINT64_C(1) << count % WORD_BITS) - 1;
    }
    return rows;
}

rows rows_copy(millrace_arena *arena, const rows *rows) {
    size_t words = rows_words(rows);
    struct rows copy = { MILLRACE_ARRAY(arena, uint64_t, words), rows->count };
    if (words > 0) {
        memcpy(copy.words, rows->words, words * sizeof(uint64_t));
    }
    return copy;
}

void rows_remove(rows *rows, const struct rows *others) {
    for (size_t at = 0; at < rows_words(rows); at++) {
        rows->words[at] &= ~others->words[at];
    }
}

size_t rows_numbers(const rows *rows, uint32_t *numbers) {
    size_t count = 0;
    for (size_t at = 0; at < rows_words(rows); at++) {
        uint32_t first = (uint32_t)(at * WORD_BITS);
        uint64_t left = rows->words[at];
        if (left == UINT64_MAX) {
            for (uint32_t bit = 0; bit < WORD_BITS; bit++) {
                numbers[count + bit] = first + bit;
            }
            count += WORD_BITS;
            continue;
        }
        for (; left != 0; left &= left - 1) {
            numbers[count++] = first + (uint32_t)__builtin_ctzll(left);
        }
    }
    return count;
}

static inline bool passes(double number, double limit, bool over) {
    return over ? number > limit : number < limit;
}

/* Which of 64 numbers are above a limit, or below it: bit i says so of number i. */
static inline uint64_t test_64(const double *numbers, double limit, bool over) {
    uint64_t passing = 0;
#if defined(__wasm_simd128__)
    v128_t limits = wasm_f64x2_splat(limit);
    for (size_t at = 0; at < WORD_BITS; at += 2) {
        v128_t two = wasm_v128_load(numbers + at);
        v128_t pass = over ? wasm_f64x2_gt(two, limits) : wasm_f64x2_lt(two, limits);
        passing |= (uint64_t)wasm_i64x2_bitmask(pass) << at;
    }
#else
    for (size_t at = 0; at < WORD_BITS; at++) {
        passing |= (uint64_t)passes(numbers[at], limit, over) << at;
    }
#endif
    return passing;
}

static inline void keep(rows *rows, const double *numbers, double limit, bool over) {
    for (size_t at = 0; at < rows_words(rows); at++) {
        size_t first = at * WORD_BITS;
        if (rows->words[at] == 0) {
            continue;
        }
        uint64_t passing = 0;
        if (rows->count - first >= WORD_BITS) {
            passing = test_64(numbers + first, limit, over);
        } else {
            for (size_t row = first; row < rows->count; row++) {
                passing |= (uint64_t)passes(numbers[row], limit, over) << (row - first);
            }
        }
        rows->words[at] &= passing;
    }
}

void rows_keep_over(rows *rows, const double *numbers, double limit) {
    keep(rows, numbers, limit, true);
}

void rows_keep_under(rows *rows, const double *numbers, double limit) {
    keep(rows, numbers, limit, false);
}
