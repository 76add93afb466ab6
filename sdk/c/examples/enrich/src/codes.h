/* Standard codes for what people write: ISO 3166 for countries, ISO 4217 for currencies. */
#ifndef CODES_H
#define CODES_H

#include <millrace/text.h>

/* Lines of a code and its other names, separated by tabs. NULL ends them. */
extern const char *const countries[];
extern const char *const currencies[];

/* A name in the form in which names are compared, with the place of its code. */
typedef struct name {
    millrace_text folded; /* NULL in a slot that is free */
    uint32_t code;
} name;

/* Finds codes by any of their names, whatever the case, spaces and punctuation. */
typedef struct codes {
    millrace_text *codes;
    size_t count;
    name *slots; /* a hash table with open addressing */
    size_t mask;
} codes;

/* ISO 3166-1 alpha-2, found by alpha-2, alpha-3 or name. */
codes codes_countries(millrace_arena *arena);

/* ISO 4217, found by code, name or symbol. */
codes codes_currencies(millrace_arena *arena);

/* The place of a code in the table, or the number of codes if there is none. `arena` is for the name
 * in another form. */
size_t codes_find(const codes *codes, millrace_arena *arena, millrace_text text);

#endif
