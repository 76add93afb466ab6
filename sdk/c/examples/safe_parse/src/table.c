#include "table.h"

table table_new(const settings *settings, millrace_arena *arena, size_t capacity) {
    table table = {
        .settings = settings,
        .arena = arena,
        .columns = MILLRACE_ARRAY(arena, millrace_builder *, settings->count),
    };
    for (size_t at = 0; at < settings->count; at++) {
        table.columns[at] = millrace_builder_new(arena, &settings->declared[at].type, capacity);
    }
    millrace_scan(&table.scanner, arena, (millrace_text){ "", 0 });
    return table;
}

static bool is_named(const declared *declared, millrace_text name) {
    return declared->name_length == name.length
        && memcmp(declared->name, name.bytes, name.length) == 0;
}

/* The column of a field, or the number of columns: most rows name their fields in the order of the
 * schema. */
static size_t find(const settings *settings, millrace_text name, size_t expected) {
    if (expected < settings->count && is_named(&settings->declared[expected], name)) {
        return expected;
    }
    size_t first = 0;
    size_t end = settings->count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        const declared *declared = &settings->declared[settings->by_name[middle]];
        int order = millrace_text_compare(
            (millrace_text){ declared->name, declared->name_length }, name
        );
        if (order == 0) {
            return settings->by_name[middle];
        }
        if (order < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return settings->count;
}

/* Gives its null to every column that the row did not name. */
static bool fill(table *table, problem *problem) {
    for (size_t at = 0; at < table->settings->count; at++) {
        const declared *declared = &table->settings->declared[at];
        if (millrace_builder_length(table->columns[at]) > table->rows) {
            continue;
        }
        if (!declared->nullable) {
            *problem = (struct problem){ "missing", declared->name,
                                         "is missing and must have a value" };
            return false;
        }
        millrace_append_null(table->columns[at]);
    }
    return true;
}

/* What the scanner found to be no JSON. */
static bool malformed(table *table, problem *problem) {
    const char *error = millrace_scan_error(&table->scanner, table->arena);
    *problem = (struct problem){ "malformed", NULL,
                                 shortened(table->arena, millrace_text_of(error)) };
    return false;
}

/* A value that does not fit, or is no JSON. */
static bool misfit(table *table, const declared *declared, problem *problem) {
    if (problem->code != NULL) {
        problem->message = shortened(table->arena, millrace_text_of(problem->message));
        problem->column = shortened(
            table->arena, (millrace_text){ declared->name, declared->name_length }
        );
        return false;
    }
    const char *error = table->scanner.error;
    if (strcmp(error, "number out of range") == 0) {
        *problem = (struct problem){ "out_of_range", declared->name, error };
        return false;
    }
    return malformed(table, problem);
}

static bool unknown(table *table, millrace_text name, problem *problem) {
    const char *text = millrace_format(
        table->arena, "the schema has no field `%.*s`", (int)name.length, name.bytes
    );
    *problem = (struct problem){
        "unknown_field",
        shortened(table->arena, name),
        shortened(table->arena, millrace_text_of(text)),
    };
    return false;
}

/* Reads the members of the object that the scanner has entered. */
static bool push_members(table *table, problem *problem) {
    const settings *settings = table->settings;
    millrace_scanner *scanner = &table->scanner;
    size_t expected = 0;
    size_t filled = 0;
    for (bool first = true;; first = false) {
        millrace_text name = { NULL, 0 };
        bool more = true;
        if (!millrace_scan_name(scanner, first, &name, &more)) {
            return malformed(table, problem);
        }
        if (!more) {
            return filled == settings->count || fill(table, problem);
        }
        size_t at = find(settings, name, expected);
        if (at == settings->count) {
            if (settings->reject_unknown) {
                return unknown(table, name, problem);
            }
            if (!millrace_scan_colon(scanner) || !millrace_scan_skip(scanner, &name)) {
                return malformed(table, problem);
            }
            continue;
        }
        millrace_builder *column = table->columns[at];
        if (millrace_builder_length(column) > table->rows) {
            /* Of a field that comes twice the last counts. */
            millrace_builder_truncate(column, table->rows);
        } else {
            filled++;
        }
        if (!millrace_scan_colon(scanner)) {
            return malformed(table, problem);
        }
        if (!value_push(table, &settings->declared[at], column, problem)) {
            return misfit(table, &settings->declared[at], problem);
        }
        expected = at + 1;
    }
}

static bool push_row(table *table, millrace_text text, problem *problem) {
    millrace_scanner *scanner = &table->scanner;
    millrace_json_kind kind;
    millrace_scan_again(scanner, text);
    if (!millrace_scan_kind(scanner, &kind)) {
        return malformed(table, problem);
    }
    if (kind != MILLRACE_JSON_OBJECT) {
        const char *found = found_text(table, kind);
        if (scanner->error == NULL) {
            scanner->error = millrace_format(
                table->arena, "invalid type: %s, expected a JSON object", found
            );
            scanner->wrong_ = scanner->at_;
        }
        return malformed(table, problem);
    }
    millrace_scan_enter(scanner);
    if (!push_members(table, problem)) {
        return false;
    }
    return millrace_scan_end(scanner) || malformed(table, problem);
}

bool table_push(table *table, millrace_text text, problem *problem) {
    *problem = (struct problem){ 0 };
    if (push_row(table, text, problem)) {
        table->rows++;
        return true;
    }
    for (size_t at = 0; at < table->settings->count; at++) {
        millrace_builder_truncate(table->columns[at], table->rows);
    }
    return false;
}
