/* The step's configuration. */
#ifndef CONFIG_H
#define CONFIG_H

#include <millrace/keyed.h>

/* The port of rows that are not flagged. */
#define MAIN "main"

typedef struct settings {
    int64_t within_us;  /* how far back rows count */
    const char *amount; /* the column that is summed, or NULL: every row counts as 0 */
    bool has_max_count;
    uint64_t max_count; /* more rows than this within the time are flagged */
    bool has_max_sum;
    double max_sum;      /* a sum above this is flagged */
    const char *flagged; /* the port to which flagged rows go instead of `main`, or NULL */
} settings;

/* Reads the configuration; mistakes are noted. */
void settings_configure(settings *settings, millrace_start *start);

/* Which limit is passed, or a null. */
millrace_text settings_flag(const settings *settings, uint64_t count, double sum);

#endif
