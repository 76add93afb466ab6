/* An aggregate function as a component. */

#include "../../states.h"

#include "../cross.h"

/* The function that was started, with what it needs to read its arguments. */
static struct {
    bool started;
    void *plugin;
    millrace_schema arguments;
    millrace_type result;
} instance;

static const millrace_field state_field = { .name = "state",
                                            .type = { .kind = MILLRACE_BINARY },
                                            .nullable = true };
static const millrace_schema state_schema = { &state_field, 1 };

void exports_millrace_plugin_aggregator_about(exports_millrace_plugin_aggregator_identity_t *about
) {
    *about = mr_cross_about(&millrace_plugin.about);
}

bool exports_millrace_plugin_aggregator_start(
    guest_string_t *config, exports_millrace_plugin_aggregator_list_field_t *arguments,
    exports_millrace_plugin_aggregator_aggregate_description_t *ok,
    exports_millrace_plugin_aggregator_list_config_error_t *err
) {
    millrace_start start = { .arena = &mr_instance_arena };
    mr_begin_start(&start, arguments->ptr, arguments->len);
    mr_run_start(&start, text_from(config), millrace_plugin.start);
    mr_check_result(&start);
    struct millrace_description *description = start.description_;
    if (description->error_count > 0) {
        CROSS_LIST(*err, mr_cross_config_errors(description), description->error_count);
        return false;
    }
    instance.started = true;
    instance.plugin = start.plugin;
    instance.arguments = start.input;
    instance.result = description->result;
    millrace_plugin_types_list_field_t result = mr_cross_result(&description->result);
    CROSS_LIST(ok->result, result.ptr, result.len);
    ok->state_version = millrace_plugin.state_version == 0 ? 1 : millrace_plugin.state_version;
    return true;
}

static millrace_status states_crossed(
    const exports_millrace_plugin_aggregator_columns_t *from, millrace_column *states
) {
    millrace_batch batch;
    size_t count = from->nodes.len > 0 ? from->nodes.ptr[0].length : 0;
    if (!instance.started) {
        return NOT_STARTED;
    }
    millrace_status status = mr_columns_from(&state_schema, count, from, &batch);
    if (status == MILLRACE_OK) {
        *states = batch.columns[0];
    }
    return status;
}

bool exports_millrace_plugin_aggregator_update(
    guest_list_u32_t *groups, exports_millrace_plugin_aggregator_batch_t *rows,
    exports_millrace_plugin_aggregator_columns_t *states,
    exports_millrace_plugin_aggregator_columns_t *ok, guest_string_t *err
) {
    millrace_batch batch;
    millrace_column stored;
    millrace_status status = states_crossed(states, &stored);
    if (status == MILLRACE_OK) {
        status = mr_columns_from(&instance.arguments, rows->rows, &rows->columns, &batch);
    }
    millrace_states changing;
    if (status == MILLRACE_OK) {
        changing = mr_states_from(&mr_call_arena, &stored);
        status = millrace_plugin.update(instance.plugin, &changing, groups->ptr, &batch);
    }
    if (status != MILLRACE_OK) {
        *err = mr_cross_string(status);
        return false;
    }
    stored = mr_states_column(&changing, false);
    *ok = mr_cross_columns(&stored, 1);
    return true;
}

bool exports_millrace_plugin_aggregator_merge(
    exports_millrace_plugin_aggregator_columns_t *states,
    exports_millrace_plugin_aggregator_columns_t *others,
    exports_millrace_plugin_aggregator_columns_t *ok, guest_string_t *err
) {
    millrace_column stored;
    millrace_column other;
    millrace_states changing;
    millrace_status status = states_crossed(states, &stored);
    if (status == MILLRACE_OK) {
        status = states_crossed(others, &other);
    }
    if (status == MILLRACE_OK) {
        changing = mr_states_from(&mr_call_arena, &stored);
        status = mr_run_merge(&millrace_plugin, instance.plugin, &changing, &other);
    }
    if (status != MILLRACE_OK) {
        *err = mr_cross_string(status);
        return false;
    }
    stored = mr_states_column(&changing, true);
    *ok = mr_cross_columns(&stored, 1);
    return true;
}

bool exports_millrace_plugin_aggregator_evaluate(
    exports_millrace_plugin_aggregator_columns_t *states,
    exports_millrace_plugin_aggregator_columns_t *ok, guest_string_t *err
) {
    millrace_column stored;
    millrace_column results;
    millrace_status status = states_crossed(states, &stored);
    if (status == MILLRACE_OK) {
        millrace_states given = mr_states_from(&mr_call_arena, &stored);
        status = mr_run_evaluate(
            &millrace_plugin, instance.plugin, &instance.result, &given, &results
        );
    }
    if (status != MILLRACE_OK) {
        *err = mr_cross_string(status);
        return false;
    }
    *ok = mr_cross_columns(&results, 1);
    return true;
}

const size_t mr_parameter_block_size = 0;

/* All memory of a call is given back at once. */
#define POST_RETURN(function)                                                                      \
    EXPORT("cabi_post_millrace:plugin/aggregator@0.1.0#" #function)                                \
    void __wasm_export_exports_millrace_plugin_aggregator_##function##_post_return(uint8_t *);     \
    void __wasm_export_exports_millrace_plugin_aggregator_##function##_post_return(uint8_t *_) {   \
        (void)_;                                                                                   \
        mr_end_call(false);                                                                        \
    }

POST_RETURN(about)
POST_RETURN(start)
POST_RETURN(update)
POST_RETURN(merge)
POST_RETURN(evaluate)
