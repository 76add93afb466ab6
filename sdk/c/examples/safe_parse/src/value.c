/* What each kind of column accepts of JSON. */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "decimal.h"
#include "table.h"
#include "instant.h"

/* What belongs into a column, for a message. */
static const char *const expected[] = {
    [KIND_TEXT] = "a string",
    [KIND_BOOL] = "a boolean",
    [KIND_INT32] = "an integer",
    [KIND_INT64] = "an integer",
    [KIND_FLOAT64] = "a number",
    [KIND_DATE] = "a date as text",
    [KIND_TIMESTAMP] = "a timestamp as text",
    [KIND_EPOCH] = "a timestamp as a number",
};

static const char *number_text(millrace_arena *arena, const millrace_number *number) {
    switch (number->kind) {
    case MILLRACE_NUMBER_UINT:
        return millrace_format(arena, "integer `%" PRIu64 "`", number->uint_value);
    case MILLRACE_NUMBER_INT:
        return millrace_format(arena, "integer `%" PRId64 "`", number->int_value);
    case MILLRACE_NUMBER_DOUBLE:
        break;
    }
    const char *text = millrace_json_double_text(arena, number->double_value);
    return millrace_format(arena, "floating point `%s`", text);
}

const char *found_text(table *table, millrace_json_kind kind) {
    bool boolean = false;
    millrace_number number;
    millrace_text text;
    switch (kind) {
    case MILLRACE_JSON_NULL:
        return millrace_scan_null(&table->scanner) ? "null" : "";
    case MILLRACE_JSON_BOOLEAN:
        if (!millrace_scan_bool(&table->scanner, &boolean)) {
            return "";
        }
        return boolean ? "boolean `true`" : "boolean `false`";
    case MILLRACE_JSON_NUMBER:
        return millrace_scan_number(&table->scanner, &number) ? number_text(table->arena, &number)
                                                              : "";
    case MILLRACE_JSON_TEXT:
        return millrace_scan_text(&table->scanner, &text)
            ? millrace_format(table->arena, "string %s", quoted(table->arena, text))
            : "";
    case MILLRACE_JSON_LIST:
        return "sequence";
    case MILLRACE_JSON_OBJECT:
        break;
    }
    return "map";
}

/* Words a problem; always false. */
static bool told(problem *problem, const char *code, const char *message) {
    problem->code = code;
    problem->message = message;
    return false;
}

static bool wrong_type(
    table *table, const declared *declared, problem *problem, const char *found
) {
    const char *message = millrace_format(
        table->arena, "invalid type: %s, expected %s", found, expected[declared->kind]
    );
    return told(problem, "wrong_type", shortened(table->arena, millrace_text_of(message)));
}

static bool out_of_years(table *table, problem *problem, const char *value) {
    return told(
        problem, "out_of_range",
        millrace_format(
            table->arena, "%s lies outside of the years 1 to 9999; check the unit", value
        )
    );
}

static bool push_integer(
    table *table, const declared *declared, millrace_builder *column, int64_t value,
    problem *problem
) {
    int64_t us = 0;
    switch (declared->kind) {
    case KIND_INT32:
        if (value < INT32_MIN || value > INT32_MAX) {
            return told(
                problem, "out_of_range",
                millrace_format(table->arena, "%" PRId64 " does not fit int32", value)
            );
        }
        millrace_append_int(column, value);
        return true;
    case KIND_EPOCH:
        if (__builtin_mul_overflow(value, declared->unit_us, &us) || us < TIMESTAMP_US_MIN
            || us > TIMESTAMP_US_MAX) {
            return out_of_years(table, problem, millrace_format(table->arena, "%" PRId64, value));
        }
        millrace_append_int(column, us);
        return true;
    case KIND_FLOAT64:
        millrace_append_double(column, (double)value);
        return true;
    default:
        millrace_append_int(column, value);
        return true;
    }
}

/* A number with one digit before the point and an exponent, in as few digits as name it. */
static const char *scientific(millrace_arena *arena, double value) {
    char text[32];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    char *mark = strchr(text, 'e');
    long exponent = strtol(mark + 1, NULL, 10);
    return millrace_format(arena, "%.*se%ld", (int)(mark - text), text, exponent);
}

/* The integer that the scanner gave as a double: `-0`, or one beyond 64 bits. */
static bool push_whole(
    table *table, const declared *declared, millrace_builder *column, const millrace_number *number,
    double value, problem *problem
) {
    if (value == 0 && signbit(value)) {
        return push_integer(table, declared, column, 0, problem);
    }
    /* 2^63 is the first value beyond int64. */
    if (fabs(value) >= 9223372036854775808.0) {
        const char *text = scientific(table->arena, value);
        return told(
            problem, "out_of_range", millrace_format(table->arena, "%s does not fit int64", text)
        );
    }
    return wrong_type(table, declared, problem, number_text(table->arena, number));
}

/* A number with a fraction or an exponent, or an integer beyond 64 bits. */
static bool push_double(
    table *table, const declared *declared, millrace_builder *column, const millrace_number *number,
    double value, problem *problem
) {
    double us = 0;
    switch (declared->kind) {
    case KIND_FLOAT64:
        millrace_append_double(column, value);
        return true;
    case KIND_EPOCH:
        us = round(value * (double)declared->unit_us);
        if (us < (double)TIMESTAMP_US_MIN || us > (double)TIMESTAMP_US_MAX) {
            return out_of_years(table, problem, millrace_double_text(table->arena, value));
        }
        millrace_append_int(column, (int64_t)us);
        return true;
    default:
        return push_whole(table, declared, column, number, value, problem);
    }
}

static bool push_number(
    table *table, const declared *declared, millrace_builder *column, problem *problem
) {
    millrace_number number;
    if (!millrace_scan_number(&table->scanner, &number)) {
        return false;
    }
    if (declared->kind == KIND_TEXT || declared->kind == KIND_BOOL || declared->kind == KIND_DATE
        || declared->kind == KIND_TIMESTAMP) {
        return wrong_type(table, declared, problem, number_text(table->arena, &number));
    }
    switch (number.kind) {
    case MILLRACE_NUMBER_INT:
        return push_integer(table, declared, column, number.int_value, problem);
    case MILLRACE_NUMBER_UINT:
        if (number.uint_value <= (uint64_t)INT64_MAX) {
            return push_integer(table, declared, column, (int64_t)number.uint_value, problem);
        }
        return push_double(table, declared, column, &number, (double)number.uint_value, problem);
    case MILLRACE_NUMBER_DOUBLE:
        break;
    }
    return push_double(table, declared, column, &number, number.double_value, problem);
}

static bool no_time(table *table, problem *problem, millrace_text text, const char *what) {
    const char *message = millrace_format(
        table->arena, "\"%s\" is not %s", shortened(table->arena, text), what
    );
    return told(problem, "bad_timestamp", shortened(table->arena, millrace_text_of(message)));
}

static bool push_text(
    table *table, const declared *declared, millrace_builder *column, problem *problem
) {
    millrace_text text;
    int32_t days = 0;
    int64_t us = 0;
    if (!millrace_scan_text(&table->scanner, &text)) {
        return false;
    }
    switch (declared->kind) {
    case KIND_TEXT:
        millrace_append_bytes(column, text.bytes, text.length);
        return true;
    case KIND_DATE:
        if (!date_days(text, &days)) {
            return no_time(table, problem, text, "a date as YYYY-MM-DD");
        }
        millrace_append_int(column, days);
        return true;
    case KIND_TIMESTAMP:
        if (!timestamp_us(text, &us)) {
            return no_time(table, problem, text, "a timestamp as YYYY-MM-DDTHH:MM:SSZ");
        }
        millrace_append_int(column, us);
        return true;
    default: {
        const char *found = millrace_format(table->arena, "string %s", quoted(table->arena, text));
        return wrong_type(table, declared, problem, found);
    }
    }
}

/* Takes a number, or a string that holds one, as many producers write exact amounts. */
static bool push_decimal(
    table *table, const declared *declared, millrace_builder *column, millrace_text source,
    problem *problem
) {
    millrace_text text = source;
    if (text.length >= 2 && text.bytes[0] == '"') {
        text = (millrace_text){ text.bytes + 1, text.length - 2 };
    }
    unsigned precision = declared->type.precision;
    unsigned scale = (unsigned)declared->type.scale;
    millrace_int128 value = 0;
    millrace_arena *arena = table->arena;
    const char *message = NULL;
    switch (decimal_parse(text, precision, scale, &value)) {
    case DECIMAL_OK:
        millrace_append_decimal(column, value);
        return true;
    case DECIMAL_NO_NUMBER:
        message = millrace_format(
            arena, "invalid type: %s, expected a decimal", shortened(arena, source)
        );
        message = shortened(arena, millrace_text_of(message));
        return told(problem, "wrong_type", message);
    case DECIMAL_TOO_LARGE:
        message = millrace_format(
            arena, "%s does not fit decimal(%u,%u)", shortened(arena, text), precision, scale
        );
        break;
    case DECIMAL_TOO_FINE:
        message = millrace_format(
            arena, "%s has more than the %u decimals of decimal(%u,%u)", shortened(arena, text),
            scale, precision, scale
        );
        break;
    }
    return told(problem, "out_of_range", shortened(arena, millrace_text_of(message)));
}

static bool push_null(const declared *declared, millrace_builder *column, problem *problem) {
    if (!declared->nullable) {
        return told(problem, "missing", "is null and must have a value");
    }
    millrace_append_null(column);
    return true;
}

bool value_push(
    table *table, const declared *declared, millrace_builder *column, problem *problem
) {
    millrace_scanner *scanner = &table->scanner;
    if (declared->kind == KIND_DECIMAL || declared->kind == KIND_JSON) {
        millrace_text source;
        if (!millrace_scan_skip(scanner, &source)) {
            return false;
        }
        if (millrace_text_is(source, "null")) {
            return push_null(declared, column, problem);
        }
        if (declared->kind == KIND_DECIMAL) {
            return push_decimal(table, declared, column, source, problem);
        }
        millrace_append_bytes(column, source.bytes, source.length);
        return true;
    }
    millrace_json_kind kind;
    bool boolean = false;
    if (!millrace_scan_kind(scanner, &kind)) {
        return false;
    }
    switch (kind) {
    case MILLRACE_JSON_NULL:
        return millrace_scan_null(scanner) && push_null(declared, column, problem);
    case MILLRACE_JSON_NUMBER:
        return push_number(table, declared, column, problem);
    case MILLRACE_JSON_TEXT:
        return push_text(table, declared, column, problem);
    case MILLRACE_JSON_BOOLEAN:
        if (declared->kind == KIND_BOOL) {
            if (!millrace_scan_bool(scanner, &boolean)) {
                return false;
            }
            millrace_append_bool(column, boolean);
            return true;
        }
        break;
    case MILLRACE_JSON_LIST:
    case MILLRACE_JSON_OBJECT:
        break;
    }
    const char *found = found_text(table, kind);
    return scanner->error == NULL && wrong_type(table, declared, problem, found);
}
