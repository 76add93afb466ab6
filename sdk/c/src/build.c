#include "millrace/build.h"

#include "arena.h"
#include "copy.h"
#include "wide.h"

/* Columns hold at most as many bytes, and lists as many values, as 31 bits count. */
#define OFFSET_MAX ((size_t)INT32_MAX)

/* --- From arrays --- */

/* One bit per row from one byte per row, and how many bits are set. */
static const uint8_t *packed(
    millrace_arena *arena, const bool *flags, size_t length, size_t *set_count
) {
    uint8_t *bits = millrace_alloc(arena, (length + 7) / 8);
    size_t set = 0;
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        uint64_t eight;
        memcpy(&eight, flags + at, 8);
        /* The product has byte k, which is 0 or 1, at bit 56 + k. */
        unsigned byte = (unsigned)(eight * UINT64_C(0x0102040810204080) >> 56);
        bits[at / 8] = (uint8_t)byte;
        set += (size_t)__builtin_popcount(byte);
    }
    if (at < length) {
        unsigned byte = 0;
        for (size_t bit = 0; at + bit < length; bit++) {
            byte |= (unsigned)flags[at + bit] << bit;
        }
        bits[at / 8] = (uint8_t)byte;
        set += (size_t)__builtin_popcount(byte);
    }
    *set_count = set;
    return bits;
}

static void set_valid(millrace_column *column, millrace_arena *arena, const bool *valid) {
    column->validity_ = NULL;
    column->null_count = 0;
    if (valid != NULL) {
        size_t count = 0;
        const uint8_t *bits = packed(arena, valid, column->length, &count);
        if (count < column->length) {
            column->validity_ = bits;
            column->null_count = column->length - count;
        }
    }
}

millrace_column millrace_column_of(
    millrace_arena *arena, millrace_type type, const void *values, const bool *valid, size_t length
) {
    millrace_column column = { .type = type, .length = length, .values_ = values };
    size_t set = 0;
    switch (mr_layout_of(type.kind)) {
    case LAYOUT_BITS:
        column.values_ = packed(arena, values, length, &set);
        break;
    case LAYOUT_FIXED:
        break;
    case LAYOUT_OFFSETS:
    case LAYOUT_LIST:
    case LAYOUT_STRUCT:
        millrace_fail("a column of %s can't be made from an array", mr_kind_name(type.kind));
    }
    set_valid(&column, arena, valid);
    return column;
}

#define COLUMN_OF(name, type, kind_)                                                               \
    millrace_column name(                                                                          \
        millrace_arena *arena, const type *values, const bool *valid, size_t length                \
    ) {                                                                                            \
        return millrace_column_of(arena, (millrace_type){ .kind = kind_ }, values, valid, length); \
    }

COLUMN_OF(millrace_column_of_bools, bool, MILLRACE_BOOLEAN)
COLUMN_OF(millrace_column_of_int32s, int32_t, MILLRACE_INT32)
COLUMN_OF(millrace_column_of_int64s, int64_t, MILLRACE_INT64)
COLUMN_OF(millrace_column_of_uint64s, uint64_t, MILLRACE_UINT64)
COLUMN_OF(millrace_column_of_doubles, double, MILLRACE_FLOAT64)

millrace_column millrace_column_of_texts(
    millrace_arena *arena, const millrace_text *texts, size_t length
) {
    millrace_column column = { .type = { .kind = MILLRACE_UTF8 }, .length = length };
    int32_t *offsets = MILLRACE_ARRAY(arena, int32_t, length + 1);
    bool *valid = MILLRACE_ARRAY(arena, bool, length);
    size_t size = 0;
    for (size_t at = 0; at < length; at++) {
        offsets[at] = (int32_t)size;
        valid[at] = texts[at].bytes != NULL;
        size += valid[at] ? texts[at].length : 0;
        if (size > OFFSET_MAX) {
            millrace_fail("a column of more than 2 GiB");
        }
    }
    offsets[length] = (int32_t)size;
    char *bytes = millrace_alloc(arena, size);
    char *end = bytes;
    for (size_t at = 0; at < length; at++) {
        if (valid[at]) {
            copy_bytes(end, texts[at].bytes, texts[at].length);
            end += texts[at].length;
        }
    }
    column.offsets_ = offsets;
    column.values_ = bytes;
    set_valid(&column, arena, valid);
    return column;
}

millrace_column millrace_column_of_bytes(
    millrace_arena *arena, const millrace_bytes *values, size_t length
) {
    /* The two are alike but for the signedness of what they point to. */
    millrace_text *texts = MILLRACE_ARRAY(arena, millrace_text, length);
    for (size_t at = 0; at < length; at++) {
        texts[at] = (millrace_text){ (const char *)values[at].bytes, values[at].length };
    }
    millrace_column column = millrace_column_of_texts(arena, texts, length);
    column.type.kind = MILLRACE_BINARY;
    return column;
}

/* --- Value by value --- */

struct millrace_builder {
    millrace_arena *arena;
    millrace_type type;
    layout layout;
    size_t width; /* of LAYOUT_FIXED, and 1 for bits, which are bytes until the end */
    size_t length;
    size_t capacity;
    bool *valid; /* NULL as long as all are */
    int32_t *offsets;
    uint8_t *values;
    size_t size; /* of the bytes of LAYOUT_OFFSETS */
    size_t size_max;
    millrace_builder *children;
};

static void reserve(millrace_builder *builder, size_t capacity) {
    millrace_arena *arena = builder->arena;
    size_t old = builder->capacity;
    if (builder->layout == LAYOUT_BITS || builder->layout == LAYOUT_FIXED) {
        builder->values = mr_arena_grow(
            arena, builder->values, old * builder->width, capacity * builder->width
        );
    }
    if (builder->offsets != NULL) {
        size_t size = sizeof(int32_t);
        builder->offsets = mr_arena_grow(
            arena, builder->offsets, (old + 1) * size, (capacity + 1) * size
        );
    }
    if (builder->valid != NULL) {
        builder->valid = mr_arena_grow(arena, builder->valid, old, capacity);
    }
    builder->capacity = capacity;
}

static void init(
    millrace_builder *builder, millrace_arena *arena, const millrace_type *type, size_t capacity
) {
    *builder = (millrace_builder
    ){ .arena = arena, .type = *type, .layout = mr_layout_of(type->kind) };
    if (builder->layout == LAYOUT_OFFSETS || builder->layout == LAYOUT_LIST) {
        builder->offsets = MILLRACE_ARRAY(arena, int32_t, 1);
        builder->offsets[0] = 0;
    }
    builder->width = builder->layout == LAYOUT_BITS ? 1 : mr_width_of(type);
    reserve(builder, capacity == 0 ? 8 : capacity);
    builder->children = MILLRACE_ARRAY(arena, millrace_builder, type->child_count);
    for (size_t at = 0; at < type->child_count; at++) {
        init(&builder->children[at], arena, &type->children[at].type, capacity);
    }
}

millrace_builder *millrace_builder_new(
    millrace_arena *arena, const millrace_type *type, size_t capacity
) {
    millrace_builder *builder = MILLRACE_ARRAY(arena, millrace_builder, 1);
    init(builder, arena, type, capacity);
    return builder;
}

millrace_builder *millrace_builder_child(millrace_builder *builder, size_t child) {
    if (child >= builder->type.child_count) {
        millrace_fail("a column of %s has no child %zu", mr_kind_name(builder->type.kind), child);
    }
    return &builder->children[child];
}

const millrace_type *millrace_builder_type(const millrace_builder *builder) {
    return &builder->type;
}

size_t millrace_builder_length(const millrace_builder *builder) { return builder->length; }

/* Makes room for one more row. */
static inline void make_room(millrace_builder *builder) {
    if (builder->length == builder->capacity) {
        reserve(builder, builder->capacity * 2);
    }
}

/* Notes that a row's value was written. */
static inline void complete(millrace_builder *builder, bool valid) {
    if (!valid && builder->valid == NULL) {
        builder->valid = MILLRACE_ARRAY(builder->arena, bool, builder->capacity);
        memset(builder->valid, 1, builder->length);
    }
    if (builder->valid != NULL) {
        builder->valid[builder->length] = valid;
    }
    builder->length++;
}

static void wrong(const millrace_builder *builder, const char *what) {
    millrace_fail("%s is appended to a column of %s", what, mr_kind_name(builder->type.kind));
}

/* A row without a value, or with one that stands for nothing where null is not allowed. */
static void append_nothing(millrace_builder *builder, bool valid) {
    make_room(builder);
    size_t at = builder->length;
    switch (builder->layout) {
    case LAYOUT_BITS:
    case LAYOUT_FIXED:
        memset(builder->values + at * builder->width, 0, builder->width);
        break;
    case LAYOUT_OFFSETS:
        builder->offsets[at + 1] = builder->offsets[at];
        break;
    case LAYOUT_LIST:
        millrace_builder_truncate(&builder->children[0], (size_t)builder->offsets[at]);
        builder->offsets[at + 1] = builder->offsets[at];
        break;
    case LAYOUT_STRUCT:
        for (size_t child = 0; child < builder->type.child_count; child++) {
            millrace_builder_truncate(&builder->children[child], at);
            append_nothing(&builder->children[child], !builder->type.children[child].nullable);
        }
        break;
    }
    complete(builder, valid);
}

void millrace_append_null(millrace_builder *builder) { append_nothing(builder, false); }

void millrace_append_bool(millrace_builder *builder, bool value) {
    if (builder->layout != LAYOUT_BITS) {
        wrong(builder, "a boolean");
    }
    make_room(builder);
    builder->values[builder->length] = value;
    complete(builder, true);
}

#define PUT(type, number)                                                                          \
    ((type *)(void *)builder->values)[builder->length] = (type)(number);                           \
    break

#define PUT_BETWEEN(type, min, number, max)                                                        \
    if ((number) < (min) || (number) > (max)) {                                                    \
        out_of_range(builder);                                                                     \
    }                                                                                              \
    PUT(type, number)

static void out_of_range(const millrace_builder *builder) {
    millrace_fail("an integer does not fit a column of %s", mr_kind_name(builder->type.kind));
}

void millrace_append_int(millrace_builder *builder, int64_t value) {
    make_room(builder);
    switch (builder->type.kind) {
    case MILLRACE_INT8:
        PUT_BETWEEN(int8_t, INT8_MIN, value, INT8_MAX);
    case MILLRACE_INT16:
        PUT_BETWEEN(int16_t, INT16_MIN, value, INT16_MAX);
    case MILLRACE_INT32:
    case MILLRACE_DATE32:
        PUT_BETWEEN(int32_t, INT32_MIN, value, INT32_MAX);
    case MILLRACE_INT64:
    case MILLRACE_TIME64:
    case MILLRACE_TIMESTAMP:
    case MILLRACE_DURATION:
        PUT(int64_t, value);
    case MILLRACE_UINT8:
        PUT_BETWEEN(uint8_t, 0, value, UINT8_MAX);
    case MILLRACE_UINT16:
        PUT_BETWEEN(uint16_t, 0, value, UINT16_MAX);
    case MILLRACE_UINT32:
        PUT_BETWEEN(uint32_t, 0, value, UINT32_MAX);
    case MILLRACE_UINT64:
        PUT_BETWEEN(uint64_t, 0, value, INT64_MAX);
    default:
        wrong(builder, "an integer");
    }
    complete(builder, true);
}

void millrace_append_uint(millrace_builder *builder, uint64_t value) {
    if (builder->type.kind == MILLRACE_UINT64) {
        make_room(builder);
        ((uint64_t *)(void *)builder->values)[builder->length] = value;
        complete(builder, true);
        return;
    }
    if (value > (uint64_t)INT64_MAX) {
        out_of_range(builder);
    }
    millrace_append_int(builder, (int64_t)value);
}

void millrace_append_double(millrace_builder *builder, double value) {
    make_room(builder);
    switch (builder->type.kind) {
    case MILLRACE_FLOAT32:
        PUT(float, value);
    case MILLRACE_FLOAT64:
        PUT(double, value);
    default:
        wrong(builder, "a floating-point number");
    }
    complete(builder, true);
}

void millrace_append_decimal(millrace_builder *builder, millrace_int128 value) {
    if (builder->type.kind != MILLRACE_DECIMAL128) {
        wrong(builder, "a decimal");
    }
    make_room(builder);
    ((millrace_int128 *)(void *)builder->values)[builder->length] = value;
    complete(builder, true);
}

void millrace_append_bytes(millrace_builder *builder, const void *bytes, size_t length) {
    make_room(builder);
    if (builder->type.kind == MILLRACE_FIXED_SIZE_BINARY) {
        if (length != builder->width) {
            millrace_fail("%zu bytes are appended to a column of %zu each", length, builder->width);
        }
        copy_bytes(builder->values + builder->length * builder->width, bytes, length);
        complete(builder, true);
        return;
    }
    if (builder->layout != LAYOUT_OFFSETS) {
        wrong(builder, "a text");
    }
    size_t size = builder->size + length;
    if (size > OFFSET_MAX) {
        millrace_fail("a column of more than 2 GiB");
    }
    if (size > builder->size_max) {
        size_t size_max = size < 512 ? 1024 : size * 2;
        builder->values = mr_arena_grow(builder->arena, builder->values, builder->size, size_max);
        builder->size_max = size_max;
    }
    copy_bytes(builder->values + builder->size, bytes, length);
    builder->size = size;
    builder->offsets[builder->length + 1] = (int32_t)size;
    complete(builder, true);
}

void millrace_append_text(millrace_builder *builder, millrace_text value) {
    if (value.bytes == NULL) {
        millrace_append_null(builder);
    } else {
        millrace_append_bytes(builder, value.bytes, value.length);
    }
}

void millrace_append_string(millrace_builder *builder, const char *value) {
    millrace_append_text(builder, millrace_text_of(value));
}

void millrace_append_list(millrace_builder *builder) {
    if (builder->layout != LAYOUT_LIST) {
        wrong(builder, "a list");
    }
    make_room(builder);
    size_t end = builder->children[0].length;
    if (end > OFFSET_MAX) {
        millrace_fail("lists of more than 2^31 values");
    }
    builder->offsets[builder->length + 1] = (int32_t)end;
    complete(builder, true);
}

void millrace_append_struct(millrace_builder *builder) {
    if (builder->layout != LAYOUT_STRUCT) {
        wrong(builder, "a struct");
    }
    make_room(builder);
    for (size_t child = 0; child < builder->type.child_count; child++) {
        if (builder->children[child].length != builder->length + 1) {
            millrace_fail(
                "child `%s` of a struct has %zu values, and not %zu",
                builder->type.children[child].name, builder->children[child].length,
                builder->length + 1
            );
        }
    }
    complete(builder, true);
}

void millrace_append_row(millrace_builder *builder, const millrace_column *column, size_t row) {
    if (builder->type.kind != column->type.kind) {
        wrong(builder, "a value of another type");
    }
    if (!millrace_is_valid(column, row)) {
        millrace_append_null(builder);
        return;
    }
    switch (builder->layout) {
    case LAYOUT_BITS:
        millrace_append_bool(builder, millrace_bool_at(column, row));
        break;
    case LAYOUT_FIXED: {
        make_room(builder);
        size_t width = builder->width;
        const uint8_t *value = (const uint8_t *)column->values_ + row * width;
        copy_bytes(builder->values + builder->length * width, value, width);
        complete(builder, true);
        break;
    }
    case LAYOUT_OFFSETS: {
        millrace_bytes bytes = millrace_bytes_at(column, row);
        millrace_append_bytes(builder, bytes.bytes, bytes.length);
        break;
    }
    case LAYOUT_LIST: {
        millrace_range range = millrace_list_at(column, row);
        for (size_t at = range.first; at < range.end; at++) {
            millrace_append_row(&builder->children[0], column->children, at);
        }
        millrace_append_list(builder);
        break;
    }
    case LAYOUT_STRUCT:
        for (size_t child = 0; child < builder->type.child_count; child++) {
            millrace_append_row(&builder->children[child], &column->children[child], row);
        }
        millrace_append_struct(builder);
        break;
    }
}

void millrace_builder_truncate(millrace_builder *builder, size_t length) {
    if (builder->length <= length) {
        return;
    }
    builder->length = length;
    if (builder->layout == LAYOUT_OFFSETS) {
        builder->size = (size_t)builder->offsets[length];
    } else if (builder->layout == LAYOUT_LIST) {
        millrace_builder_truncate(&builder->children[0], (size_t)builder->offsets[length]);
    } else if (builder->layout == LAYOUT_STRUCT) {
        for (size_t child = 0; child < builder->type.child_count; child++) {
            millrace_builder_truncate(&builder->children[child], length);
        }
    }
}

millrace_column millrace_builder_finish(millrace_builder *builder) {
    millrace_arena *arena = builder->arena;
    millrace_column column = {
        .type = builder->type,
        .length = builder->length,
        .offsets_ = builder->offsets,
        .values_ = builder->values,
    };
    if (builder->layout == LAYOUT_BITS) {
        size_t set = 0;
        column.values_ = packed(arena, (const bool *)builder->values, builder->length, &set);
    }
    set_valid(&column, arena, builder->valid);
    millrace_column *children = MILLRACE_ARRAY(arena, millrace_column, builder->type.child_count);
    for (size_t child = 0; child < builder->type.child_count; child++) {
        children[child] = millrace_builder_finish(&builder->children[child]);
    }
    column.children = children;
    return column;
}
