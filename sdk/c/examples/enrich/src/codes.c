#include "codes.h"

/* Enough for all names of a table, half of them empty. */
#define SLOTS 4096

/* One character of UTF-8. */
typedef struct character {
    uint32_t point;
    millrace_text bytes;
} character;

static character next_character(millrace_text text, size_t at) {
    const uint8_t *bytes = (const uint8_t *)text.bytes + at;
    uint32_t first = bytes[0];
    size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t point = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (size_t next = 1; next < length; next++) {
        point = point << 6 | (bytes[next] & 0x3FU);
    }
    return (character){ point, { text.bytes + at, length } };
}

/* White space, and the punctuation that stands for it. */
static bool is_gap(uint32_t point) {
    if (point < 0x80) {
        return point != 0 && strchr(" \t\n\v\f\r.,'-()&_", (int)point) != NULL;
    }
    return point == 0x85 || point == 0xA0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200A)
        || point == 0x2028 || point == 0x2029 || point == 0x202F || point == 0x205F
        || point == 0x3000 || point == 0x2019;
}

/* The upper case of a character, of all those that may be part of a name in the tables. */
static millrace_text upper(const character *character, char *ascii) {
    static const struct {
        uint32_t point;
        const char *upper;
    } uppers[] = {
        { 0xDF, "SS" },   { 0xE3, "Ã" },    { 0xE5, "Å" },     { 0xE7, "Ç" },     { 0xE9, "É" },
        { 0xED, "Í" },    { 0xF1, "Ñ" },    { 0xF4, "Ô" },     { 0xF6, "Ö" },     { 0xFC, "Ü" },
        { 0x10D, "Č" },   { 0x131, "I" },   { 0x142, "Ł" },    { 0x17F, "S" },    { 0xFB00, "FF" },
        { 0xFB01, "FI" }, { 0xFB02, "FL" }, { 0xFB03, "FFI" }, { 0xFB04, "FFL" }, { 0xFB05, "ST" },
        { 0xFB06, "ST" },
    };
    uint32_t point = character->point;
    if (point < 0x80) {
        *ascii = (char)(point >= 'a' && point <= 'z' ? point - 'a' + 'A' : point);
        return (millrace_text){ ascii, 1 };
    }
    for (size_t at = 0; at < sizeof uppers / sizeof uppers[0]; at++) {
        if (uppers[at].point == point) {
            return millrace_text_of(uppers[at].upper);
        }
    }
    return character->bytes;
}

/* Upper case, with one space for any run of spaces and punctuation, and none at the ends. */
static millrace_text fold(millrace_arena *arena, millrace_text text) {
    /* A space, and three letters for a ligature of three bytes. */
    char *folded = millrace_alloc(arena, text.length * 2 + 1);
    size_t length = 0;
    bool gap = false;
    for (size_t at = 0; at < text.length;) {
        character character = next_character(text, at);
        char ascii = '\0';
        at += character.bytes.length;
        if (is_gap(character.point)) {
            gap = length > 0;
            continue;
        }
        if (gap) {
            folded[length++] = ' ';
            gap = false;
        }
        millrace_text letters = upper(&character, &ascii);
        memcpy(folded + length, letters.bytes, letters.length);
        length += letters.length;
    }
    return (millrace_text){ folded, length };
}

static name *slot_of(const codes *codes, millrace_text folded) {
    uint32_t hash = UINT32_C(2166136261);
    for (size_t at = 0; at < folded.length; at++) {
        hash = (hash ^ (uint8_t)folded.bytes[at]) * UINT32_C(16777619);
    }
    for (size_t at = hash ^ hash >> 15;; at++) {
        name *slot = &codes->slots[at & codes->mask];
        if (slot->folded.bytes == NULL || millrace_text_equal(slot->folded, folded)) {
            return slot;
        }
    }
}

/* The text up to a separator or the end, which the rest leaves with the separator. */
static millrace_text take_until(millrace_text *rest, char separator) {
    const char *end = memchr(rest->bytes, separator, rest->length);
    size_t length = end == NULL ? rest->length : (size_t)(end - rest->bytes);
    millrace_text taken = { rest->bytes, length };
    size_t gone = end == NULL ? length : length + 1;
    rest->bytes += gone;
    rest->length -= gone;
    return taken;
}

static codes parse(millrace_arena *arena, const char *const *lines) {
    size_t count = 0;
    while (lines[count] != NULL) {
        count++;
    }
    codes codes = {
        .codes = MILLRACE_ARRAY(arena, millrace_text, count),
        .count = count,
        .slots = millrace_alloc_zeroed(arena, SLOTS, sizeof(name)),
        .mask = SLOTS - 1,
    };
    for (size_t at = 0; at < count; at++) {
        millrace_text line = millrace_text_of(lines[at]);
        millrace_text code = line;
        codes.codes[at] = take_until(&code, '\t');
        while (line.length > 0) {
            millrace_text folded = fold(arena, take_until(&line, '\t'));
            *slot_of(&codes, folded) = (name){ folded, (uint32_t)at };
        }
    }
    return codes;
}

codes codes_countries(millrace_arena *arena) { return parse(arena, countries); }

codes codes_currencies(millrace_arena *arena) { return parse(arena, currencies); }

size_t codes_find(const codes *codes, millrace_arena *arena, millrace_text text) {
    /* Most texts are codes already. */
    const name *found = slot_of(codes, text);
    if (found->folded.bytes == NULL) {
        found = slot_of(codes, fold(arena, text));
    }
    return found->folded.bytes == NULL ? codes->count : found->code;
}
