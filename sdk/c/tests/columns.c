/* Columns of every layout, in and out, and the memory of a call. */

#include <millrace/build.h>
#include <millrace/codec.h>

#include "../src/arena.h"
#include "check.h"

static millrace_arena arena;

static void flat_columns_hold_what_was_appended(void) {
    millrace_type type = { .kind = MILLRACE_INT16 };
    millrace_builder *builder = millrace_builder_new(&arena, &type, 0);
    for (int64_t value = 0; value < 100; value++) {
        if (value % 7 == 3) {
            millrace_append_null(builder);
        } else {
            millrace_append_int(builder, value - 50);
        }
    }
    millrace_builder_truncate(builder, 99);
    millrace_column column = millrace_builder_finish(builder);
    CHECK(column.length == 99 && column.null_count == 14);
    for (size_t row = 0; row < column.length; row++) {
        CHECK(millrace_is_valid(&column, row) == (row % 7 != 3));
        CHECK(row % 7 == 3 || millrace_int16s(&column)[row] == (int)row - 50);
    }
}

/* Lengths around the eight rows of a byte. */
static void booleans_are_packed_in_any_length(void) {
    for (size_t length = 0; length < 40; length++) {
        bool values[40];
        bool valid[40];
        for (size_t row = 0; row < length; row++) {
            values[row] = row % 3 == 0;
            valid[row] = row % 5 != 1;
        }
        millrace_column column = millrace_column_of_bools(&arena, values, valid, length);
        const bool *again = millrace_bools(&arena, &column);
        const bool *valid_again = millrace_valid(&arena, &column);
        for (size_t row = 0; row < length; row++) {
            CHECK(millrace_bool_at(&column, row) == values[row] && again[row] == values[row]);
            CHECK(millrace_is_valid(&column, row) == valid[row]);
            CHECK((valid_again == NULL || valid_again[row]) == valid[row]);
        }
    }
}

static void nested_columns_hold_what_was_appended(void) {
    static const millrace_field members[] = {
        { .name = "at", .type = { .kind = MILLRACE_INT64 }, .nullable = true },
        { .name = "tag", .type = { .kind = MILLRACE_UTF8 } },
    };
    static const millrace_field item = {
        .name = "item",
        .type = { .kind = MILLRACE_STRUCT, .children = members, .child_count = 2 },
        .nullable = true,
    };
    millrace_type type = { .kind = MILLRACE_LIST, .children = &item, .child_count = 1 };
    millrace_builder *lists = millrace_builder_new(&arena, &type, 0);
    millrace_builder *items = millrace_builder_child(lists, 0);
    for (int64_t row = 0; row < 20; row++) {
        for (int64_t at = 0; at < row % 4; at++) {
            if (at == 2) {
                millrace_append_null(items);
                continue;
            }
            millrace_append_int(millrace_builder_child(items, 0), row * 10 + at);
            millrace_append_string(millrace_builder_child(items, 1), at == 0 ? "first" : "");
            millrace_append_struct(items);
        }
        if (row % 5 == 4) {
            millrace_append_null(lists);
        } else {
            millrace_append_list(lists);
        }
    }
    millrace_column column = millrace_builder_finish(lists);
    /* A copy row by row must be the same. */
    millrace_builder *copies = millrace_builder_new(&arena, &type, 3);
    for (size_t row = 0; row < column.length; row++) {
        millrace_append_row(copies, &column, row);
    }
    millrace_column copy = millrace_builder_finish(copies);
    const millrace_column *both[] = { &column, &copy };
    for (size_t which = 0; which < 2; which++) {
        CHECK(both[which]->length == 20 && both[which]->null_count == 4);
        const millrace_column *structs = both[which]->children;
        for (size_t row = 0; row < 20; row++) {
            millrace_range range = millrace_list_at(both[which], row);
            size_t expected = row % 5 == 4 ? 0 : row % 4;
            CHECK(range.end - range.first == expected);
            for (size_t at = 0; at < expected; at++) {
                size_t place = range.first + at;
                CHECK(millrace_is_valid(structs, place) == (at != 2));
                if (at != 2) {
                    CHECK(
                        millrace_int64s(&structs->children[0])[place] == (int64_t)(row * 10 + at)
                    );
                    millrace_text tag = millrace_text_at(
                        millrace_child_named(structs, "tag"), place
                    );
                    CHECK(millrace_text_is(tag, at == 0 ? "first" : ""));
                }
            }
        }
    }
}

static void texts_of_every_length_are_copied(void) {
    char bytes[1200];
    millrace_text texts[1200];
    for (size_t at = 0; at < sizeof bytes; at++) {
        bytes[at] = (char)('a' + at % 26);
        texts[at] = (millrace_text){ at % 11 == 5 ? NULL : bytes, at };
    }
    millrace_column column = millrace_column_of_texts(&arena, texts, 1200);
    for (size_t at = 0; at < 1200; at++) {
        CHECK(millrace_is_valid(&column, at) == (at % 11 != 5));
        if (at % 11 != 5) {
            CHECK(millrace_text_equal(millrace_text_at(&column, at), texts[at]));
        }
    }
}

static void decimals_are_numbers(void) {
    millrace_type type = { .kind = MILLRACE_DECIMAL128, .precision = 12, .scale = 2 };
    millrace_builder *builder = millrace_builder_new(&arena, &type, 1);
    millrace_append_decimal(builder, -1230);
    millrace_column column = millrace_builder_finish(builder);
    CHECK(millrace_number_at(&column, 0) == -12.3);
    CHECK(millrace_numbers(&arena, &column)[0] == -12.3);
    CHECK_TEXT(millrace_type_name(&arena, &type), "Decimal128(12, 2)");
}

/* A call that needs as much as the last must need no further memory. */
static void memory_does_not_grow_from_call_to_call(void) {
    millrace_arena calls = { 0 };
    size_t after_first = 0;
    for (size_t call = 0; call < 1000; call++) {
        for (size_t at = 0; at < 300; at++) {
            size_t size = 1 + at * 37 % 5000;
            memset(millrace_alloc(&calls, size), 0x5A, size);
        }
        if (call == 1) {
            after_first = calls.size;
        }
        mr_arena_reset(&calls);
    }
    CHECK(calls.size == after_first);
    mr_arena_free(&calls);
}

static void what_was_written_is_read(void) {
    static const uint64_t numbers[] = { 0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX };
    static const int64_t integers[] = { 0, -1, 63, -64, 64, INT64_MIN, INT64_MAX };
    millrace_writer writer = { .arena = &arena };
    for (size_t at = 0; at < 7; at++) {
        millrace_write_uint(&writer, numbers[at]);
        millrace_write_int(&writer, integers[at]);
        millrace_write_double(&writer, (double)integers[at]);
        millrace_write_text(&writer, millrace_text_of("ab"));
    }
    millrace_bytes written = millrace_written(&writer);
    millrace_reader reader = millrace_read_from(written);
    for (size_t at = 0; at < 7; at++) {
        CHECK(millrace_read_uint(&reader) == numbers[at]);
        CHECK(millrace_read_int(&reader) == integers[at]);
        CHECK(millrace_read_double(&reader) == (double)integers[at]);
        CHECK(millrace_text_is(millrace_read_text(&reader), "ab"));
    }
    CHECK(!millrace_read_more(&reader) && !reader.failed);
    /* Any part of it must be refused rather than read beyond its end. */
    for (size_t length = 0; length < written.length; length++) {
        millrace_reader cut = millrace_read_from((millrace_bytes){ written.bytes, length });
        for (size_t at = 0; at < 7; at++) {
            millrace_read_uint(&cut);
            millrace_read_int(&cut);
            millrace_read_double(&cut);
            millrace_read_text(&cut);
        }
        CHECK(cut.failed);
    }
}

int main(void) {
    flat_columns_hold_what_was_appended();
    booleans_are_packed_in_any_length();
    nested_columns_hold_what_was_appended();
    texts_of_every_length_are_copied();
    decimals_are_numbers();
    memory_does_not_grow_from_call_to_call();
    what_was_written_is_read();
    mr_arena_free(&arena);
    return failures;
}
