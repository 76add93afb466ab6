#include "window.h"

#include <math.h>

#define PLACES 18446744073709551616.0
/* Whole numbers below this one fit 63 bits. */
#define WHOLE_END 9223372036854775808.0
/* Whole numbers below this one, and numbers of 64 binary places whose last 11 are 0, are doubles. */
#define EXACT_END (UINT64_C(1) << 53)
#define INEXACT_PLACES UINT64_C(0x7FF)

static fixed negated(fixed number) {
    return (fixed){ 0 - number.low, ~number.high + (number.low == 0 ? 1 : 0) };
}

/* The number nearest to `value` within +-9.2e18; what is no number counts as 0. */
static fixed fixed_of(double value) {
    double magnitude = fabs(value);
    if (magnitude < WHOLE_END) {
        uint64_t whole = (uint64_t)magnitude;
        fixed number = { (uint64_t)((magnitude - (double)whole) * PLACES), whole };
        return value < 0 ? negated(number) : number;
    }
    if (magnitude >= WHOLE_END) {
        fixed least = { 0, (uint64_t)INT64_MAX + 1 };
        fixed most = { UINT64_MAX, (uint64_t)INT64_MAX };
        return value < 0 ? least : most;
    }
    return (fixed){ 0, 0 };
}

double fixed_value(fixed number) {
    if (number.high < EXACT_END && (number.low & INEXACT_PLACES) == 0) {
        /* Both parts are exact, so that only their sum is rounded. */
        return (double)number.high + (double)number.low / PLACES;
    }
    __extension__ __int128 whole = (__int128)((unsigned __int128)number.high << 64 | number.low);
    return (double)whole / PLACES;
}

static fixed fixed_plus(fixed a, fixed b) {
    uint64_t low = a.low + b.low;
    return (fixed){ low, a.high + b.high + (low < a.low ? 1 : 0) };
}

static fixed fixed_minus(fixed a, fixed b) {
    return (fixed){ a.low - b.low, a.high - b.high - (a.low < b.low ? 1 : 0) };
}

static void forget(window *window, int64_t oldest) {
    while (window->first < window->end && window->entries[window->first].time < oldest) {
        const window_entry *entry = &window->entries[window->first++];
        window->count -= entry->count;
        window->sum = fixed_minus(window->sum, entry->sum);
    }
    /* Entries move to the front when as many have left, so that moving costs no more than adding. */
    if (window->first > 0 && window->first * 2 >= window->end) {
        uint32_t left = window->end - window->first;
        memmove(window->entries, window->entries + window->first, left * sizeof(window_entry));
        window->first = 0;
        window->end = left;
    }
}

static size_t window_size(const millrace_keyed_batch *batch) {
    size_t stored = millrace_state(batch).length;
    return stored < sizeof(window) ? sizeof(window) : stored;
}

const window *window_add(millrace_keyed_batch *batch, int64_t oldest, int64_t time, double amount) {
    window *window = millrace_edit_state(batch, window_size(batch));
    forget(window, oldest);
    fixed fixed = fixed_of(amount);
    window->count += 1;
    window->sum = fixed_plus(window->sum, fixed);
    window_entry *last = window->end == 0 ? NULL : &window->entries[window->end - 1];
    if (last != NULL && window->end > window->first && last->time == time) {
        last->count += 1;
        last->sum = fixed_plus(last->sum, fixed);
        return window;
    }
    window->end += 1;
    window = millrace_edit_state(batch, sizeof *window + window->end * sizeof(window_entry));
    window->entries[window->end - 1] = (window_entry){ time, 1, fixed };
    return window;
}
