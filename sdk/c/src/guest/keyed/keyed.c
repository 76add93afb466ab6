/* A keyed plugin as a component. */

#include "../../keyed.h"

#include "../cross.h"
#include "large.h"

/* The plugin that was started, with what it needs to read a batch. */
static struct {
    bool started;
    void *plugin;
    struct millrace_description *description;
    millrace_schema reads;
    millrace_schema keys;
} instance;

static const millrace_field state_field = { .name = "state",
                                            .type = { .kind = MILLRACE_BINARY },
                                            .nullable = true };
static const millrace_schema state_schema = { &state_field, 1 };

void exports_millrace_plugin_keyed_transformer_about(
    exports_millrace_plugin_keyed_transformer_identity_t *about
) {
    *about = mr_cross_about(&millrace_plugin.about);
}

static guest_list_u32_t cross_versions(void) {
    return (guest_list_u32_t){
        (uint32_t *)(uintptr_t)millrace_plugin.reads_versions,
        millrace_plugin.reads_version_count,
    };
}

bool exports_millrace_plugin_keyed_transformer_start(
    guest_string_t *config, exports_millrace_plugin_keyed_transformer_list_field_t *input,
    guest_list_string_t *key, exports_millrace_plugin_keyed_transformer_keyed_description_t *ok,
    exports_millrace_plugin_keyed_transformer_list_config_error_t *err
) {
    millrace_start start = { .arena = &mr_instance_arena };
    mr_begin_start(&start, input->ptr, input->len);
    const char **names = MILLRACE_ARRAY(&mr_instance_arena, const char *, key->len);
    for (size_t at = 0; at < key->len; at++) {
        names[at] = millrace_copy(&mr_instance_arena, text_from(&key->ptr[at]));
    }
    start.key = names;
    start.key_count = key->len;
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
    instance.keys = mr_schema_read(&start, &description->keys);
    ok->reads = mr_cross_strings(&description->reads);
    ok->keys = mr_cross_strings(&description->keys);
    CROSS_LIST(ok->ports, mr_cross_ports(description), description->port_count);
    ok->state_version = millrace_plugin.state_version == 0 ? 1 : millrace_plugin.state_version;
    ok->reads_versions = cross_versions();
    ok->state_ttl.is_some = description->has_ttl;
    ok->state_ttl.val = description->ttl;
    return true;
}

/* The batch of the host, with columns that are read in place. */
static millrace_status batch_from(
    const exports_millrace_plugin_keyed_transformer_keyed_batch_t *input,
    millrace_keyed_batch *batch
) {
    size_t keys = input->starts.len;
    millrace_batch stored;
    *batch = (millrace_keyed_batch){
        .arena = &mr_call_arena,
        .key_count = keys,
        .times = input->times.len > 0 ? input->times.ptr : NULL,
        .starts = input->starts.ptr,
        .due_count = input->timers.len,
        .large = &mr_host_large_state,
    };
    millrace_status status = mr_columns_from(
        &instance.reads, input->rows, &input->columns, &batch->rows
    );
    if (status == MILLRACE_OK) {
        status = mr_columns_from(&instance.keys, keys, &input->keys, &batch->keys);
    }
    if (status == MILLRACE_OK) {
        status = mr_columns_from(&state_schema, keys, &input->states, &stored);
    }
    if (status != MILLRACE_OK) {
        return status;
    }
    batch->stored = stored.columns[0];
    batch->due = MILLRACE_ARRAY(&mr_call_arena, due_timer, batch->due_count);
    for (size_t at = 0; at < batch->due_count; at++) {
        const exports_millrace_plugin_keyed_transformer_fired_timer_t *timer = &input->timers
                                                                                    .ptr[at];
        batch->due[at] = (due_timer){ timer->key, timer->id, (millrace_clock)timer->clock,
                                      timer->at };
    }
    return MILLRACE_OK;
}

static void cross_timers(
    const millrace_keyed_batch *batch,
    exports_millrace_plugin_keyed_transformer_list_timer_t *timers
) {
    typedef exports_millrace_plugin_keyed_transformer_timer_t timer;
    timer *crossed = MILLRACE_ARRAY(&mr_call_arena, timer, batch->timer_count);
    for (size_t at = 0; at < batch->timer_count; at++) {
        const timer_setting *set = &batch->timers[at];
        crossed[at].key = set->key;
        crossed[at].id = set->id;
        switch (set->change) {
        case TIMER_EVENT:
            crossed[at]
                .change.tag = EXPORTS_MILLRACE_PLUGIN_KEYED_TRANSFORMER_TIMER_CHANGE_EVENT_TIME;
            crossed[at].change.val.event_time = set->at;
            break;
        case TIMER_PROCESSING:
            crossed[at].change.tag =
                EXPORTS_MILLRACE_PLUGIN_KEYED_TRANSFORMER_TIMER_CHANGE_PROCESSING_TIME;
            crossed[at].change.val.processing_time = set->delay;
            break;
        case TIMER_CANCEL:
            crossed[at].change.tag = EXPORTS_MILLRACE_PLUGIN_KEYED_TRANSFORMER_TIMER_CHANGE_CANCEL;
            break;
        }
    }
    CROSS_LIST(*timers, crossed, batch->timer_count);
}

bool exports_millrace_plugin_keyed_transformer_process(
    exports_millrace_plugin_keyed_transformer_keyed_batch_t *input,
    exports_millrace_plugin_keyed_transformer_keyed_output_t *ok, guest_string_t *err
) {
    millrace_keyed_batch batch;
    millrace_output out = {
        .arena = &mr_call_arena,
        .description = instance.description,
        .rows = input->rows,
    };
    millrace_status status = instance.started ? batch_from(input, &batch) : NOT_STARTED;
    if (status == MILLRACE_OK) {
        status = mr_run_keyed(&millrace_plugin, instance.plugin, &batch, &out);
    }
    if (status != MILLRACE_OK) {
        *err = mr_cross_string(status);
        return false;
    }
    millrace_column states = millrace_column_of_bytes(
        &mr_call_arena, batch.states, batch.changed_count
    );
    CROSS_LIST(ok->ports, mr_cross_outputs(&out), out.emitted_count);
    CROSS_LIST(ok->errors, mr_cross_errors(&out), out.error_count);
    CROSS_LIST(ok->changed, batch.changed, batch.changed_count);
    ok->states = mr_cross_columns(&states, 1);
    cross_timers(&batch, &ok->timers);
    return true;
}

bool exports_millrace_plugin_keyed_transformer_migrate(
    uint32_t version, exports_millrace_plugin_keyed_transformer_columns_t *states,
    exports_millrace_plugin_keyed_transformer_columns_t *ok, guest_string_t *err
) {
    millrace_batch stored;
    millrace_column migrated;
    size_t count = states->nodes.len > 0 ? states->nodes.ptr[0].length : 0;
    millrace_status status = mr_columns_from(&state_schema, count, states, &stored);
    if (status == MILLRACE_OK) {
        status = mr_run_migrate(
            &millrace_plugin, &mr_call_arena, version, stored.columns, &migrated
        );
    }
    if (status != MILLRACE_OK) {
        *err = mr_cross_string(status);
        return false;
    }
    *ok = mr_cross_columns(&migrated, 1);
    return true;
}

/* `process` has more parameters than are passed one by one. */
const size_t mr_parameter_block_size = sizeof(
    exports_millrace_plugin_keyed_transformer_keyed_batch_t
);

/* All memory of a call is given back at once. */
#define POST_RETURN(function, freed)                                                               \
    EXPORT("cabi_post_millrace:plugin/keyed-transformer@0.1.0#" #function)                         \
    void __wasm_export_exports_millrace_plugin_keyed_transformer_##function##_post_return(uint8_t  \
                                                                                              *);  \
    void __wasm_export_exports_millrace_plugin_keyed_transformer_##function##_post_return(         \
        uint8_t *_                                                                                 \
    ) {                                                                                            \
        (void)_;                                                                                   \
        mr_end_call(freed);                                                                        \
    }

POST_RETURN(about, false)
POST_RETURN(start, false)
POST_RETURN(process, true)
POST_RETURN(migrate, false)
