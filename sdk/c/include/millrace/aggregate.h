/*
 * Aggregate functions for SQL: many rows of a group to one value.
 *
 * The host collects the rows of a group in any number of states and merges them later, in any order
 * and grouping, so the result may only depend on which rows a group has.
 */
#ifndef MILLRACE_AGGREGATE_H
#define MILLRACE_AGGREGATE_H

#include "build.h"
#include "codec.h"
#include "start.h"

/* Each world has a symbol of its own, so that a plugin of another one does not link. */
#undef millrace_plugin
#define millrace_plugin millrace_plugin_aggregate

#ifdef __cplusplus
extern "C" {
#endif

/* The states of groups, by their numbers. An empty state is that of no rows. */
typedef struct millrace_states millrace_states;

/* An aggregate function. */
typedef struct millrace_aggregate {
    millrace_about about;

    /* The version of the states that the plugin writes; 0 stands for 1. */
    uint32_t state_version;

    /* Takes the configuration and the types of the arguments, `start->input`, named `a0`, `a1` and
     * so on. Says by millrace_result what type the function has. */
    millrace_status (*start)(millrace_start *start);

    /* Adds rows to states; `groups` has for each row the number of its state. A failing status fails
     * the call, which changes nothing; so for the functions below. */
    millrace_status (*update)(
        void *plugin, millrace_states *states, const uint32_t *groups, const millrace_batch *rows
    );

    /* Adds the rows of the state `other` to that of a group. Neither is empty. */
    millrace_status (*merge)(
        void *plugin, millrace_states *states, size_t group, millrace_bytes other
    );

    /* Appends the result for each state to `results`, which is of the function's type. */
    millrace_status (*evaluate)(
        void *plugin, const millrace_states *states, millrace_builder *results
    );
} millrace_aggregate;

/* The function, which the author defines. */
extern const millrace_aggregate millrace_plugin;

/* How many groups there are. */
size_t millrace_states_count(const millrace_states *states);

/* Memory for this call. */
millrace_arena *millrace_states_arena(const millrace_states *states);

/* The state of a group. Its length is 0 if it has no rows. Valid until it is changed. */
millrace_bytes millrace_states_get(const millrace_states *states, size_t group);

/* The state of a group as memory that may be written: `size` bytes, aligned for any type. It holds
 * what the state was, cut at `size` or filled up with zeros. Valid until it changes its size. */
void *millrace_states_edit(millrace_states *states, size_t group, size_t size);

/* Replaces the state of a group by a copy of these bytes. */
void millrace_states_set(millrace_states *states, size_t group, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif
#endif
