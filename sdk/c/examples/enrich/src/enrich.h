/* Derived columns: each derivation takes its columns of a batch and makes new ones. */
#ifndef ENRICH_H
#define ENRICH_H

#include <millrace/transform.h>

#include "codes.h"

/* Multiplies amounts with the rate of their currency. */
typedef struct amount {
    size_t amount; /* places among the columns that are read */
    size_t currency;
    const char *currency_name; /* for a refusal */
    millrace_text base;
    codes codes;
    double *rates; /* by the place of a currency: how much of the base one unit is worth; 0: none */
} amount;

typedef enum derivation_kind { DERIVE_CODE, DERIVE_TIME, DERIVE_MASK } derivation_kind;

/* One section of the configuration, but for `amount`. */
typedef struct derivation {
    derivation_kind kind;
    size_t column;      /* its place among the columns that are read */
    codes codes;        /* of DERIVE_CODE */
    int64_t offset_us;  /* of DERIVE_TIME: from UTC */
    uint64_t keep_last; /* of DERIVE_MASK: how many characters stay */
} derivation;

typedef struct plan {
    bool has_amount;
    amount amount;
    derivation *derivations;
    size_t count;
    size_t column_count; /* how many columns are added */
} plan;

/* The rows that are left. */
typedef struct rows {
    uint32_t *rows;
    size_t count;
} rows;

/* Reads the configuration; mistakes are noted. */
plan plan_configure(millrace_start *start);

/* The amounts of all rows, less those that are refused because there is no rate. */
millrace_column amount_derive(
    const amount *amount, const millrace_batch *batch, rows *rows, millrace_output *out
);

/* Adds the columns of a derivation at `columns`, and returns how many they are. */
size_t derivation_derive(
    const derivation *derivation, const millrace_batch *batch, const rows *rows,
    millrace_column *columns
);

#endif
