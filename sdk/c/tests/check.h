/* Checks that count what fails. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

#define CHECK_TEXT(found, expected)                                                                \
    do {                                                                                           \
        const char *found_ = (found);                                                              \
        if (found_ == NULL || strcmp(found_, (expected)) != 0) {                                   \
            fprintf(                                                                               \
                stderr, "%s:%d: expected %s\n    got %s\n", __FILE__, __LINE__, (expected),        \
                found_ == NULL ? "NULL" : found_                                                   \
            );                                                                                     \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

#endif
