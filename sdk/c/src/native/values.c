#include "values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../arena.h"

/* --- Texts of a test --- */

const char *mr_with_quotes(millrace_arena *arena, const char *text) {
    if (strchr(text, '"') != NULL) {
        return text;
    }
    char *quoted = millrace_alloc(arena, strlen(text) + 1);
    memcpy(quoted, text, strlen(text) + 1);
    for (char *at = quoted; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return quoted;
}

const millrace_json *mr_json_from(millrace_arena *arena, const char *what, millrace_text text) {
    const char *error = NULL;
    const millrace_json *json = millrace_json_parse(arena, text, &error);
    if (json == NULL) {
        millrace_fail("%s of the test is no JSON: %s: %s", what, error, millrace_copy(arena, text));
    }
    return json;
}

/* --- Times --- */

/* By Howard Hinnant's `days_from_civil` and `civil_from_days`
 * (https://howardhinnant.github.io/date_algorithms.html). */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static const char *date_text(millrace_arena *arena, int64_t days) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096
                          )
        / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    return millrace_format(arena, "%04" PRId64 "-%02" PRId64 "-%02" PRId64, year, month, day);
}

#define US_PER_DAY INT64_C(86400000000)

static const char *timestamp_text(millrace_arena *arena, int64_t us) {
    int64_t days = us / US_PER_DAY - (us % US_PER_DAY < 0);
    int64_t left = us - days * US_PER_DAY;
    const char *date = date_text(arena, days);
    int64_t seconds = left / 1000000;
    int64_t fraction = left % 1000000;
    const char *places = "";
    if (fraction != 0) {
        places = fraction % 1000 == 0 ? millrace_format(arena, ".%03" PRId64, fraction / 1000)
                                      : millrace_format(arena, ".%06" PRId64, fraction);
    }
    return millrace_format(
        arena, "%sT%02" PRId64 ":%02" PRId64 ":%02" PRId64 "%sZ", date, seconds / 3600,
        seconds / 60 % 60, seconds % 60, places
    );
}

static int64_t date_from(const char *text) {
    char *end = NULL;
    int64_t year = strtoll(text, &end, 10);
    int64_t month = *end == '-' ? strtoll(end + 1, &end, 10) : 0;
    int64_t day = *end == '-' ? strtoll(end + 1, &end, 10) : 0;
    if (month < 1 || month > 12 || day < 1 || day > 31) {
        millrace_fail("`%s` of the test is no date", text);
    }
    return days_from_civil(year, month, day);
}

/* RFC 3339, in UTC. */
static int64_t timestamp_from(const char *text) {
    int64_t us = date_from(text) * US_PER_DAY;
    const char *time = strpbrk(text, "Tt ");
    if (time == NULL || strlen(time) < 9) {
        millrace_fail("`%s` of the test is no timestamp in UTC", text);
    }
    int64_t hours = strtoll(time + 1, NULL, 10);
    int64_t minutes = strtoll(time + 4, NULL, 10);
    us += (hours * 3600 + minutes * 60 + strtoll(time + 7, NULL, 10)) * 1000000;
    if (time[9] == '.') {
        int64_t unit = 100000;
        for (const char *at = time + 10; *at >= '0' && *at <= '9'; at++) {
            us += (*at - '0') * unit;
            unit /= 10;
        }
    }
    return us;
}

/* --- Values in --- */

static millrace_int128 decimal_from(const char *text, int scale) {
    millrace_int128 value = 0;
    int places = -1;
    bool negative = *text == '-';
    for (const char *at = text + negative; *at != '\0'; at++) {
        if (*at == '.') {
            places = 0;
        } else if (*at >= '0' && *at <= '9') {
            value = value * 10 + (*at - '0');
            places += places >= 0;
        } else {
            millrace_fail("`%s` of the test is no decimal", text);
        }
    }
    for (places = places < 0 ? 0 : places; places < scale; places++) {
        value *= 10;
    }
    return negative ? -value : value;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_digit(char byte) {
    const char *found = byte == '\0' ? NULL : strchr(base64_digits, byte);
    return found == NULL ? -1 : (int)(found - base64_digits);
}

/* Bytes as their text, or `base64:` and base64. */
static void append_binary(millrace_builder *builder, millrace_text text) {
    static const char prefix[] = "base64:";
    size_t skipped = sizeof prefix - 1;
    if (text.length < skipped || memcmp(text.bytes, prefix, skipped) != 0) {
        millrace_append_bytes(builder, text.bytes, text.length);
        return;
    }
    uint8_t *bytes = malloc(text.length);
    size_t length = 0;
    unsigned bits = 0;
    int bit_count = 0;
    for (size_t at = skipped; at < text.length && base64_digit(text.bytes[at]) >= 0; at++) {
        bits = (bits << 6 | (unsigned)base64_digit(text.bytes[at])) & 0xFFFF;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes[length++] = (uint8_t)(bits >> bit_count);
        }
    }
    millrace_append_bytes(builder, bytes, length);
    free(bytes);
}

static void append_number(
    millrace_builder *builder, const millrace_type *type, const millrace_json *json
) {
    int64_t integer = 0;
    uint64_t natural = 0;
    double number = 0;
    if (type->kind == MILLRACE_DECIMAL128) {
        millrace_append_decimal(builder, decimal_from(json->text.bytes, type->scale));
    } else if (type->kind == MILLRACE_FLOAT32 || type->kind == MILLRACE_FLOAT64) {
        millrace_json_double(json, &number);
        millrace_append_double(builder, number);
    } else if (millrace_json_int64(json, &integer)) {
        millrace_append_int(builder, integer);
    } else if (millrace_json_uint64(json, &natural)) {
        millrace_append_uint(builder, natural);
    } else {
        millrace_fail("`%s` of the test is no integer", json->text.bytes);
    }
}

static void append_text(
    millrace_builder *builder, const millrace_type *type, const millrace_json *json
) {
    switch (type->kind) {
    case MILLRACE_DATE32:
        millrace_append_int(builder, date_from(json->text.bytes));
        break;
    case MILLRACE_TIMESTAMP:
        millrace_append_int(builder, timestamp_from(json->text.bytes));
        break;
    case MILLRACE_DECIMAL128:
        millrace_append_decimal(builder, decimal_from(json->text.bytes, type->scale));
        break;
    case MILLRACE_BINARY:
        append_binary(builder, json->text);
        break;
    default:
        millrace_append_text(builder, json->text);
    }
}

static void append_object(
    millrace_builder *builder, const millrace_type *type, const millrace_json *json
) {
    if (type->kind == MILLRACE_MAP) {
        millrace_builder *entries = millrace_builder_child(builder, 0);
        for (size_t at = 0; at < json->count; at++) {
            millrace_append_text(millrace_builder_child(entries, 0), json->items[at].name);
            mr_append_json(millrace_builder_child(entries, 1), &json->items[at]);
            millrace_append_struct(entries);
        }
        millrace_append_list(builder);
        return;
    }
    for (size_t at = 0; at < type->child_count; at++) {
        const millrace_json *member = millrace_json_member(json, type->children[at].name);
        if (member == NULL) {
            millrace_append_null(millrace_builder_child(builder, at));
        } else {
            mr_append_json(millrace_builder_child(builder, at), member);
        }
    }
    millrace_append_struct(builder);
}

void mr_append_json(millrace_builder *builder, const millrace_json *json) {
    const millrace_type *type = millrace_builder_type(builder);
    switch (json->kind) {
    case MILLRACE_JSON_NULL:
        millrace_append_null(builder);
        break;
    case MILLRACE_JSON_BOOLEAN:
        millrace_append_bool(builder, json->boolean);
        break;
    case MILLRACE_JSON_NUMBER:
        append_number(builder, type, json);
        break;
    case MILLRACE_JSON_TEXT:
        append_text(builder, type, json);
        break;
    case MILLRACE_JSON_LIST:
        for (size_t at = 0; at < json->count; at++) {
            mr_append_json(millrace_builder_child(builder, 0), &json->items[at]);
        }
        millrace_append_list(builder);
        break;
    case MILLRACE_JSON_OBJECT:
        append_object(builder, type, json);
        break;
    }
}

/* --- Values out --- */

void mr_write_plain(millrace_writer *writer, const char *text) {
    millrace_write(writer, text, strlen(text));
}

void mr_write_quoted(millrace_writer *writer, millrace_text text) {
    mr_write_plain(writer, "\"");
    for (size_t at = 0; at < text.length; at++) {
        char byte = text.bytes[at];
        if (byte == '"' || byte == '\\') {
            mr_write_plain(writer, byte == '"' ? "\\\"" : "\\\\");
        } else if ((unsigned char)byte < 0x20) {
            mr_write_plain(writer, millrace_format(writer->arena, "\\u%04x", (unsigned)byte));
        } else {
            millrace_write(writer, &byte, 1);
        }
    }
    mr_write_plain(writer, "\"");
}

static const char *decimal_text(millrace_arena *arena, millrace_int128 value, int scale) {
    char digits[48];
    char *at = digits + sizeof digits;
    bool negative = value < 0;
    *--at = '\0';
    for (int place = 0; value != 0 || place <= scale; place++) {
        if (place == scale && scale > 0) {
            *--at = '.';
        }
        int digit = (int)(value % 10);
        *--at = (char)('0' + (digit < 0 ? -digit : digit));
        value /= 10;
    }
    return millrace_format(arena, "%s%s", negative ? "-" : "", at);
}

/* Whether bytes are UTF-8, but for what no test needs to tell apart. */
static bool is_text(millrace_bytes bytes) {
    size_t left = 0;
    for (size_t at = 0; at < bytes.length; at++) {
        uint8_t byte = bytes.bytes[at];
        if (left > 0) {
            if ((byte & 0xC0) != 0x80) {
                return false;
            }
            left--;
        } else if (byte >= 0x80) {
            left = byte < 0xC2 || byte > 0xF4 ? 0 : byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
            if (left == 0) {
                return false;
            }
        }
    }
    return left == 0;
}

static void write_binary(millrace_writer *writer, millrace_bytes bytes) {
    if (is_text(bytes)) {
        mr_write_quoted(writer, (millrace_text){ (const char *)bytes.bytes, bytes.length });
        return;
    }
    mr_write_plain(writer, "\"base64:");
    for (size_t at = 0; at < bytes.length; at += 3) {
        uint32_t bits = 0;
        for (size_t byte = 0; byte < 3; byte++) {
            bits = bits << 8 | (at + byte < bytes.length ? bytes.bytes[at + byte] : 0U);
        }
        char four[5] = "====";
        size_t digits = bytes.length - at < 3 ? bytes.length - at + 1 : 4;
        for (size_t digit = 0; digit < digits; digit++) {
            four[digit] = base64_digits[bits >> (18 - 6 * digit) & 0x3F];
        }
        mr_write_plain(writer, four);
    }
    mr_write_plain(writer, "\"");
}

/* A float32 in as few digits as name it. */
static const char *float_text(millrace_arena *arena, float number) {
    char text[32] = "";
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, (double)number);
        if (strtof(text, NULL) == number) {
            break;
        }
    }
    return millrace_json_double_text(arena, strtod(text, NULL));
}

static void write_list(millrace_writer *writer, const millrace_column *column, size_t row) {
    millrace_range range = millrace_list_at(column, row);
    bool map = column->type.kind == MILLRACE_MAP;
    mr_write_plain(writer, map ? "{" : "[");
    for (size_t at = range.first; at < range.end; at++) {
        mr_write_plain(writer, at == range.first ? "" : ", ");
        const millrace_column *items = column->children;
        if (map) {
            mr_write_value(writer, &items->children[0], at);
            mr_write_plain(writer, ": ");
            mr_write_value(writer, &items->children[1], at);
        } else {
            mr_write_value(writer, items, at);
        }
    }
    mr_write_plain(writer, map ? "}" : "]");
}

static void write_struct(millrace_writer *writer, const millrace_column *column, size_t row) {
    mr_write_plain(writer, "{");
    for (size_t at = 0; at < column->type.child_count; at++) {
        mr_write_plain(writer, at == 0 ? "" : ", ");
        mr_write_quoted(writer, millrace_text_of(column->type.children[at].name));
        mr_write_plain(writer, ": ");
        mr_write_value(writer, &column->children[at], row);
    }
    mr_write_plain(writer, "}");
}

static const char *integer_text(millrace_arena *arena, const millrace_column *column, size_t row) {
    switch (column->type.kind) {
    case MILLRACE_UINT64:
        return millrace_format(arena, "%" PRIu64, millrace_uint64s(column)[row]);
    case MILLRACE_INT64:
    case MILLRACE_TIME64:
    case MILLRACE_DURATION:
        return millrace_format(arena, "%" PRId64, millrace_int64s(column)[row]);
    default:
        return millrace_format(arena, "%" PRId64, (int64_t)millrace_number_at(column, row));
    }
}

void mr_write_value(millrace_writer *writer, const millrace_column *column, size_t row) {
    millrace_arena *arena = writer->arena;
    if (!millrace_is_valid(column, row)) {
        mr_write_plain(writer, "null");
        return;
    }
    switch (column->type.kind) {
    case MILLRACE_BOOLEAN:
        mr_write_plain(writer, millrace_bool_at(column, row) ? "true" : "false");
        break;
    case MILLRACE_FLOAT32:
        mr_write_plain(writer, float_text(arena, millrace_floats(column)[row]));
        break;
    case MILLRACE_FLOAT64:
        mr_write_plain(writer, millrace_json_double_text(arena, millrace_number_at(column, row)));
        break;
    case MILLRACE_DECIMAL128:
        mr_write_plain(
            writer, decimal_text(arena, millrace_decimals(column)[row], column->type.scale)
        );
        break;
    case MILLRACE_UTF8:
        mr_write_quoted(writer, millrace_text_at(column, row));
        break;
    case MILLRACE_BINARY:
    case MILLRACE_FIXED_SIZE_BINARY:
        write_binary(writer, millrace_bytes_at(column, row));
        break;
    case MILLRACE_DATE32:
        mr_write_quoted(writer, millrace_text_of(date_text(arena, millrace_int32s(column)[row])));
        break;
    case MILLRACE_TIMESTAMP:
        mr_write_quoted(
            writer, millrace_text_of(timestamp_text(arena, millrace_int64s(column)[row]))
        );
        break;
    case MILLRACE_LIST:
    case MILLRACE_MAP:
        write_list(writer, column, row);
        break;
    case MILLRACE_STRUCT:
        write_struct(writer, column, row);
        break;
    default:
        mr_write_plain(writer, integer_text(arena, column, row));
    }
}
