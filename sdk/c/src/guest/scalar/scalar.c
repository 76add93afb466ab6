/* A scalar function as a component. */

#include "millrace/scalar.h"

#include "../cross.h"

/* The function that was started, with what it needs to read its arguments. */
static struct {
    bool started;
    void *plugin;
    struct millrace_description *description;
    millrace_schema arguments;
} instance;

void exports_millrace_plugin_scalar_function_about(
    exports_millrace_plugin_scalar_function_identity_t *about
) {
    *about = mr_cross_about(&millrace_plugin.about);
}

bool exports_millrace_plugin_scalar_function_start(
    guest_string_t *config, exports_millrace_plugin_scalar_function_list_field_t *arguments,
    exports_millrace_plugin_scalar_function_list_field_t *ok,
    exports_millrace_plugin_scalar_function_list_config_error_t *err
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
    instance.description = description;
    instance.arguments = start.input;
    millrace_plugin_types_list_field_t result = mr_cross_result(&description->result);
    CROSS_LIST(*ok, result.ptr, result.len);
    return true;
}

bool exports_millrace_plugin_scalar_function_evaluate(
    exports_millrace_plugin_scalar_function_batch_t *arguments,
    exports_millrace_plugin_scalar_function_evaluated_t *ok, guest_string_t *err
) {
    millrace_batch batch;
    millrace_column result = { 0 };
    millrace_output out = {
        .arena = &mr_call_arena,
        .description = instance.description,
        .rows = arguments->rows,
    };
    millrace_status status = NOT_STARTED;
    if (instance.started) {
        status = mr_columns_from(&instance.arguments, arguments->rows, &arguments->columns, &batch);
    }
    if (status == MILLRACE_OK) {
        status = millrace_plugin.evaluate(instance.plugin, &batch, &out, &result);
    }
    if (status == MILLRACE_OK) {
        status = mr_check_values(&mr_call_arena, instance.description, batch.rows, &result);
    }
    if (status != MILLRACE_OK) {
        *err = mr_cross_string(status);
        return false;
    }
    ok->values = mr_cross_columns(&result, 1);
    CROSS_LIST(ok->errors, mr_cross_errors(&out), out.error_count);
    return true;
}

const size_t mr_parameter_block_size = 0;

/* All memory of a call is given back at once. */
#define POST_RETURN(function)                                                                      \
    EXPORT("cabi_post_millrace:plugin/scalar-function@0.1.0#" #function)                           \
    void                                                                                           \
        __wasm_export_exports_millrace_plugin_scalar_function_##function##_post_return(uint8_t *); \
    void __wasm_export_exports_millrace_plugin_scalar_function_##function##_post_return(uint8_t *_ \
    ) {                                                                                            \
        (void)_;                                                                                   \
        mr_end_call(false);                                                                        \
    }

POST_RETURN(about)
POST_RETURN(start)
POST_RETURN(evaluate)
