#include "rule.h"

/*
 * Every test goes over the rows that are left, one column after the other. A row is always written
 * and counted only if it passes: so there is no branch to be guessed wrong.
 */
#define KEEP(condition)                                                                            \
    for (size_t at = 0; at < count; at++) {                                                        \
        uint32_t row = rows[at];                                                                   \
        kept[left] = row;                                                                          \
        left += (condition) ? 1 : 0;                                                               \
    }

static size_t keep_valid(
    const millrace_column *column, const uint32_t *rows, size_t count, uint32_t *kept
) {
    size_t left = 0;
    KEEP(millrace_is_valid(column, row))
    return left;
}

static bool is_hour(double number, uint32_t hours) {
    return number >= 0 && number < 24 && (hours >> (uint32_t)number & 1) == 1;
}

static size_t keep_numbers(
    const condition *condition, const double *numbers, const uint32_t *rows, size_t count,
    uint32_t *kept
) {
    double limit = condition->limit;
    size_t left = 0;
    if (condition->test == TEST_OVER) {
        KEEP(numbers[row] > limit)
    } else if (condition->test == TEST_UNDER) {
        KEEP(numbers[row] < limit)
    } else {
        KEEP(is_hour(numbers[row], condition->hours))
    }
    return left;
}

static size_t keep_texts(
    const condition *condition, const millrace_column *column, const uint32_t *rows, size_t count,
    uint32_t *kept
) {
    bool wanted = condition->test == TEST_ONE_OF;
    size_t left = 0;
    KEEP(words_contain(&condition->words, millrace_text_at(column, row)) == wanted)
    return left;
}

size_t rule_match(
    const rule *rule, const millrace_batch *batch, const uint32_t *open, size_t open_count,
    uint32_t *matching
) {
    const uint32_t *rows = open;
    size_t count = open_count;
    for (size_t at = 0; at < rule->condition_count && count > 0; at++) {
        const condition *condition = &rule->conditions[at];
        const millrace_column *column = &batch->columns[condition->column];
        if (column->null_count > 0) {
            count = keep_valid(column, rows, count, matching);
            rows = matching;
        }
        if (condition->test == TEST_ONE_OF || condition->test == TEST_NONE_OF) {
            count = keep_texts(condition, column, rows, count, matching);
        } else {
            const double *numbers = millrace_numbers(batch->arena, column);
            count = keep_numbers(condition, numbers, rows, count, matching);
        }
        rows = matching;
    }
    return count;
}
