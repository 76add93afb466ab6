/* A growing list of texts that end in a zero byte and are not copied. */
#ifndef MILLRACE_SRC_TEXT_LIST_H
#define MILLRACE_SRC_TEXT_LIST_H

#include "arena.h"

typedef struct text_list {
    millrace_arena *arena;
    const char **texts;
    size_t count;
    size_t capacity;
} text_list;

void mr_text_list_add(text_list *list, const char *text);

/* The place of a text, or `count`. */
size_t mr_text_list_find(const text_list *list, const char *text);

/* All texts as one. */
const char *mr_text_list_joined(const text_list *list, const char *separator);

#endif
