/* Amounts in one currency. */

#include "enrich.h"

/* More of a text does not help to find the mistake. */
#define TEXT_CHARS_MAX 40

/* A text up to so many characters. */
static int shortened_length(millrace_text text) {
    size_t characters = 0;
    size_t at = 0;
    for (; at < text.length; at++) {
        bool begins = ((unsigned char)text.bytes[at] & 0xC0) != 0x80;
        if (begins && characters++ == TEXT_CHARS_MAX) {
            break;
        }
    }
    return (int)at;
}

static void refuse(
    const amount *amount, uint32_t row, millrace_text currency, millrace_output *out
) {
    int base_length = (int)amount->base.length;
    const char *base = amount->base.bytes;
    if (currency.bytes == NULL) {
        millrace_row_error_in(
            out, row, amount->currency_name, "no_rate",
            "the currency is null, so there is no rate to %.*s", base_length, base
        );
    } else {
        millrace_row_error_in(
            out, row, amount->currency_name, "no_rate", "there is no rate from `%.*s` to %.*s",
            shortened_length(currency), currency.bytes, base_length, base
        );
    }
}

/* The rate of a currency, or 0. */
static double rate_of(const amount *amount, millrace_arena *arena, millrace_text currency) {
    if (currency.bytes == NULL) {
        return 0;
    }
    size_t at = codes_find(&amount->codes, arena, currency);
    return at < amount->codes.count ? amount->rates[at] : 0;
}

millrace_column amount_derive(
    const amount *amount, const millrace_batch *batch, rows *rows, millrace_output *out
) {
    const millrace_column *column = &batch->columns[amount->amount];
    const millrace_column *currencies = &batch->columns[amount->currency];
    const double *numbers = millrace_numbers(batch->arena, column);
    double *amounts = MILLRACE_ARRAY(batch->arena, double, rows->count);
    bool *valid = MILLRACE_ARRAY(batch->arena, bool, rows->count);
    size_t left = 0;
    for (size_t at = 0; at < rows->count; at++) {
        uint32_t row = rows->rows[at];
        amounts[left] = 0;
        /* Nothing is nothing in any currency. */
        valid[left] = millrace_is_valid(column, row);
        if (valid[left]) {
            millrace_text currency = { NULL, 0 };
            if (millrace_is_valid(currencies, row)) {
                currency = millrace_text_at(currencies, row);
            }
            double rate = rate_of(amount, batch->arena, currency);
            if (rate == 0) {
                refuse(amount, row, currency, out);
                continue;
            }
            amounts[left] = numbers[row] * rate;
        }
        rows->rows[left++] = row;
    }
    rows->count = left;
    return millrace_column_of_doubles(batch->arena, amounts, valid, left);
}
