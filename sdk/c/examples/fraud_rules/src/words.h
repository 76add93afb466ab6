/* A fixed set of texts. */
#ifndef WORDS_H
#define WORDS_H

#include <millrace/text.h>

/* A text, with bytes of it that tell it from most others. */
typedef struct word {
    uint64_t mark;
    millrace_text text;
} word;

typedef struct words {
    word *slots; /* a hash table with open addressing; a text of NULL is an empty slot */
    size_t mask;
    uint64_t lengths; /* bit n if there is a text of n bytes; the last bit for all longer ones */
} words;

words words_new(millrace_arena *arena, const char *const *texts, size_t count);

/* Eight bytes of a text, or all of them, with its length: two texts of up to eight bytes are the
 * same if this is the same. */
static inline uint64_t word_mark(millrace_text text) {
    const char *bytes = text.bytes;
    size_t length = text.length;
    uint64_t mark = 0;
    if (length >= 8) {
        memcpy(&mark, bytes + length - 8, 8);
    } else if (length >= 4) {
        uint32_t first;
        uint32_t last;
        memcpy(&first, bytes, 4);
        memcpy(&last, bytes + length - 4, 4);
        mark = (uint64_t)last << 32 | first;
    } else if (length > 0) {
        mark = (uint64_t)(uint8_t)bytes[0] | (uint64_t)(uint8_t)bytes[length / 2] << 8
            | (uint64_t)(uint8_t)bytes[length - 1] << 16;
    }
    return mark;
}

static inline size_t word_slot(uint64_t mark, size_t length) {
    return (size_t)((mark + length) * UINT64_C(0x9E3779B97F4A7C15) >> 40);
}

static inline uint64_t word_length_bit(size_t length) {
    return UINT64_C(1) << (length < 63 ? length : 63);
}

static inline bool words_contain(const words *words, millrace_text text) {
    if ((words->lengths & word_length_bit(text.length)) == 0) {
        return false;
    }
    uint64_t mark = word_mark(text);
    size_t slot = word_slot(mark, text.length);
    for (;; slot++) {
        const word *word = &words->slots[slot & words->mask];
        if (word->text.bytes == NULL) {
            return false;
        }
        if (word->mark == mark && word->text.length == text.length
            && (text.length <= 8 || millrace_text_equal(word->text, text))) {
            return true;
        }
    }
}

#endif
