/*
 * Rules that tell fraud, and what a person should look at, from the rest.
 *
 * config.c makes rules of the configuration; rule.c knows which rows a rule matches; what follows
 * from that is decided here.
 */

#include "rule.h"

/* Ports beside `main`, in the order in which their rules are asked. */
static const struct {
    const char *name;
    outcome outcome;
} ports[] = {{"fraud", OUTCOME_FRAUD}, {"review", OUTCOME_REVIEW}};

#define PORT_COUNT (sizeof ports / sizeof ports[0])

static millrace_status start(millrace_start *start) {
    static const millrace_field added[] = {
        {.name = "rule", .type = {.kind = MILLRACE_UTF8}},
        {.name = "reason", .type = {.kind = MILLRACE_UTF8}},
    };
    rules *plugin = MILLRACE_NEW(start->arena, rules);
    *plugin = rules_configure(start);
    millrace_port(start, "main", NULL, 0);
    for (size_t at = 0; at < PORT_COUNT; at++) {
        millrace_port(start, ports[at].name, added, 2);
    }
    start->plugin = plugin;
    return MILLRACE_OK;
}

/* Sends the rows with this outcome to their port. */
static void emit(
    const millrace_batch *batch, const char *port, outcome outcome, const rule *const *verdicts,
    millrace_output *out
) {
    millrace_arena *arena = batch->arena;
    uint32_t *rows = MILLRACE_ARRAY(arena, uint32_t, batch->rows);
    millrace_text *names = MILLRACE_ARRAY(arena, millrace_text, batch->rows);
    millrace_text *reasons = MILLRACE_ARRAY(arena, millrace_text, batch->rows);
    size_t count = 0;
    for (uint32_t row = 0; row < batch->rows; row++) {
        const rule *rule = verdicts[row];
        if (rule != NULL && rule->outcome == outcome) {
            rows[count] = row;
            names[count] = millrace_text_of(rule->name);
            reasons[count] = millrace_text_of(rule->reason);
            count++;
        }
    }
    millrace_column columns[] = {
        millrace_column_of_texts(arena, names, count),
        millrace_column_of_texts(arena, reasons, count),
    };
    millrace_out_some(out, port, rows, count, columns, 2);
}

static millrace_status process(void *self, const millrace_batch *batch, millrace_output *out) {
    const rules *rules = self;
    millrace_arena *arena = batch->arena;
    const rule **verdicts = millrace_alloc_zeroed(arena, batch->rows, sizeof(rule *));
    uint32_t *open = MILLRACE_ARRAY(arena, uint32_t, batch->rows);
    uint32_t *matching = MILLRACE_ARRAY(arena, uint32_t, batch->rows);
    size_t open_count = batch->rows;
    for (uint32_t row = 0; row < batch->rows; row++) {
        open[row] = row;
    }
    for (size_t port = 0; port < PORT_COUNT; port++) {
        for (size_t at = 0; at < rules->count; at++) {
            const rule *rule = &rules->rules[at];
            if (rule->outcome != ports[port].outcome) {
                continue;
            }
            size_t count = rule_match(rule, batch, open, open_count, matching);
            for (size_t match = 0; match < count; match++) {
                verdicts[matching[match]] = rule;
            }
            if (count > 0) {
                size_t left = 0;
                for (size_t row = 0; row < open_count; row++) {
                    open[left] = open[row];
                    left += verdicts[open[row]] == NULL ? 1 : 0;
                }
                open_count = left;
            }
        }
    }
    if (open_count == batch->rows) {
        millrace_out_all(out, "main", NULL, 0);
        return MILLRACE_OK;
    }
    millrace_out_some(out, "main", open, open_count, NULL, 0);
    for (size_t port = 0; port < PORT_COUNT; port++) {
        emit(batch, ports[port].name, ports[port].outcome, verdicts, out);
    }
    return MILLRACE_OK;
}

const millrace_transform millrace_plugin = {
    .about = {
        .name = "fraud_rules",
        .version = "0.1.0",
        .summary = "Sends transactions to fraud, review or main by rules",
    },
    .start = start,
    .process = process,
};
