/* Types of the contract to those of the SDK and back, for all worlds. */
#ifndef MILLRACE_SRC_GUEST_CROSS_H
#define MILLRACE_SRC_GUEST_CROSS_H

#include "../arena.h"
#include "../describe.h"
#include "../output.h"
#include "guest.h"

/* Memory of the call at hand: what the host hands over, what the plugin makes, what goes back. */
extern millrace_arena mr_call_arena;

/* Memory that lives as long as the instance. */
extern millrace_arena mr_instance_arena;

/* Ends a call: all of its memory is given back at once. `freed` says whether the bindings have freed
 * the block of parameters. */
void mr_end_call(bool freed);

/* The bytes of the parameters of the one export that has too many of them to take them one by one,
 * or 0 if the world has none. */
extern const size_t mr_parameter_block_size;

/* Exports a function under a name of the contract, in place of the weak one of the bindings. */
#define EXPORT(name) __attribute__((__export_name__(name)))

/* Lists of the bindings that differ in name alone. */
#define CROSS_LIST(list, pointer, count) ((list).ptr = (pointer), (list).len = (count))

guest_string_t mr_cross_string(const char *text);
guest_list_string_t mr_cross_strings(const text_list *texts);
millrace_plugin_types_about_t mr_cross_about(const millrace_about *about);

/* Sets the schema of the input; `mr_run_start` does the rest. */
void mr_begin_start(
    millrace_start *start, const millrace_plugin_types_field_t *fields, size_t count
);

/* The failure of a call that came too early. */
#define NOT_STARTED "the plugin was called before `start`"

static inline millrace_text text_from(const guest_string_t *string) {
    return (millrace_text){ (const char *)string->ptr, string->len };
}

/* Columns from the host: as many as `schema` has fields. The status says why they are none. */
millrace_status mr_columns_from(
    const millrace_schema *schema, size_t rows, const millrace_plugin_types_columns_t *from,
    millrace_batch *batch
);

/* The fields of the columns that are read. */
millrace_schema mr_schema_read(const millrace_start *start, const text_list *names);

/* Columns to the host. */
millrace_plugin_types_columns_t mr_cross_columns(const millrace_column *columns, size_t count);

/* A flat schema to the host. */
millrace_plugin_types_list_field_t mr_cross_fields(const millrace_field *fields, size_t count);

/* The type of a function's result, as a flat schema. */
millrace_plugin_types_list_field_t mr_cross_result(const millrace_type *type);

/* The ports of a description, as many as it has. */
millrace_plugin_types_port_t *mr_cross_ports(const struct millrace_description *description);

/* What was put out, as many as there are. */
millrace_plugin_types_port_output_t *mr_cross_outputs(const millrace_output *out);
millrace_plugin_types_row_error_t *mr_cross_errors(const millrace_output *out);

/* The mistakes of a configuration, as many as there are. */
millrace_plugin_types_config_error_t *mr_cross_config_errors(
    const struct millrace_description *description
);

#endif
