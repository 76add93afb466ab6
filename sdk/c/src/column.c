#include "millrace/column.h"

#include "wide.h"

const millrace_column *millrace_find_column(const millrace_batch *batch, const char *name) {
    for (size_t at = 0; at < batch->column_count; at++) {
        if (strcmp(batch->names[at], name) == 0) {
            return &batch->columns[at];
        }
    }
    return NULL;
}

const millrace_column *millrace_column_named(const millrace_batch *batch, const char *name) {
    const millrace_column *column = millrace_find_column(batch, name);
    if (column != NULL) {
        return column;
    }
    millrace_fail("the plugin asks for column `%s`, which it does not read", name);
}

const millrace_column *millrace_child_named(const millrace_column *column, const char *name) {
    for (size_t at = 0; at < column->type.child_count; at++) {
        if (strcmp(column->type.children[at].name, name) == 0) {
            return &column->children[at];
        }
    }
    return NULL;
}

/* One byte per row from one bit per row. */
static const bool *unpacked(millrace_arena *arena, const uint8_t *bits, size_t length) {
    bool *flags = millrace_alloc(arena, (length + 7) & ~(size_t)7);
    for (size_t at = 0; at < length; at += 8) {
        unsigned byte = bits[at >> 3];
        for (size_t bit = 0; bit < 8; bit++) {
            flags[at + bit] = (byte >> bit & 1) != 0;
        }
    }
    return flags;
}

const bool *millrace_valid(millrace_arena *arena, const millrace_column *column) {
    if (column->validity_ == NULL || column->null_count == 0) {
        return NULL;
    }
    return unpacked(arena, column->validity_, column->length);
}

static const void *values_of(
    const millrace_column *column, const char *what, const millrace_kind *kinds, size_t count
) {
    for (size_t at = 0; at < count; at++) {
        if (column->type.kind == kinds[at]) {
            return column->values_;
        }
    }
    millrace_fail(
        "the plugin reads a column of type %s as %s", mr_kind_name(column->type.kind), what
    );
}

#define VALUES(type, name, what, ...)                                                              \
    const type *name(const millrace_column *column) {                                              \
        static const millrace_kind kinds[] = { __VA_ARGS__ };                                      \
        return values_of(column, what, kinds, sizeof kinds / sizeof kinds[0]);                     \
    }

VALUES(int8_t, millrace_int8s, "int8", MILLRACE_INT8)
VALUES(int16_t, millrace_int16s, "int16", MILLRACE_INT16)
VALUES(int32_t, millrace_int32s, "int32", MILLRACE_INT32, MILLRACE_DATE32)
VALUES(
    int64_t, millrace_int64s, "int64", MILLRACE_INT64, MILLRACE_TIME64, MILLRACE_TIMESTAMP,
    MILLRACE_DURATION
)
VALUES(uint8_t, millrace_uint8s, "uint8", MILLRACE_UINT8)
VALUES(uint16_t, millrace_uint16s, "uint16", MILLRACE_UINT16)
VALUES(uint32_t, millrace_uint32s, "uint32", MILLRACE_UINT32)
VALUES(uint64_t, millrace_uint64s, "uint64", MILLRACE_UINT64)
VALUES(float, millrace_floats, "float32", MILLRACE_FLOAT32)
VALUES(double, millrace_doubles, "float64", MILLRACE_FLOAT64)
VALUES(millrace_int128, millrace_decimals, "decimal128", MILLRACE_DECIMAL128)

const bool *millrace_bools(millrace_arena *arena, const millrace_column *column) {
    static const millrace_kind boolean = MILLRACE_BOOLEAN;
    return unpacked(arena, values_of(column, "boolean", &boolean, 1), column->length);
}

/* 10 to a power, by squaring: as a number of Rust's `powi` is made. */
static double power_of_ten(int exponent) {
    double base = 10;
    double power = 1;
    for (unsigned left = (unsigned)(exponent < 0 ? -exponent : exponent); left != 0; left /= 2) {
        if ((left & 1) != 0) {
            power *= base;
        }
        base *= base;
    }
    return exponent < 0 ? 1 / power : power;
}

double millrace_number_at(const millrace_column *column, size_t row) {
    const void *values = column->values_;
    switch (column->type.kind) {
    case MILLRACE_INT8:
        return (double)((const int8_t *)values)[row];
    case MILLRACE_INT16:
        return (double)((const int16_t *)values)[row];
    case MILLRACE_INT32:
        return (double)((const int32_t *)values)[row];
    case MILLRACE_INT64:
        return (double)((const int64_t *)values)[row];
    case MILLRACE_UINT8:
        return (double)((const uint8_t *)values)[row];
    case MILLRACE_UINT16:
        return (double)((const uint16_t *)values)[row];
    case MILLRACE_UINT32:
        return (double)((const uint32_t *)values)[row];
    case MILLRACE_UINT64:
        return (double)((const uint64_t *)values)[row];
    case MILLRACE_FLOAT32:
        return (double)((const float *)values)[row];
    case MILLRACE_FLOAT64:
        return ((const double *)values)[row];
    case MILLRACE_DECIMAL128:
        return (double)((const millrace_int128 *)values)[row] / power_of_ten(column->type.scale);
    default:
        millrace_fail(
            "the plugin reads a column of type %s as a number", mr_kind_name(column->type.kind)
        );
    }
}

#define CONVERT(type)                                                                              \
    for (size_t row = 0; row < column->length; row++) {                                            \
        numbers[row] = (double)((const type *)column->values_)[row];                               \
    }                                                                                              \
    break

const double *millrace_numbers(millrace_arena *arena, const millrace_column *column) {
    if (column->type.kind == MILLRACE_FLOAT64) {
        return column->values_;
    }
    double *numbers = MILLRACE_ARRAY(arena, double, column->length);
    switch (column->type.kind) {
    case MILLRACE_INT32:
        CONVERT(int32_t);
    case MILLRACE_INT64:
        CONVERT(int64_t);
    case MILLRACE_FLOAT32:
        CONVERT(float);
    case MILLRACE_DECIMAL128: {
        double unit = power_of_ten(column->type.scale);
        const millrace_int128 *decimals = column->values_;
        for (size_t row = 0; row < column->length; row++) {
            numbers[row] = (double)decimals[row] / unit;
        }
        break;
    }
    default:
        for (size_t row = 0; row < column->length; row++) {
            numbers[row] = millrace_number_at(column, row);
        }
    }
    return numbers;
}
