/* Numbers as text. */
#ifndef MILLRACE_SRC_NUMBER_H
#define MILLRACE_SRC_NUMBER_H

#include "millrace/json.h"

/*
 * The double nearest to a number in JSON's grammar. `digits` are its digits without the point, as
 * long as they fit, and `exponent` says where the point is; `exact` is false if they don't fit.
 */
double mr_number_value(
    millrace_text source, bool negative, bool exact, uint64_t digits, int64_t exponent
);

#endif
