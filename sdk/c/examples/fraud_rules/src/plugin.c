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
} ports[] = { { "fraud", OUTCOME_FRAUD }, { "review", OUTCOME_REVIEW } };

#define PORT_COUNT (sizeof ports / sizeof ports[0])

static millrace_status start(millrace_start *start) {
    static const millrace_field added[] = {
        { .name = "rule", .type = { .kind = MILLRACE_UTF8 } },
        { .name = "reason", .type = { .kind = MILLRACE_UTF8 } },
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

/* Sends the rows of an outcome to their port, with the rule that matched each. */
static void emit(
    const millrace_batch *batch, const char *port, const rows *rows, const rule *const *verdicts,
    millrace_output *out
) {
    millrace_arena *arena = batch->arena;
    uint32_t *numbers = MILLRACE_ARRAY(arena, uint32_t, batch->rows);
    size_t count = rows_numbers(rows, numbers);
    millrace_text *names = MILLRACE_ARRAY(arena, millrace_text, count);
    millrace_text *reasons = MILLRACE_ARRAY(arena, millrace_text, count);
    for (size_t at = 0; at < count; at++) {
        const rule *rule = verdicts[numbers[at]];
        names[at] = millrace_text_of(rule->name);
        reasons[at] = millrace_text_of(rule->reason);
    }
    millrace_column columns[] = {
        millrace_column_of_texts(arena, names, count),
        millrace_column_of_texts(arena, reasons, count),
    };
    millrace_out_some(out, port, numbers, count, columns, 2);
}

static millrace_status process(void *self, const millrace_batch *batch, millrace_output *out) {
    const rules *rules = self;
    millrace_arena *arena = batch->arena;
    /* Only rows that a rule matches get a verdict. */
    const rule **verdicts = MILLRACE_ARRAY(arena, const rule *, batch->rows);
    uint32_t *numbers = MILLRACE_ARRAY(arena, uint32_t, batch->rows);
    rows open = rows_all(arena, batch->rows);
    bool any = false;
    for (size_t port = 0; port < PORT_COUNT; port++) {
        rows before = rows_copy(arena, &open);
        for (size_t at = 0; at < rules->count; at++) {
            const rule *rule = &rules->rules[at];
            if (rule->outcome != ports[port].outcome) {
                continue;
            }
            rows matching = rows_copy(arena, &open);
            rule_keep_matching(rule, batch, &matching);
            size_t count = rows_numbers(&matching, numbers);
            for (size_t match = 0; match < count; match++) {
                verdicts[numbers[match]] = rule;
            }
            rows_remove(&open, &matching);
            any = any || count > 0;
        }
        rows_remove(&before, &open);
        emit(batch, ports[port].name, &before, verdicts, out);
    }
    if (!any) {
        millrace_out_all(out, "main", NULL, 0);
        return MILLRACE_OK;
    }
    size_t count = rows_numbers(&open, numbers);
    millrace_out_some(out, "main", numbers, count, NULL, 0);
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
