/* Decimals from the text of a number, without a detour through floating point. */
#ifndef DECIMAL_H
#define DECIMAL_H

#include <millrace/text.h>

typedef enum decimal_status {
    DECIMAL_OK,
    DECIMAL_NO_NUMBER,
    DECIMAL_TOO_LARGE, /* more digits before the point than precision and scale leave */
    DECIMAL_TOO_FINE   /* a digit other than 0 beyond the scale */
} decimal_status;

/* The number in `text`, in JSON's grammar, times 10 to the `scale`. */
decimal_status decimal_parse(
    millrace_text text, unsigned precision, unsigned scale, millrace_int128 *value
);

#endif
