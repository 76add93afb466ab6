#include "window.h"

#define PLACES 18446744073709551616.0
#define FIXED_END 170141183460469231731687303715884105728.0

static fixed fixed_from(millrace_int128 number) {
    return (fixed){(uint64_t)number, (uint64_t)(number >> 64)};
}

static millrace_int128 fixed_to(fixed number) {
    return (millrace_int128)number.high << 64 | number.low;
}

/* The number nearest to `value` within +-9.2e18; what is no number counts as 0. */
static fixed fixed_of(double value) {
    double scaled = value * PLACES;
    if (scaled >= FIXED_END) {
        return (fixed){UINT64_MAX, (uint64_t)INT64_MAX};
    }
    if (scaled < -FIXED_END) {
        return (fixed){0, (uint64_t)INT64_MAX + 1};
    }
    return fixed_from(scaled == scaled ? (millrace_int128)scaled : 0);
}

double fixed_value(fixed number) { return (double)fixed_to(number) / PLACES; }

static fixed fixed_plus(fixed a, fixed b) {
    uint64_t low = a.low + b.low;
    return (fixed){low, a.high + b.high + (low < a.low ? 1 : 0)};
}

static fixed fixed_minus(fixed a, fixed b) {
    return (fixed){a.low - b.low, a.high - b.high - (a.low < b.low ? 1 : 0)};
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
        memmove(
            window->entries, window->entries + window->first, left * sizeof(window_entry)
        );
        window->first = 0;
        window->end = left;
    }
}

const window *window_add(millrace_keyed_batch *batch, int64_t oldest, int64_t time, double amount) {
    size_t stored = millrace_state(batch).length;
    window *window = millrace_edit_state(batch, stored < sizeof *window ? sizeof *window : stored);
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
    window->entries[window->end - 1] = (window_entry){time, 1, fixed};
    return window;
}
