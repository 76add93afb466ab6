/* One rule, and which rows it matches. */
#ifndef RULE_H
#define RULE_H

#include <millrace/transform.h>

#include "rows.h"
#include "words.h"

/* Where a row goes that a rule matches. */
typedef enum outcome { OUTCOME_FRAUD, OUTCOME_REVIEW } outcome;

typedef enum test {
    TEST_OVER,   /* a number above this one */
    TEST_UNDER,  /* a number below this one */
    TEST_HOURS,  /* an hour whose bit is set */
    TEST_ONE_OF, /* a text in the set */
    TEST_NONE_OF /* a text that is not in it */
} test;

/* A test of one column. Null passes none. */
typedef struct condition {
    size_t column; /* its place among those that the plugin reads */
    test test;
    double limit;
    uint32_t hours;
    words words;
} condition;

/* At most one condition for each key of a rule. */
#define CONDITIONS_MAX 9

/* Matches a row if all of its conditions hold. */
typedef struct rule {
    const char *name;
    outcome outcome;
    const char *reason;
    condition conditions[CONDITIONS_MAX];
    size_t condition_count;
} rule;

/* The rules, in the order in which they are asked. */
typedef struct rules {
    rule *rules;
    size_t count;
} rules;

/* Reads the configuration; mistakes are noted. */
rules rules_configure(millrace_start *start);

/* Keeps those of `rows` that a rule matches. */
void rule_keep_matching(const rule *rule, const millrace_batch *batch, rows *rows);

#endif
