#include "config.h"

static void check_amount(millrace_start *start, const char *amount) {
    const millrace_field *field = millrace_find_field(start->input, amount);
    if (field == NULL) {
        millrace_config_error(start, "amount", "the input has no column `%s`", amount);
    } else if (field->type.kind != MILLRACE_FLOAT64 && field->type.kind != MILLRACE_INT64) {
        millrace_config_error(
            start, "amount", "column `%s` is %s; it must be float64 or int64 (SQL can cast)",
            amount, millrace_type_name(start->arena, &field->type)
        );
    }
}

void settings_configure(settings *settings, millrace_start *start) {
    millrace_config config = millrace_config_root(start);
    millrace_config_span(&config, "within", MILLRACE_REQUIRED, &settings->within_us);
    millrace_config_string(&config, "amount", MILLRACE_OPTIONAL, &settings->amount);
    settings->has_max_count = millrace_config_uint64(
        &config, "max_count", MILLRACE_OPTIONAL, &settings->max_count
    );
    settings->has_max_sum = millrace_config_double(
        &config, "max_sum", MILLRACE_OPTIONAL, &settings->max_sum
    );
    millrace_config_string(&config, "flagged", MILLRACE_OPTIONAL, &settings->flagged);
    millrace_config_end(&config);

    if (settings->has_max_sum && settings->amount == NULL) {
        millrace_config_error(start, "max_sum", "needs `amount`, the column that is summed");
    }
    if (settings->flagged != NULL && !settings->has_max_count && !settings->has_max_sum) {
        millrace_config_error(start, "flagged", "needs a limit: `max_count` or `max_sum`");
    }
    if (settings->flagged != NULL && strcmp(settings->flagged, MAIN) == 0) {
        millrace_config_error(start, "flagged", "must be another port than `main`");
    }
    if (settings->amount != NULL) {
        check_amount(start, settings->amount);
    }
}

millrace_text settings_flag(const settings *settings, uint64_t count, double sum) {
    static const millrace_text flags[] = {
        { NULL, 0 }, { "count", 5 }, { "sum", 3 }, { "count,sum", 9 }
    };
    bool of_count = settings->has_max_count && count > settings->max_count;
    bool of_sum = settings->has_max_sum && sum > settings->max_sum;
    return flags[(of_count ? 1 : 0) + (of_sum ? 2 : 0)];
}
