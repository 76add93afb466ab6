/* The step's configuration, checked against the input and made into rules. */

#include "rule.h"

/* The name of the rule that `max_amount` stands for. */
#define MAX_AMOUNT "max_amount"

/* What the columns are called. */
typedef struct columns {
    const char *amount;
    const char *country;
    const char *merchant;
    const char *hour;
    const char *segment;
} columns;

/* Collects the conditions of a rule, and its reasons in words. */
typedef struct resolver {
    millrace_start *start;
    columns columns;
    rule *rule;
    const char *reason; /* NULL as long as there is none */
} resolver;

static bool is_number(const millrace_type *type) {
    switch (type->kind) {
    case MILLRACE_FLOAT64:
    case MILLRACE_FLOAT32:
    case MILLRACE_INT64:
    case MILLRACE_INT32:
    case MILLRACE_DECIMAL128:
        return true;
    default:
        return false;
    }
}

static bool is_hour(const millrace_type *type) {
    return type->kind == MILLRACE_INT32 || type->kind == MILLRACE_INT64;
}

static bool is_text(const millrace_type *type) { return type->kind == MILLRACE_UTF8; }

/* Adds a condition on a column of a type that fits. */
static void add_condition(
    resolver *resolver, const char *path, const char *name, const char *expected,
    bool (*fits)(const millrace_type *), condition condition
) {
    millrace_start *start = resolver->start;
    const millrace_field *field = millrace_find_field(start->input, name);
    if (field == NULL) {
        millrace_config_error(
            start, path, "tests `%s`, which the input lacks; it has %s; `columns` can name another",
            name, millrace_field_names(start->arena, start->input)
        );
    } else if (!fits(&field->type)) {
        millrace_config_error(
            start, path, "tests `%s` of type %s; it must be %s", name,
            millrace_type_name(start->arena, &field->type), expected
        );
    } else {
        condition.column = millrace_reads(start, name);
        resolver->rule->conditions[resolver->rule->condition_count++] = condition;
    }
}

static void add_reason(resolver *resolver, const char *reason) {
    const char *before = resolver->reason;
    resolver->reason = before == NULL
        ? reason
        : millrace_format(resolver->start->arena, "%s, %s", before, reason);
}

static void add_limit(resolver *resolver, const char *path, test test, double limit) {
    millrace_arena *arena = resolver->start->arena;
    condition condition = { .test = test, .limit = limit };
    add_condition(resolver, path, resolver->columns.amount, "a number", is_number, condition);
    const char *is = test == TEST_OVER ? "over" : "under";
    add_reason(
        resolver, millrace_format(arena, "amount %s %s", is, millrace_double_text(arena, limit))
    );
}

/* Whether a list has something in it; it is a mistake if not. */
static bool not_empty(resolver *resolver, const char *path, size_t count) {
    if (count == 0) {
        millrace_config_error(
            resolver->start, path, "is an empty list; name at least one value or leave it out"
        );
    }
    return count > 0;
}

static void add_hours(resolver *resolver, const char *path, const uint32_t *hours, size_t count) {
    millrace_arena *arena = resolver->start->arena;
    condition condition = { .test = TEST_HOURS };
    const char *listed = "";
    const uint32_t *wrong = NULL;
    for (size_t at = 0; at < count; at++) {
        if (hours[at] > 23) {
            wrong = wrong == NULL ? &hours[at] : wrong;
        } else {
            condition.hours |= UINT32_C(1) << hours[at];
        }
        const char *comma = at == 0 ? "" : ", ";
        listed = millrace_format(arena, "%s%s%u", listed, comma, (unsigned)hours[at]);
    }
    add_reason(resolver, millrace_format(arena, "hour is one of %s", listed));
    if (wrong != NULL) {
        millrace_config_error(
            resolver->start, path, "%u is no hour; hours are 0 to 23", (unsigned)*wrong
        );
    } else if (not_empty(resolver, path, count)) {
        add_condition(resolver, path, resolver->columns.hour, "int32 or int64", is_hour, condition);
    }
}

static void add_words(
    resolver *resolver, const char *path, const char *what, const char *column,
    const char *const *texts, size_t count, test test
) {
    millrace_arena *arena = resolver->start->arena;
    const char *listed = "";
    for (size_t at = 0; at < count; at++) {
        listed = millrace_format(arena, "%s%s%s", listed, at == 0 ? "" : ", ", texts[at]);
    }
    const char *is = test == TEST_ONE_OF ? "is one of" : "is none of";
    add_reason(resolver, millrace_format(arena, "%s %s %s", what, is, listed));
    if (not_empty(resolver, path, count)) {
        condition condition = { .test = test, .words = words_new(arena, texts, count) };
        add_condition(resolver, path, column, "utf8", is_text, condition);
    }
}

/* The member `key` or `key_not`, if it is there. */
static void take_words(
    resolver *resolver, millrace_config *config, const char *key, const char *what,
    const char *column, test test
) {
    const char *const *texts = NULL;
    size_t count = 0;
    if (millrace_config_strings(config, key, MILLRACE_OPTIONAL, &texts, &count)) {
        const char *path = millrace_config_path(config, key);
        add_words(resolver, path, what, column, texts, count, test);
    }
}

static void take_rule(resolver *resolver, millrace_config *config) {
    static const char *const outcomes[] = { "fraud", "review", NULL };
    const columns *columns = &resolver->columns;
    rule *rule = resolver->rule;
    size_t outcome = 0;
    double over = 0;
    double under = 0;
    const uint32_t *hours = NULL;
    size_t hour_count = 0;
    rule->name = "";
    millrace_config_string(config, "name", MILLRACE_REQUIRED, &rule->name);
    millrace_config_choice(config, "outcome", MILLRACE_REQUIRED, outcomes, &outcome);
    rule->outcome = (enum outcome)outcome;
    millrace_config_string(config, "reason", MILLRACE_OPTIONAL, &rule->reason);
    bool has_over = millrace_config_double(config, "amount_over", MILLRACE_OPTIONAL, &over);
    bool has_under = millrace_config_double(config, "amount_under", MILLRACE_OPTIONAL, &under);
    if (has_over && has_under && over >= under) {
        millrace_arena *arena = resolver->start->arena;
        millrace_config_error(
            resolver->start, millrace_config_path(config, "amount_over"),
            "no amount is over %s and under %s", millrace_double_text(arena, over),
            millrace_double_text(arena, under)
        );
    }
    if (has_over) {
        add_limit(resolver, millrace_config_path(config, "amount_over"), TEST_OVER, over);
    }
    if (has_under) {
        add_limit(resolver, millrace_config_path(config, "amount_under"), TEST_UNDER, under);
    }
    if (millrace_config_uint32s(config, "hours", MILLRACE_OPTIONAL, &hours, &hour_count)) {
        add_hours(resolver, millrace_config_path(config, "hours"), hours, hour_count);
    }
    take_words(resolver, config, "countries", "country", columns->country, TEST_ONE_OF);
    take_words(resolver, config, "countries_not", "country", columns->country, TEST_NONE_OF);
    take_words(resolver, config, "merchants", "merchant", columns->merchant, TEST_ONE_OF);
    take_words(resolver, config, "merchants_not", "merchant", columns->merchant, TEST_NONE_OF);
    take_words(resolver, config, "segments", "segment", columns->segment, TEST_ONE_OF);
    take_words(resolver, config, "segments_not", "segment", columns->segment, TEST_NONE_OF);
    millrace_config_end(config);
    if (resolver->reason == NULL) {
        millrace_config_error(
            resolver->start, config->path, "has no condition and would match every row; give one"
        );
    }
    if (rule->reason == NULL) {
        rule->reason = resolver->reason;
    }
}

static columns take_columns(millrace_config *config) {
    columns columns = { "amount", "country", "merchant", "hour", "segment" };
    millrace_config names;
    if (millrace_config_object(config, "columns", MILLRACE_OPTIONAL, &names)) {
        millrace_config_string(&names, "amount", MILLRACE_OPTIONAL, &columns.amount);
        millrace_config_string(&names, "country", MILLRACE_OPTIONAL, &columns.country);
        millrace_config_string(&names, "merchant", MILLRACE_OPTIONAL, &columns.merchant);
        millrace_config_string(&names, "hour", MILLRACE_OPTIONAL, &columns.hour);
        millrace_config_string(&names, "segment", MILLRACE_OPTIONAL, &columns.segment);
        millrace_config_end(&names);
    }
    return columns;
}

static void check_name(millrace_start *start, const rules *rules, const rule *rule, size_t at) {
    for (size_t other = 0; other < rules->count; other++) {
        if (strcmp(rules->rules[other].name, rule->name) == 0) {
            millrace_config_error(
                start, millrace_format(start->arena, "rules[%zu].name", at),
                "another rule is called `%s`; give it its own name", rule->name
            );
            return;
        }
    }
}

rules rules_configure(millrace_start *start) {
    millrace_config config = millrace_config_root(start);
    resolver resolver = { .start = start, .columns = take_columns(&config) };
    double max_amount = 0;
    bool has_max = millrace_config_double(&config, "max_amount", MILLRACE_OPTIONAL, &max_amount);
    millrace_config *texts = NULL;
    size_t count = 0;
    bool has_rules = millrace_config_objects(&config, "rules", MILLRACE_OPTIONAL, &texts, &count)
        && count > 0;
    millrace_config_end(&config);

    rules rules = { millrace_alloc_zeroed(start->arena, count + 1, sizeof(rule)), 0 };
    if (has_max) {
        resolver.rule = &rules.rules[rules.count++];
        *resolver.rule = (rule){ .name = MAX_AMOUNT, .outcome = OUTCOME_FRAUD };
        add_limit(&resolver, MAX_AMOUNT, TEST_OVER, max_amount);
        resolver.rule->reason = resolver.reason;
    } else if (!has_rules && millrace_config_error_count(start) == 0) {
        millrace_config_error(start, "rules", "there is no rule; give `rules` or `max_amount`");
    }
    for (size_t at = 0; at < count; at++) {
        resolver.rule = &rules.rules[rules.count];
        resolver.reason = NULL;
        take_rule(&resolver, &texts[at]);
        check_name(start, &rules, resolver.rule, at);
        rules.count++;
    }
    return rules;
}
