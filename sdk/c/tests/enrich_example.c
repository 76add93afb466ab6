/* The example natively, with the golden cases that all languages share. */

#include <millrace/transform.h>

#include <millrace/testing.h>

#include "codes.h"
#include "golden.h"

/* The tables as strings must be those of the repository. */
static int tables_are_the_same(const char *file, const char *const *lines) {
    char path[256];
    char line[1024];
    snprintf(path, sizeof path, PLUGINS "/enrich/data/%s", file);
    FILE *table = fopen(path, "rb");
    int different = table == NULL;
    while (table != NULL && fgets(line, sizeof line, table) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (*line != '#') {
            different += *lines == NULL || strcmp(*lines, line) != 0;
            lines += *lines != NULL;
        }
    }
    if (table != NULL) {
        fclose(table);
    }
    if (different > 0 || *lines != NULL) {
        fprintf(stderr, "tables.c differs from %s\n", file);
        return 1;
    }
    return 0;
}

#define START(config, schema) millrace_test_transform(&millrace_plugin, config, schema)
#define main run_cases
GOLDEN("enrich", START, "codes", "payments")
#undef main

int main(void) {
    return run_cases() + tables_are_the_same("countries.tsv", countries)
        + tables_are_the_same("currencies.tsv", currencies);
}
