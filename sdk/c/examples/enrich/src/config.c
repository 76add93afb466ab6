/* The step's configuration, checked against the input and made into derivations. */

#include <inttypes.h>
#include <math.h>

#include "enrich.h"

/* The largest offset from UTC in use, and more than the smallest. */
#define OFFSET_MINUTES_MAX 840
#define US_PER_MINUTE INT64_C(60000000)

/* Collects the plan and what is wrong. */
typedef struct planner {
    millrace_start *start;
    plan plan;
    millrace_field *adds; /* as many as plan.column_count */
} planner;

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

static bool is_text(const millrace_type *type) { return type->kind == MILLRACE_UTF8; }

static bool is_time(const millrace_type *type) { return type->kind == MILLRACE_TIMESTAMP; }

/* An input column of a type that fits, with its place among those that are read; or NULL. */
static const millrace_field *find_column(
    planner *planner, const char *path, const char *name, const char *expected,
    bool (*fits)(const millrace_type *), size_t *place
) {
    millrace_start *start = planner->start;
    const millrace_field *field = millrace_find_field(start->input, name);
    if (field == NULL) {
        millrace_config_error(
            start, path, "the input has no column `%s`; it has %s", name,
            millrace_field_names(start->arena, start->input)
        );
        return NULL;
    }
    if (!fits(&field->type)) {
        millrace_config_error(
            start, path, "`%s` has type %s; it must be %s", name,
            millrace_type_name(start->arena, &field->type), expected
        );
        return NULL;
    }
    *place = millrace_reads(start, name);
    return field;
}

static void add_column(
    planner *planner, const char *path, const char *name, millrace_kind kind, bool nullable
) {
    for (size_t at = 0; at < planner->plan.column_count; at++) {
        if (strcmp(planner->adds[at].name, name) == 0) {
            millrace_config_error(
                planner->start, path,
                "`%s` is already written by another section; name it otherwise", name
            );
            break;
        }
    }
    planner->adds[planner->plan.column_count++] = (millrace_field
    ){ .name = name, .type = { .kind = kind }, .nullable = nullable };
}

static void add_derivation(planner *planner, derivation derivation) {
    planner->plan.derivations[planner->plan.count++] = derivation;
}

/* A currency must be written as its code here: it is the configuration, not data. */
static bool find_currency(planner *planner, const char *path, const char *code, size_t *place) {
    const codes *codes = &planner->plan.amount.codes;
    *place = codes_find(codes, planner->start->arena, millrace_text_of(code));
    if (*place < codes->count && millrace_text_is(codes->codes[*place], code)) {
        return true;
    }
    millrace_config_error(planner->start, path, "`%s` is no ISO 4217 code such as EUR", code);
    return false;
}

static void take_rates(planner *planner, millrace_config *rates) {
    amount *amount = &planner->plan.amount;
    for (size_t at = 0; at < rates->object->count; at++) {
        const char *currency = rates->object->items[at].name.bytes;
        const char *path = millrace_config_path(rates, currency);
        double rate = 0;
        size_t place = 0;
        if (!millrace_config_double(rates, currency, MILLRACE_REQUIRED, &rate)) {
            continue;
        }
        if (!isfinite(rate) || rate <= 0) {
            millrace_config_error(
                planner->start, path, "%s is no rate; it must be above 0",
                millrace_double_text(planner->start->arena, rate)
            );
        }
        if (find_currency(planner, path, currency, &place)) {
            amount->rates[place] = rate;
        }
    }
}

static void take_amount(planner *planner, millrace_config *config) {
    millrace_start *start = planner->start;
    amount *amount = &planner->plan.amount;
    const char *column = NULL;
    const char *base = NULL;
    const char *name = "amount_base";
    millrace_config rates;
    bool has_column = millrace_config_string(config, "column", MILLRACE_REQUIRED, &column);
    bool has_currency = millrace_config_string(
        config, "currency", MILLRACE_REQUIRED, &amount->currency_name
    );
    bool has_base = millrace_config_string(config, "base", MILLRACE_REQUIRED, &base);
    bool has_rates = millrace_config_object(config, "rates", MILLRACE_REQUIRED, &rates);
    millrace_config_string(config, "as", MILLRACE_OPTIONAL, &name);
    millrace_config_end(config);
    if (!has_column || !has_currency || !has_base || !has_rates) {
        return;
    }
    amount->codes = codes_currencies(start->arena);
    amount->rates = millrace_alloc_zeroed(start->arena, amount->codes.count, sizeof(double));
    size_t place = 0;
    has_base = find_currency(planner, "amount.base", base, &place);
    take_rates(planner, &rates);
    if (has_base) {
        if (amount->rates[place] != 0 && amount->rates[place] != 1) {
            millrace_config_error(
                start, millrace_config_path(&rates, base),
                "is the rate of the base currency, which is 1; leave it out"
            );
        }
        amount->rates[place] = 1;
        amount->base = amount->codes.codes[place];
    }
    const millrace_field *field = find_column(
        planner, "amount.column", column, "a number", is_number, &amount->amount
    );
    find_column(
        planner, "amount.currency", amount->currency_name, "utf8", is_text, &amount->currency
    );
    if (field != NULL) {
        add_column(planner, "amount", name, MILLRACE_FLOAT64, field->nullable);
    }
    planner->plan.has_amount = true;
}

static void take_code(planner *planner, millrace_config *config, codes (*table)(millrace_arena *)) {
    const char *column = NULL;
    const char *name = NULL;
    derivation derivation = { .kind = DERIVE_CODE };
    bool has_column = millrace_config_string(config, "column", MILLRACE_REQUIRED, &column);
    bool has_name = millrace_config_string(config, "as", MILLRACE_OPTIONAL, &name);
    millrace_config_end(config);
    const char *path = millrace_config_path(config, "column");
    if (has_column
        && find_column(planner, path, column, "utf8", is_text, &derivation.column) != NULL) {
        add_column(planner, config->path, has_name ? name : column, MILLRACE_UTF8, true);
        derivation.codes = table(planner->start->arena);
        add_derivation(planner, derivation);
    }
}

static void take_time(planner *planner, millrace_config *config) {
    const char *column = NULL;
    const char *hour = "hour";
    const char *weekday = "weekday";
    int64_t offset = 0;
    derivation derivation = { .kind = DERIVE_TIME };
    bool has_column = millrace_config_string(config, "column", MILLRACE_REQUIRED, &column);
    millrace_config_string(config, "hour", MILLRACE_OPTIONAL, &hour);
    millrace_config_string(config, "weekday", MILLRACE_OPTIONAL, &weekday);
    millrace_config_int64(config, "utc_offset_minutes", MILLRACE_OPTIONAL, &offset);
    millrace_config_end(config);
    if (offset > OFFSET_MINUTES_MAX || offset < -OFFSET_MINUTES_MAX) {
        millrace_config_error(
            planner->start, "time.utc_offset_minutes",
            "%" PRId64 " is no offset; write -%d to %d minutes", offset, OFFSET_MINUTES_MAX,
            OFFSET_MINUTES_MAX
        );
        return;
    }
    if (!has_column) {
        return;
    }
    const millrace_field *field = find_column(
        planner, "time.column", column, "a timestamp", is_time, &derivation.column
    );
    if (field != NULL) {
        add_column(planner, "time.hour", hour, MILLRACE_INT32, field->nullable);
        add_column(planner, "time.weekday", weekday, MILLRACE_INT32, field->nullable);
        derivation.offset_us = offset * US_PER_MINUTE;
        add_derivation(planner, derivation);
    }
}

static void take_mask(planner *planner, millrace_config *config) {
    const char *column = NULL;
    const char *name = NULL;
    derivation derivation = { .kind = DERIVE_MASK, .keep_last = 4 };
    bool has_column = millrace_config_string(config, "column", MILLRACE_REQUIRED, &column);
    millrace_config_uint64(config, "keep_last", MILLRACE_OPTIONAL, &derivation.keep_last);
    bool has_name = millrace_config_string(config, "as", MILLRACE_OPTIONAL, &name);
    millrace_config_end(config);
    const char *path = millrace_config_path(config, "column");
    if (!has_column) {
        return;
    }
    const millrace_field *field = find_column(
        planner, path, column, "utf8", is_text, &derivation.column
    );
    if (field != NULL) {
        add_column(planner, config->path, has_name ? name : column, MILLRACE_UTF8, field->nullable);
        add_derivation(planner, derivation);
    }
}

plan plan_configure(millrace_start *start) {
    millrace_config config = millrace_config_root(start);
    millrace_config country;
    millrace_config currency;
    millrace_config amount;
    millrace_config time;
    millrace_config *masks = NULL;
    size_t mask_count = 0;
    bool has_country = millrace_config_object(&config, "country", MILLRACE_OPTIONAL, &country);
    bool has_currency = millrace_config_object(&config, "currency", MILLRACE_OPTIONAL, &currency);
    bool has_amount = millrace_config_object(&config, "amount", MILLRACE_OPTIONAL, &amount);
    bool has_time = millrace_config_object(&config, "time", MILLRACE_OPTIONAL, &time);
    millrace_config_objects(&config, "mask", MILLRACE_OPTIONAL, &masks, &mask_count);
    millrace_config_end(&config);

    /* An amount, two codes, two parts of a time, and the masks. */
    size_t most = 5 + mask_count;
    planner planner = { .start = start,
                        .adds = MILLRACE_ARRAY(start->arena, millrace_field, most) };
    planner.plan.derivations = MILLRACE_ARRAY(start->arena, derivation, most);
    if (has_amount) {
        take_amount(&planner, &amount);
    }
    if (has_country) {
        take_code(&planner, &country, codes_countries);
    }
    if (has_currency) {
        take_code(&planner, &currency, codes_currencies);
    }
    if (has_time) {
        take_time(&planner, &time);
    }
    for (size_t at = 0; at < mask_count; at++) {
        take_mask(&planner, &masks[at]);
    }
    if (planner.plan.column_count == 0 && millrace_config_error_count(start) == 0) {
        millrace_config_error(
            start, "", "nothing is to be done; configure country, currency, amount, time or mask"
        );
    }
    millrace_port(start, "main", planner.adds, planner.plan.column_count);
    return planner.plan;
}
