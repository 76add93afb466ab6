/* A transform plugin as a component. */

#include "millrace/transform.h"

#include "../cross.h"

/* The plugin that was started, with what it needs to read a batch. */
static struct {
    bool started;
    void *plugin;
    struct millrace_description *description;
    millrace_schema reads;
} instance;

void exports_millrace_plugin_transformer_about(exports_millrace_plugin_transformer_identity_t *about
) {
    *about = mr_cross_about(&millrace_plugin.about);
}

bool exports_millrace_plugin_transformer_start(
    guest_string_t *config, exports_millrace_plugin_transformer_list_field_t *input,
    exports_millrace_plugin_transformer_description_t *ok,
    exports_millrace_plugin_transformer_list_config_error_t *err
) {
    millrace_start start = { .arena = &mr_instance_arena };
    mr_begin_start(&start, input->ptr, input->len);
    mr_run_start(&start, text_from(config), millrace_plugin.start);
    struct millrace_description *description = start.description_;
    if (description->error_count > 0) {
        CROSS_LIST(*err, mr_cross_config_errors(description), description->error_count);
        return false;
    }
    instance.started = true;
    instance.plugin = start.plugin;
    instance.description = description;
    instance.reads = mr_schema_read(&start, &description->reads);
    ok->reads = mr_cross_strings(&description->reads);
    CROSS_LIST(ok->ports, mr_cross_ports(description), description->port_count);
    return true;
}

bool exports_millrace_plugin_transformer_process(
    exports_millrace_plugin_transformer_batch_t *input,
    exports_millrace_plugin_transformer_output_t *ok, guest_string_t *err
) {
    millrace_batch batch;
    millrace_output out = {
        .arena = &mr_call_arena,
        .description = instance.description,
        .rows = input->rows,
    };
    millrace_status status = NOT_STARTED;
    if (instance.started) {
        status = mr_columns_from(&instance.reads, input->rows, &input->columns, &batch);
    }
    if (status == MILLRACE_OK) {
        status = millrace_plugin.process(instance.plugin, &batch, &out);
    }
    if (status == MILLRACE_OK) {
        status = out.failure;
    }
    if (status != MILLRACE_OK) {
        *err = mr_cross_string(status);
        return false;
    }
    CROSS_LIST(ok->ports, mr_cross_outputs(&out), out.emitted_count);
    CROSS_LIST(ok->errors, mr_cross_errors(&out), out.error_count);
    return true;
}

const size_t mr_parameter_block_size = 0;

/* All memory of a call is given back at once. */
#define POST_RETURN(function)                                                                      \
    EXPORT("cabi_post_millrace:plugin/transformer@0.1.0#" #function)                               \
    void __wasm_export_exports_millrace_plugin_transformer_##function##_post_return(uint8_t *);    \
    void __wasm_export_exports_millrace_plugin_transformer_##function##_post_return(uint8_t *_) {  \
        (void)_;                                                                                   \
        mr_end_call(false);                                                                        \
    }

POST_RETURN(about)
POST_RETURN(start)
POST_RETURN(process)
