/* How a plugin starts: its configuration, the schema of its input, and what it says it will do. */
#ifndef MILLRACE_START_H
#define MILLRACE_START_H

#include "json.h"
#include "schema.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who the plugin is. Shown by `millrace plugin inspect` and written into dead letters. */
typedef struct millrace_about {
    const char *name;
    const char *version;
    const char *summary; /* one sentence */
} millrace_about;

/* What `start` gets, and what it fills in. */
typedef struct millrace_start {
    millrace_arena *arena;       /* memory that lives as long as the plugin */
    const millrace_json *config; /* the step's configuration: an object */
    millrace_schema input;       /* all columns of the input; a function's arguments */
    const char *const *key;      /* of a keyed plugin: the names of the columns of the key */
    size_t key_count;
    void *plugin; /* to be set: what every later call gets */
    struct millrace_description *description_;
} millrace_start;

/* Asks for an input column. Returns its place in `batch->columns`; asking twice gives the same. */
size_t millrace_reads(millrace_start *start, const char *column);

/* For a keyed plugin: asks for a column of the key, once per key. Returns its place. */
size_t millrace_reads_key(millrace_start *start, const char *column);

/* Adds an output with the columns that it writes. A name that the input has too replaces that
 * column. The fields are copied, their types' children and all names are not. */
void millrace_port(
    millrace_start *start, const char *name, const millrace_field *adds, size_t add_count
);

/* Does not pass a column of the input on to a port. */
void millrace_port_drops(millrace_start *start, const char *port, const char *column);

/* For a keyed plugin: so many microseconds after its last row or timer the state of a key means
 * nothing any more. It costs less than a timer that removes the state. */
void millrace_state_ttl(millrace_start *start, uint64_t microseconds);

/* For a function: the type of its result. */
void millrace_result(millrace_start *start, millrace_type type);

/*
 * Notes a mistake in the configuration or in the input's schema, so that all of them can be mended
 * in one go. `path` is where: `rules[2].when`, or "" for the whole. The message is one sentence for
 * the author of the pipeline, made as printf makes it. A plugin that has noted one does not start.
 */
void millrace_config_error(millrace_start *start, const char *path, const char *format, ...)
    MILLRACE_PRINTF(3, 4);

/* How many mistakes there are so far. */
size_t millrace_config_error_count(const millrace_start *start);

/*
 * An object of the configuration while its members are taken one by one. What is wrong with them is
 * noted as a mistake; a member that nobody took is one, too (see millrace_config_end).
 *
 *     millrace_config config = millrace_config_root(start);
 *     double limit = 100;
 *     millrace_config_double(&config, "limit", MILLRACE_OPTIONAL, &limit);
 *     millrace_config_end(&config);
 */
typedef struct millrace_config {
    millrace_start *start;
    const millrace_json *object; /* NULL if it is none */
    const char *path;
    struct millrace_names *taken_;
} millrace_config;

/* Whether it is a mistake that a member is not there. */
typedef enum millrace_need { MILLRACE_OPTIONAL, MILLRACE_REQUIRED } millrace_need;

/* The whole configuration. */
millrace_config millrace_config_root(millrace_start *start);

/* The path of a member, for millrace_config_error. */
const char *millrace_config_path(const millrace_config *config, const char *key);

/* Each of these is true, and sets `value`, if the member is there and right. A null counts as not
 * there. Strings end in a zero byte and hold no other. */
bool millrace_config_bool(
    millrace_config *config, const char *key, millrace_need need, bool *value
);
bool millrace_config_int64(
    millrace_config *config, const char *key, millrace_need need, int64_t *value
);
bool millrace_config_uint64(
    millrace_config *config, const char *key, millrace_need need, uint64_t *value
);
bool millrace_config_double(
    millrace_config *config, const char *key, millrace_need need, double *value
);
bool millrace_config_string(
    millrace_config *config, const char *key, millrace_need need, const char **value
);

/* A time span above 0 in microseconds, written as 500ms, 60s, 5m, 24h or 7d. */
bool millrace_config_span(
    millrace_config *config, const char *key, millrace_need need, int64_t *microseconds
);

/* One of the words in `choices`, which NULL ends; `value` is its place. */
bool millrace_config_choice(
    millrace_config *config, const char *key, millrace_need need, const char *const *choices,
    size_t *value
);

/* A list of strings. */
bool millrace_config_strings(
    millrace_config *config, const char *key, millrace_need need, const char *const **values,
    size_t *count
);

/* A list of integers of 32 bits without a sign. */
bool millrace_config_uint32s(
    millrace_config *config, const char *key, millrace_need need, const uint32_t **values,
    size_t *count
);

/* An object within. */
bool millrace_config_object(
    millrace_config *config, const char *key, millrace_need need, millrace_config *value
);

/* A list of objects. */
bool millrace_config_objects(
    millrace_config *config, const char *key, millrace_need need, millrace_config **values,
    size_t *count
);

/* A member of any kind, as it is. */
bool millrace_config_any(
    millrace_config *config, const char *key, millrace_need need, const millrace_json **value
);

/* Notes the members that nobody asked for. */
void millrace_config_end(millrace_config *config);

#ifdef __cplusplus
}
#endif
#endif
