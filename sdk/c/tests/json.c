/* The reader of JSON: what is right is read exactly, and what is wrong is worded as serde_json does
 * it, at the same place. */

#include <math.h>
#include <stdlib.h>
#include <millrace/json.h>

#include "../src/arena.h"
#include "check.h"

static millrace_arena arena;

static const millrace_json *parse(const char *text, const char **error) {
    *error = NULL;
    return millrace_json_parse(&arena, millrace_text_of(text), error);
}

static void values_are_read(void) {
    const char *error = NULL;
    const millrace_json *json = parse(
        " {\"a\": [1, -2.5e3, true, null], \"b\": \"x\\n\\u00e9\\ud83e\\udd80\"} ", &error
    );
    CHECK(json != NULL && error == NULL);
    const millrace_json *list = millrace_json_member(json, "a");
    int64_t integer = 0;
    double number = 0;
    CHECK(list->count == 4 && millrace_json_int64(&list->items[0], &integer) && integer == 1);
    CHECK(!millrace_json_int64(&list->items[1], &integer));
    CHECK(millrace_json_double(&list->items[1], &number) && number == -2500);
    CHECK(list->items[2].boolean && list->items[3].kind == MILLRACE_JSON_NULL);
    CHECK(millrace_text_is(millrace_json_member(json, "b")->text, "x\n\xc3\xa9\xf0\x9f\xa6\x80"));
    CHECK(millrace_json_member(json, "c") == NULL);
}

static void integers_do_not_pass_through_doubles(void) {
    const char *error = NULL;
    int64_t integer = 0;
    uint64_t natural = 0;
    CHECK(millrace_json_int64(parse("9007199254740993", &error), &integer));
    CHECK(integer == INT64_C(9007199254740993));
    CHECK(millrace_json_int64(parse("-9223372036854775808", &error), &integer));
    CHECK(integer == INT64_MIN);
    CHECK(!millrace_json_int64(parse("9223372036854775808", &error), &integer));
    CHECK(millrace_json_uint64(parse("18446744073709551615", &error), &natural));
    CHECK(natural == UINT64_MAX);
    CHECK(!millrace_json_uint64(parse("18446744073709551616", &error), &natural));
    CHECK(!millrace_json_uint64(parse("-1", &error), &natural));
}

static void doubles_are_rounded_correctly(void) {
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        { "0.1", 0.1 },
        { "12.30", 12.3 },
        { "9007199254740993", 9007199254740992.0 },
        { "9007199254740993.0000000000000000000000001", 9007199254740994.0 },
        { "1e23", 1e23 },
        { "2.2250738585072011e-308", 2.2250738585072011e-308 },
        { "1.7976931348623157e308", 1.7976931348623157e308 },
        { "4.9e-324", 4.9e-324 },
        { "1e-400", 0 },
        { "123456789012345678901234567890e-10", 12345678901234567890.123456789 },
    };
    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        const char *error = NULL;
        double value = -1;
        CHECK(millrace_json_double(parse(cases[at].text, &error), &value));
        CHECK(value == cases[at].value);
    }
}

static void mistakes_are_placed(void) {
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        { "", "EOF while parsing a value at line 1 column 0" },
        { "{\"a\":1,\"ts\":", "EOF while parsing a value at line 1 column 12" },
        { "{\"id\":3} trailing", "trailing characters at line 1 column 10" },
        { "[1,]", "trailing comma at line 1 column 4" },
        { "{\"a\" 1}", "expected `:` at line 1 column 6" },
        { "{\"a\":1 \"b\"}", "expected `,` or `}` at line 1 column 8" },
        { "{a:1}", "key must be a string at line 1 column 2" },
        { "[1\n2]", "expected `,` or `]` at line 2 column 1" },
        { "tru", "EOF while parsing a value at line 1 column 3" },
        { "trux", "expected ident at line 1 column 4" },
        { "01", "invalid number at line 1 column 2" },
        { "1.", "EOF while parsing a value at line 1 column 2" },
        { "1.x", "invalid number at line 1 column 3" },
        { "1e999", "number out of range at line 1 column 5" },
        { "\"a\nb\"",
          "control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0" },
        { "\"\\x\"", "invalid escape at line 1 column 3" },
        { "\"\\ud800\"", "unexpected end of hex escape at line 1 column 8" },
        { "\"abc", "EOF while parsing a string at line 1 column 4" },
        { "?", "expected value at line 1 column 1" },
    };
    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        const char *error = NULL;
        CHECK(parse(cases[at].text, &error) == NULL);
        CHECK_TEXT(error, cases[at].error);
    }
}

/* A pipeline's configuration must not be able to use up the stack. */
static void deep_nesting_is_refused(void) {
    char text[400];
    memset(text, '[', 200);
    memset(text + 200, ']', 200);
    const char *error = NULL;
    CHECK(millrace_json_parse(&arena, (millrace_text){ text, 400 }, &error) == NULL);
    CHECK(error != NULL && strncmp(error, "recursion limit exceeded", 24) == 0);
    /* What is skipped may nest as it likes. */
    millrace_scanner scanner;
    millrace_text source;
    millrace_scan(&scanner, &arena, (millrace_text){ text, 400 });
    CHECK(millrace_scan_skip(&scanner, &source) && source.length == 400);
    CHECK(millrace_scan_end(&scanner));
}

/* Every prefix of a text, each in memory of its own size: reading beyond it would be seen. */
static void cut_texts_are_not_read_beyond_their_end(void) {
    static const char text[] = "{\"a\":[1.5e+3,\"\\ud83e\\udd80\\n\"],\"b\":{\"c\":null,\"d\":-0}}";
    for (size_t length = 0; length < sizeof text - 1; length++) {
        char *cut = malloc(length == 0 ? 1 : length);
        memcpy(cut, text, length);
        const char *error = NULL;
        CHECK(millrace_json_parse(&arena, (millrace_text){ cut, length }, &error) == NULL);
        millrace_scanner scanner;
        millrace_text source;
        millrace_scan(&scanner, &arena, (millrace_text){ cut, length });
        CHECK(!millrace_scan_skip(&scanner, &source));
        free(cut);
    }
}

static void numbers_are_written_in_few_digits(void) {
    CHECK_TEXT(millrace_double_text(&arena, 10000), "10000");
    CHECK_TEXT(millrace_double_text(&arena, 0.1), "0.1");
    CHECK_TEXT(millrace_double_text(&arena, -0.001), "-0.001");
    CHECK_TEXT(millrace_double_text(&arena, 12.5), "12.5");
    CHECK_TEXT(millrace_double_text(&arena, 1e21), "1000000000000000000000");
    CHECK_TEXT(millrace_double_text(&arena, -0.0), "-0");
    CHECK_TEXT(millrace_double_text(&arena, NAN), "NaN");
    CHECK_TEXT(millrace_json_double_text(&arena, 7), "7.0");
    CHECK_TEXT(millrace_json_double_text(&arena, 1e16), "1e+16");
    CHECK_TEXT(millrace_json_double_text(&arena, 1.5e-7), "1.5e-7");
    CHECK_TEXT(millrace_json_double_text(&arena, 0.00001), "0.00001");
}

int main(void) {
    values_are_read();
    integers_do_not_pass_through_doubles();
    doubles_are_rounded_correctly();
    mistakes_are_placed();
    deep_nesting_is_refused();
    cut_texts_are_not_read_beyond_their_end();
    numbers_are_written_in_few_digits();
    mr_arena_free(&arena);
    return failures;
}
