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

/* Whether several rows have the time of this slot, and not one. */
static bool is_several(const slot *slot) { return isnan(slot->row.amount); }

#define SEVERAL_SLOTS 3

static void forget(window *window, int64_t oldest) {
    while (window->first < window->end && window->slots[window->first].row.time < oldest) {
        const slot *slot = &window->slots[window->first];
        bool several = is_several(slot);
        window->count -= several ? slot[1].rows.count : 1;
        window->sum = fixed_minus(window->sum, several ? slot[2].sum : fixed_of(slot->row.amount));
        window->first += several ? SEVERAL_SLOTS : 1;
    }
    /* Slots move to the front when as many have left, so that moving costs no more than adding. */
    if (window->first > 0 && window->first * 2 >= window->end) {
        uint32_t left = window->end - window->first;
        memmove(window->slots, window->slots + window->first, left * sizeof(slot));
        window->last -= window->first;
        window->first = 0;
        window->end = left;
    }
}

/* Sets how many slots there are. */
static window *resize(millrace_keyed_batch *batch, uint32_t end) {
    window *window = millrace_edit_state(batch, sizeof *window + end * sizeof(slot));
    window->end = end;
    return window;
}

const window *window_add(millrace_keyed_batch *batch, int64_t oldest, int64_t time, double amount) {
    size_t length = millrace_state(batch).length;
    window *window = millrace_edit_state(batch, length < sizeof *window ? sizeof *window : length);
    fixed added = fixed_of(amount);
    forget(window, oldest);
    window->count += 1;
    window->sum = fixed_plus(window->sum, added);
    uint32_t place = window->last;
    if (window->first == window->end || window->slots[place].row.time != time) {
        place = window->end;
        window = resize(batch, place + 1);
        window->last = place;
        /* What is no number counts as 0, and would stand for several rows. */
        window->slots[place].row.time = time;
        window->slots[place].row.amount = isnan(amount) ? 0 : amount;
    } else if (is_several(&window->slots[place])) {
        window = resize(batch, window->end);
        window->slots[place + 1].rows.count += 1;
        window->slots[place + 2].sum = fixed_plus(window->slots[place + 2].sum, added);
    } else {
        window = resize(batch, place + SEVERAL_SLOTS);
        slot *several = &window->slots[place];
        several[1].rows.count = 2;
        several[2].sum = fixed_plus(fixed_of(several[0].row.amount), added);
        several[0].row.amount = (double)NAN;
    }
    return window;
}
