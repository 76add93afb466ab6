#include "words.h"

words words_new(millrace_arena *arena, const char *const *texts, size_t count) {
    size_t capacity = 8;
    while (capacity < count * 4) {
        capacity *= 2;
    }
    words words = { .slots = millrace_alloc_zeroed(arena, capacity, sizeof(word)),
                    .mask = capacity - 1 };
    for (size_t at = 0; at < count; at++) {
        millrace_text text = millrace_text_of(texts[at]);
        if (words_contain(&words, text)) {
            continue;
        }
        uint64_t mark = word_mark(text);
        size_t slot = word_slot(mark, text.length);
        while (words.slots[slot & words.mask].text.bytes != NULL) {
            slot++;
        }
        words.slots[slot & words.mask] = (word){ mark, text };
        words.lengths |= word_length_bit(text.length);
    }
    return words;
}
