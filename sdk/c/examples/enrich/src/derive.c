/* Codes, the parts of a time, and masked text. */

#include "enrich.h"

#define US_PER_HOUR INT64_C(3600000000)
#define US_PER_DAY (24 * US_PER_HOUR)
/* 1970-01-01 was a Thursday, three days after a Monday. */
#define EPOCH_WEEKDAY 3

/* The codes of a column of text; null where there is none. */
static millrace_column derive_codes(
    const derivation *derivation, const millrace_batch *batch, const rows *rows
) {
    const millrace_column *texts = &batch->columns[derivation->column];
    const codes *codes = &derivation->codes;
    millrace_text *found = MILLRACE_ARRAY(batch->arena, millrace_text, rows->count);
    for (size_t at = 0; at < rows->count; at++) {
        uint32_t row = rows->rows[at];
        size_t code = codes->count;
        if (millrace_is_valid(texts, row)) {
            code = codes_find(codes, batch->arena, millrace_text_at(texts, row));
        }
        found[at] = code < codes->count ? codes->codes[code] : (millrace_text){ NULL, 0 };
    }
    return millrace_column_of_texts(batch->arena, found, rows->count);
}

/* What is left of a division that rounds down. */
static int64_t modulo(int64_t number, int64_t divisor) {
    int64_t left = number % divisor;
    return left < 0 ? left + divisor : left;
}

/* Hours 0 to 23, and weekdays from 1 = Monday to 7 = Sunday. */
static void derive_time(
    const derivation *derivation, const millrace_batch *batch, const rows *rows,
    millrace_column *columns
) {
    const millrace_column *column = &batch->columns[derivation->column];
    const int64_t *times = millrace_int64s(column);
    int32_t *hours = MILLRACE_ARRAY(batch->arena, int32_t, rows->count);
    int32_t *weekdays = MILLRACE_ARRAY(batch->arena, int32_t, rows->count);
    bool *valid = MILLRACE_ARRAY(batch->arena, bool, rows->count);
    for (size_t at = 0; at < rows->count; at++) {
        uint32_t row = rows->rows[at];
        int64_t us = times[row];
        if (__builtin_add_overflow(us, derivation->offset_us, &us)) {
            us = derivation->offset_us < 0 ? INT64_MIN : INT64_MAX;
        }
        int64_t within_day = modulo(us, US_PER_DAY);
        /* So many days are an exact number of microseconds, but may lie below the least one. */
        int64_t day = us / US_PER_DAY - (us % US_PER_DAY < 0);
        hours[at] = (int32_t)(within_day / US_PER_HOUR);
        weekdays[at] = (int32_t)modulo(day + EPOCH_WEEKDAY, 7) + 1;
        valid[at] = millrace_is_valid(column, row);
    }
    columns[0] = millrace_column_of_int32s(batch->arena, hours, valid, rows->count);
    columns[1] = millrace_column_of_int32s(batch->arena, weekdays, valid, rows->count);
}

static bool begins_character(char byte) { return ((unsigned char)byte & 0xC0) != 0x80; }

/* A text with stars for all but its last characters. */
static millrace_text masked(millrace_arena *arena, millrace_text text, uint64_t keep_last) {
    size_t shown_from = text.length;
    for (uint64_t kept = 0; kept < keep_last && shown_from > 0; kept++) {
        do {
            shown_from--;
        } while (!begins_character(text.bytes[shown_from]));
    }
    size_t hidden = 0;
    for (size_t at = 0; at < shown_from; at++) {
        hidden += begins_character(text.bytes[at]);
    }
    if (hidden == 0) {
        return text;
    }
    size_t shown = text.length - shown_from;
    char *bytes = millrace_alloc(arena, hidden + shown);
    memset(bytes, '*', hidden);
    memcpy(bytes + hidden, text.bytes + shown_from, shown);
    return (millrace_text){ bytes, hidden + shown };
}

static millrace_column derive_mask(
    const derivation *derivation, const millrace_batch *batch, const rows *rows
) {
    const millrace_column *texts = &batch->columns[derivation->column];
    millrace_text *all = MILLRACE_ARRAY(batch->arena, millrace_text, rows->count);
    for (size_t at = 0; at < rows->count; at++) {
        uint32_t row = rows->rows[at];
        all[at] = (millrace_text){ NULL, 0 };
        if (millrace_is_valid(texts, row)) {
            all[at] = masked(batch->arena, millrace_text_at(texts, row), derivation->keep_last);
        }
    }
    return millrace_column_of_texts(batch->arena, all, rows->count);
}

size_t derivation_derive(
    const derivation *derivation, const millrace_batch *batch, const rows *rows,
    millrace_column *columns
) {
    switch (derivation->kind) {
    case DERIVE_CODE:
        columns[0] = derive_codes(derivation, batch, rows);
        return 1;
    case DERIVE_TIME:
        derive_time(derivation, batch, rows, columns);
        return 2;
    case DERIVE_MASK:
        columns[0] = derive_mask(derivation, batch, rows);
        return 1;
    }
    return 0;
}
