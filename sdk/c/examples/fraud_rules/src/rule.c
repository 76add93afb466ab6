#include "rule.h"

static bool is_valid(const void *context, size_t row) { return millrace_is_valid(context, row); }

/* A column that is tested value by value. */
typedef struct tested {
    const condition *condition;
    const millrace_column *column;
    const double *numbers;
} tested;

static bool is_hour(const void *context, size_t row) {
    const tested *tested = context;
    double number = tested->numbers[row];
    return number >= 0 && number < 24 && (tested->condition->hours >> (uint32_t)number & 1) == 1;
}

static bool is_one_of(const void *context, size_t row) {
    const tested *tested = context;
    return words_contain(&tested->condition->words, millrace_text_at(tested->column, row));
}

static bool is_none_of(const void *context, size_t row) { return !is_one_of(context, row); }

static void keep(const condition *condition, const millrace_batch *batch, rows *rows) {
    const millrace_column *column = &batch->columns[condition->column];
    tested tested = { .condition = condition, .column = column };
    if (column->null_count > 0) {
        rows_keep(rows, is_valid, column);
    }
    switch (condition->test) {
    case TEST_OVER:
        rows_keep_over(rows, millrace_numbers(batch->arena, column), condition->limit);
        break;
    case TEST_UNDER:
        rows_keep_under(rows, millrace_numbers(batch->arena, column), condition->limit);
        break;
    case TEST_HOURS:
        tested.numbers = millrace_numbers(batch->arena, column);
        rows_keep(rows, is_hour, &tested);
        break;
    case TEST_ONE_OF:
        rows_keep(rows, is_one_of, &tested);
        break;
    case TEST_NONE_OF:
        rows_keep(rows, is_none_of, &tested);
        break;
    }
}

void rule_keep_matching(const rule *rule, const millrace_batch *batch, rows *rows) {
    for (size_t at = 0; at < rule->condition_count; at++) {
        keep(&rule->conditions[at], batch, rows);
    }
}
