/* Whether bytes are text. */
#ifndef UTF8_H
#define UTF8_H

#include <millrace/text.h>

/* NULL if the bytes are UTF-8, or what is wrong with them, in the words of Rust's library. */
const char *utf8_error(millrace_arena *arena, millrace_bytes bytes);

#endif
