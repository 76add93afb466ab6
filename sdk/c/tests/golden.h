/* Runs the golden cases of a plugin natively. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <stdio.h>
#include <stdlib.h>

#include "../src/native/test.h"

/* Where the plugins of the repository are, as seen from the directory of the tests. */
#define PLUGINS "../../../plugins"

/* A file of a case, or what stands for it if there is none. */
static inline const char *golden_file(
    millrace_arena *arena, const char *plugin, const char *name, const char *file,
    const char *otherwise
) {
    const char *path = millrace_format(arena, PLUGINS "/%s/golden/%s/%s", plugin, name, file);
    FILE *opened = fopen(path, "rb");
    if (opened == NULL) {
        return otherwise;
    }
    size_t room = (size_t)1 << 20;
    char *text = millrace_alloc(arena, room);
    size_t length = fread(text, 1, room - 1, opened);
    fclose(opened);
    text[length] = '\0';
    return text;
}

/* Gives a started plugin the rows of a case, and expects what the case does. */
static inline int golden_run(millrace_test *test, const char *plugin, const char *name) {
    millrace_arena arena = { 0 };
    millrace_test_rows(test, golden_file(&arena, plugin, name, "input.ndjson", ""));
    for (size_t at = 0; at < test->port_count; at++) {
        const char *port = test->ports[at].name;
        const char *file = millrace_format(&arena, "expected.%s.ndjson", port);
        millrace_test_expect(test, port, golden_file(&arena, plugin, name, file, ""));
    }
    int unexpected = millrace_test_end(test);
    if (unexpected > 0) {
        fprintf(stderr, "in case %s of %s\n", name, plugin);
    }
    mr_arena_free(&arena);
    return unexpected;
}

/* Runs some cases; `START(config, schema)` starts the plugin. */
#define GOLDEN(PLUGIN, START, ...)                                                                 \
    int main(void) {                                                                               \
        static const char *const cases[] = { __VA_ARGS__ };                                        \
        int failed = 0;                                                                            \
        for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {                           \
            millrace_arena arena = { 0 };                                                          \
            const char *config = golden_file(&arena, PLUGIN, cases[at], "config.json", "{}");      \
            const char *schema = golden_file(&arena, PLUGIN, cases[at], "schema.json", "{}");      \
            failed += golden_run(START(config, schema), PLUGIN, cases[at]);                        \
            mr_arena_free(&arena);                                                                 \
        }                                                                                          \
        return failed;                                                                             \
    }

#endif
