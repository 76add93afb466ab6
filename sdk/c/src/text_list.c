#include "text_list.h"

void mr_text_list_add(text_list *list, const char *text) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        size_t size = sizeof(const char *);
        list->texts = mr_arena_grow(list->arena, list->texts, list->count * size, capacity * size);
        list->capacity = capacity;
    }
    list->texts[list->count++] = text;
}

size_t mr_text_list_find(const text_list *list, const char *text) {
    size_t at = 0;
    while (at < list->count && strcmp(list->texts[at], text) != 0) {
        at++;
    }
    return at;
}

const char *mr_text_list_joined(const text_list *list, const char *separator) {
    size_t length = 1;
    for (size_t at = 0; at < list->count; at++) {
        length += strlen(list->texts[at]) + strlen(separator);
    }
    char *joined = millrace_alloc(list->arena, length);
    char *end = joined;
    for (size_t at = 0; at < list->count; at++) {
        const char *parts[] = { at == 0 ? "" : separator, list->texts[at] };
        for (size_t part = 0; part < 2; part++) {
            size_t size = strlen(parts[part]);
            memcpy(end, parts[part], size);
            end += size;
        }
    }
    *end = '\0';
    return joined;
}
