#include "problem.h"

/* How much of a value or a parser's message is repeated in a refusal. */
#define MESSAGE_CHARS_MAX 200

const char *shortened(millrace_arena *arena, millrace_text text) {
    size_t characters = 0;
    for (size_t at = 0; at < text.length; at++) {
        bool begins = ((unsigned char)text.bytes[at] & 0xC0) != 0x80;
        if (begins && characters++ == MESSAGE_CHARS_MAX) {
            return millrace_format(arena, "%.*s...", (int)at, text.bytes);
        }
    }
    return millrace_copy(arena, text);
}

/* What stands for a character behind a backslash, or 0. */
static char escape_of(char byte) {
    switch (byte) {
    case '"':
    case '\\':
        return byte;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\0':
        return '0';
    default:
        return '\0';
    }
}

const char *quoted(millrace_arena *arena, millrace_text text) {
    /* Control characters take the most: `\u{1f}`. */
    char *all = millrace_alloc(arena, text.length * 6 + 3);
    char *end = all;
    *end++ = '"';
    for (size_t at = 0; at < text.length; at++) {
        char byte = text.bytes[at];
        char escape = escape_of(byte);
        if (escape != '\0') {
            *end++ = '\\';
            *end++ = escape;
        } else if ((unsigned char)byte < 0x20 || byte == 0x7F) {
            const char *code = millrace_format(arena, "\\u{%x}", (unsigned)byte);
            memcpy(end, code, strlen(code));
            end += strlen(code);
        } else {
            *end++ = byte;
        }
    }
    *end++ = '"';
    *end = '\0';
    return all;
}
