/* How often each text of a group came. */
#ifndef COUNTS_H
#define COUNTS_H

#include <millrace/aggregate.h>

typedef struct count {
    millrace_text text; /* NULL in a slot of `counts` that is free */
    uint64_t count;
} count;

/* A hash table with open addressing. All zero but for the arena is an empty one. */
typedef struct counts {
    millrace_arena *arena;
    count *slots;
    size_t capacity; /* 0 or a power of two */
    size_t used;
} counts;

/* Adds to the count of a text, which is not copied. */
void counts_add(counts *counts, millrace_text text, uint64_t more);

/* Adds what a state holds. False if it holds something else. */
bool counts_read(counts *counts, millrace_bytes state);

/* The counts as an array in the order of their texts, so that equal states are equal bytes. */
count *counts_sorted(const counts *counts);

/* Sets the state of a group to the counts. */
void counts_write(const counts *counts, millrace_states *states, size_t group);

#endif
