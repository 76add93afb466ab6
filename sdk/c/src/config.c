#include "millrace/start.h"

#include "describe.h"

/* Mistakes are worded as serde does it, so that a plugin says the same in any language. */

/* The names that were asked for. */
struct millrace_names {
    text_list list;
};

/* What was found, as in "invalid type: string \"7\", expected f64". */
static const char *found_text(millrace_arena *arena, const millrace_json *json) {
    double number = 0;
    switch (json->kind) {
    case MILLRACE_JSON_NULL:
        return "null";
    case MILLRACE_JSON_BOOLEAN:
        return json->boolean ? "boolean `true`" : "boolean `false`";
    case MILLRACE_JSON_TEXT:
        return millrace_format(arena, "string \"%s\"", json->text.bytes);
    case MILLRACE_JSON_LIST:
        return "sequence";
    case MILLRACE_JSON_OBJECT:
        return "map";
    case MILLRACE_JSON_NUMBER:
        break;
    }
    if (strpbrk(json->text.bytes, ".eE") == NULL) {
        return millrace_format(arena, "integer `%s`", json->text.bytes);
    }
    millrace_json_double(json, &number);
    return millrace_format(arena, "floating point `%s`", millrace_json_double_text(arena, number));
}

static void invalid(
    millrace_config *config, const char *key, const char *what, const millrace_json *json,
    const char *expected
) {
    millrace_arena *arena = config->start->arena;
    millrace_config_error(
        config->start, millrace_config_path(config, key), "invalid %s: %s, expected %s", what,
        found_text(arena, json), expected
    );
}

static bool is_integer(const millrace_json *json) {
    return json->kind == MILLRACE_JSON_NUMBER && strpbrk(json->text.bytes, ".eE") == NULL;
}

/* A number of another type, or one of this type that does not fit. */
static void invalid_integer(
    millrace_config *config, const char *key, const millrace_json *json, const char *expected
) {
    invalid(config, key, is_integer(json) ? "value" : "type", json, expected);
}

/* A configuration whose object is a value, unless that is none. */
static millrace_config config_of(
    millrace_start *start, const millrace_json *json, const char *path
) {
    millrace_config config = { .start = start, .path = path };
    config.taken_ = MILLRACE_NEW(start->arena, struct millrace_names);
    config.taken_->list.arena = start->arena;
    if (json->kind == MILLRACE_JSON_OBJECT) {
        config.object = json;
    } else {
        millrace_config_error(
            start, path, "invalid type: %s, expected a map", found_text(start->arena, json)
        );
    }
    return config;
}

millrace_config millrace_config_root(millrace_start *start) {
    return config_of(start, start->config, "");
}

const char *millrace_config_path(const millrace_config *config, const char *key) {
    const char *dot = *config->path == '\0' ? "" : ".";
    return millrace_format(config->start->arena, "%s%s%s", config->path, dot, key);
}

/* The member, or NULL if there is none. */
static const millrace_json *taken(millrace_config *config, const char *key, millrace_need need) {
    text_list *names = &config->taken_->list;
    if (mr_text_list_find(names, key) == names->count) {
        mr_text_list_add(names, key);
    }
    if (config->object == NULL) {
        return NULL;
    }
    const millrace_json *json = millrace_json_member(config->object, key);
    if (json != NULL && json->kind == MILLRACE_JSON_NULL) {
        json = NULL;
    }
    if (json == NULL && need == MILLRACE_REQUIRED) {
        millrace_config_error(config->start, config->path, "missing field `%s`", key);
    }
    return json;
}

bool millrace_config_any(
    millrace_config *config, const char *key, millrace_need need, const millrace_json **value
) {
    const millrace_json *json = taken(config, key, need);
    if (json == NULL) {
        return false;
    }
    *value = json;
    return true;
}

bool millrace_config_bool(
    millrace_config *config, const char *key, millrace_need need, bool *value
) {
    const millrace_json *json = taken(config, key, need);
    if (json == NULL) {
        return false;
    }
    if (json->kind != MILLRACE_JSON_BOOLEAN) {
        invalid(config, key, "type", json, "a boolean");
        return false;
    }
    *value = json->boolean;
    return true;
}

bool millrace_config_int64(
    millrace_config *config, const char *key, millrace_need need, int64_t *value
) {
    const millrace_json *json = taken(config, key, need);
    int64_t found = 0;
    if (json == NULL) {
        return false;
    }
    if (!millrace_json_int64(json, &found)) {
        invalid_integer(config, key, json, "i64");
        return false;
    }
    *value = found;
    return true;
}

bool millrace_config_uint64(
    millrace_config *config, const char *key, millrace_need need, uint64_t *value
) {
    const millrace_json *json = taken(config, key, need);
    uint64_t found = 0;
    if (json == NULL) {
        return false;
    }
    if (!millrace_json_uint64(json, &found)) {
        invalid_integer(config, key, json, "u64");
        return false;
    }
    *value = found;
    return true;
}

bool millrace_config_double(
    millrace_config *config, const char *key, millrace_need need, double *value
) {
    const millrace_json *json = taken(config, key, need);
    double found = 0;
    if (json == NULL) {
        return false;
    }
    if (!millrace_json_double(json, &found)) {
        invalid(config, key, "type", json, "f64");
        return false;
    }
    *value = found;
    return true;
}

/* A text as a C string. */
static bool string_of(
    millrace_config *config, const char *key, const millrace_json *json, const char **value
) {
    if (json->kind != MILLRACE_JSON_TEXT) {
        invalid(config, key, "type", json, "a string");
        return false;
    }
    if (strlen(json->text.bytes) != json->text.length) {
        millrace_config_error(
            config->start, millrace_config_path(config, key), "holds a zero byte; leave it out"
        );
        return false;
    }
    *value = json->text.bytes;
    return true;
}

bool millrace_config_string(
    millrace_config *config, const char *key, millrace_need need, const char **value
) {
    const millrace_json *json = taken(config, key, need);
    return json != NULL && string_of(config, key, json, value);
}

/* Microseconds of a unit of time, or 0. */
static int64_t unit_us(const char *unit) {
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {
        { "ms", 1000 },      { "s", 1000000 },    { "m", 60000000 },
        { "min", 60000000 }, { "h", 3600000000 }, { "d", 86400000000 },
    };
    for (size_t at = 0; at < sizeof units / sizeof units[0]; at++) {
        if (strcmp(unit, units[at].name) == 0) {
            return units[at].us;
        }
    }
    return 0;
}

bool millrace_config_span(
    millrace_config *config, const char *key, millrace_need need, int64_t *microseconds
) {
    const char *text = NULL;
    if (!millrace_config_string(config, key, need, &text)) {
        return false;
    }
    const char *at = text;
    int64_t number = 0;
    bool fits = true;
    for (; *at >= '0' && *at <= '9'; at++) {
        fits = fits && !__builtin_mul_overflow(number, 10, &number)
            && !__builtin_add_overflow(number, *at - '0', &number);
    }
    bool digits = at > text;
    at += strspn(at, " ");
    if (!digits || !fits || __builtin_mul_overflow(number, unit_us(at), &number) || number <= 0) {
        millrace_config_error(
            config->start, millrace_config_path(config, key),
            "`%s` is no time span: write 500ms, 60s, 5m, 24h or 7d", text
        );
        return false;
    }
    *microseconds = number;
    return true;
}

/* "`a`", "`a` or `b`" or "one of `a`, `b`, `c`". */
static const char *alternatives(millrace_arena *arena, const char *const *names, size_t count) {
    if (count == 2) {
        return millrace_format(arena, "`%s` or `%s`", names[0], names[1]);
    }
    text_list quoted = { .arena = arena };
    for (size_t at = 0; at < count; at++) {
        mr_text_list_add(&quoted, millrace_format(arena, "`%s`", names[at]));
    }
    const char *joined = mr_text_list_joined(&quoted, ", ");
    return count == 1 ? joined : millrace_format(arena, "one of %s", joined);
}

bool millrace_config_choice(
    millrace_config *config, const char *key, millrace_need need, const char *const *choices,
    size_t *value
) {
    const char *text = NULL;
    if (!millrace_config_string(config, key, need, &text)) {
        return false;
    }
    size_t count = 0;
    for (; choices[count] != NULL; count++) {
        if (strcmp(choices[count], text) == 0) {
            *value = count;
            return true;
        }
    }
    millrace_config_error(
        config->start, millrace_config_path(config, key), "unknown variant `%s`, expected %s", text,
        alternatives(config->start->arena, choices, count)
    );
    return false;
}

static const millrace_json *taken_list(
    millrace_config *config, const char *key, millrace_need need
) {
    const millrace_json *json = taken(config, key, need);
    if (json != NULL && json->kind != MILLRACE_JSON_LIST) {
        invalid(config, key, "type", json, "a sequence");
        return NULL;
    }
    return json;
}

static const char *item_key(const millrace_config *config, const char *key, size_t at) {
    return millrace_format(config->start->arena, "%s[%zu]", key, at);
}

bool millrace_config_strings(
    millrace_config *config, const char *key, millrace_need need, const char *const **values,
    size_t *count
) {
    const millrace_json *list = taken_list(config, key, need);
    if (list == NULL) {
        return false;
    }
    bool right = true;
    const char **strings = MILLRACE_ARRAY(config->start->arena, const char *, list->count);
    for (size_t at = 0; at < list->count; at++) {
        const char *item = item_key(config, key, at);
        right = string_of(config, item, &list->items[at], &strings[at]) && right;
    }
    *values = strings;
    *count = list->count;
    return right;
}

bool millrace_config_uint32s(
    millrace_config *config, const char *key, millrace_need need, const uint32_t **values,
    size_t *count
) {
    const millrace_json *list = taken_list(config, key, need);
    if (list == NULL) {
        return false;
    }
    bool right = true;
    uint32_t *numbers = MILLRACE_ARRAY(config->start->arena, uint32_t, list->count);
    for (size_t at = 0; at < list->count; at++) {
        uint64_t number = 0;
        if (!millrace_json_uint64(&list->items[at], &number) || number > UINT32_MAX) {
            invalid_integer(config, item_key(config, key, at), &list->items[at], "u32");
            right = false;
        }
        numbers[at] = (uint32_t)number;
    }
    *values = numbers;
    *count = list->count;
    return right;
}

bool millrace_config_object(
    millrace_config *config, const char *key, millrace_need need, millrace_config *value
) {
    const millrace_json *json = taken(config, key, need);
    if (json == NULL) {
        return false;
    }
    *value = config_of(config->start, json, millrace_config_path(config, key));
    return value->object != NULL;
}

bool millrace_config_objects(
    millrace_config *config, const char *key, millrace_need need, millrace_config **values,
    size_t *count
) {
    const millrace_json *list = taken_list(config, key, need);
    if (list == NULL) {
        return false;
    }
    bool right = true;
    *values = MILLRACE_ARRAY(config->start->arena, millrace_config, list->count);
    *count = list->count;
    for (size_t at = 0; at < list->count; at++) {
        const char *path = millrace_config_path(config, item_key(config, key, at));
        (*values)[at] = config_of(config->start, &list->items[at], path);
        right = (*values)[at].object != NULL && right;
    }
    return right;
}

void millrace_config_end(millrace_config *config) {
    if (config->object == NULL) {
        return;
    }
    const text_list *names = &config->taken_->list;
    for (size_t at = 0; at < config->object->count; at++) {
        const char *name = config->object->items[at].name.bytes;
        if (mr_text_list_find(names, name) < names->count) {
            continue;
        }
        if (names->count == 0) {
            millrace_config_error(
                config->start, config->path, "unknown field `%s`, there are no fields", name
            );
        } else {
            millrace_config_error(
                config->start, config->path, "unknown field `%s`, expected %s", name,
                alternatives(config->start->arena, names->texts, names->count)
            );
        }
    }
}
