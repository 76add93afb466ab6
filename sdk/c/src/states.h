/* The states of groups during a call. */
#ifndef MILLRACE_SRC_STATES_H
#define MILLRACE_SRC_STATES_H

#include "millrace/aggregate.h"
#include "state.h"

struct millrace_states {
    millrace_arena *arena;
    state *states;
    size_t count;
};

/* The states of a column. */
millrace_states mr_states_from(millrace_arena *arena, const millrace_column *column);

/* As a column. A group without a state gets an empty one, unless nulls are allowed. */
millrace_column mr_states_column(const millrace_states *states, bool nulls);

/* Merges each state of a column into the one at the same place. */
millrace_status mr_run_merge(
    const millrace_aggregate *aggregate, void *plugin, millrace_states *states,
    const millrace_column *others
);

/* The result for each state. */
millrace_status mr_run_evaluate(
    const millrace_aggregate *aggregate, void *plugin, const millrace_type *type,
    const millrace_states *states, millrace_column *results
);

#endif
