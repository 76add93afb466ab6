#include "cross.h"

#include <stdlib.h>

#include "../wide.h"

millrace_arena mr_call_arena;
millrace_arena mr_instance_arena;

/* --- From the host --- */

/* What of a schema or of columns is still to be read. */
typedef struct reader {
    millrace_start *start;
    const millrace_plugin_types_field_t *fields;
    size_t fields_left;
    const millrace_plugin_types_columns_t *columns;
    size_t node;
    size_t buffer;
    millrace_status status;
} reader;

static const char *name_from(millrace_start *start, guest_string_t string) {
    const char *name = millrace_copy(
        start->arena, (millrace_text){ (const char *)string.ptr, string.len }
    );
    if (strlen(name) != string.len) {
        millrace_config_error(start, "", "the name of column `%s` holds a zero byte", name);
    }
    return name;
}

static millrace_field field_from(reader *reader) {
    const millrace_plugin_types_field_t *from = reader->fields++;
    reader->fields_left--;
    const millrace_plugin_types_data_type_t *type = &from->data_type;
    millrace_field field = {
        .name = name_from(reader->start, from->name),
        .type = { .kind = (millrace_kind)type->tag, .child_count = from->children },
        .nullable = from->nullable,
    };
    if (field.type.kind == MILLRACE_DECIMAL128) {
        field.type.precision = type->val.decimal128.precision;
        field.type.scale = type->val.decimal128.scale;
    } else if (field.type.kind == MILLRACE_FIXED_SIZE_BINARY) {
        field.type.width = type->val.fixed_size_binary;
    } else if (field.type.kind == MILLRACE_TIMESTAMP && type->val.timestamp.is_some) {
        field.type.zone = name_from(reader->start, type->val.timestamp.val);
    }
    millrace_arena *arena = reader->start->arena;
    millrace_field *children = MILLRACE_ARRAY(arena, millrace_field, field.type.child_count);
    for (size_t at = 0; at < field.type.child_count && reader->fields_left > 0; at++) {
        children[at] = field_from(reader);
    }
    field.type.children = children;
    return field;
}

void mr_begin_start(
    millrace_start *start, const millrace_plugin_types_field_t *fields, size_t count
) {
    mr_begin_description(start);
    reader reader = { .start = start, .fields = fields, .fields_left = count };
    millrace_field *all = MILLRACE_ARRAY(start->arena, millrace_field, count);
    millrace_schema schema = { .fields = all };
    while (reader.fields_left > 0) {
        all[schema.count++] = field_from(&reader);
    }
    start->input = schema;
}

millrace_schema mr_schema_read(const millrace_start *start, const text_list *names) {
    millrace_field *fields = MILLRACE_ARRAY(start->arena, millrace_field, names->count);
    for (size_t at = 0; at < names->count; at++) {
        const millrace_field *found = millrace_find_field(start->input, names->texts[at]);
        if (found != NULL) {
            fields[at] = *found;
        }
    }
    return (millrace_schema){ fields, names->count };
}

static guest_list_u8_t next_buffer(reader *reader) {
    guest_list_u8_t none = { 0 };
    if (reader->buffer >= reader->columns->buffers.len) {
        reader->status = "the host's columns are short of a buffer";
        return none;
    }
    return reader->columns->buffers.ptr[reader->buffer++];
}

static millrace_column column_from(reader *reader, const millrace_type *type) {
    static const int32_t no_offsets[1] = { 0 };
    millrace_column column = { .type = *type };
    if (reader->node >= reader->columns->nodes.len) {
        reader->status = "the host's columns are short of a node";
        return column;
    }
    millrace_plugin_types_node_t node = reader->columns->nodes.ptr[reader->node++];
    column.length = node.length;
    column.null_count = node.null_count;
    guest_list_u8_t validity = next_buffer(reader);
    column.validity_ = validity.len == 0 || node.null_count == 0 ? NULL : validity.ptr;
    layout layout = mr_layout_of(type->kind);
    if (layout == LAYOUT_OFFSETS || layout == LAYOUT_LIST) {
        guest_list_u8_t offsets = next_buffer(reader);
        /* Buffers are aligned: cabi_realloc sees to that. */
        column.offsets_ = offsets.len == 0 ? no_offsets : (const int32_t *)(void *)offsets.ptr;
    }
    if (layout != LAYOUT_LIST && layout != LAYOUT_STRUCT) {
        column.values_ = next_buffer(reader).ptr;
    }
    millrace_column *children = MILLRACE_ARRAY(&mr_call_arena, millrace_column, type->child_count);
    for (size_t at = 0; at < type->child_count; at++) {
        children[at] = column_from(reader, &type->children[at].type);
    }
    column.children = children;
    return column;
}

millrace_status mr_columns_from(
    const millrace_schema *schema, size_t rows, const millrace_plugin_types_columns_t *from,
    millrace_batch *batch
) {
    reader reader = { .columns = from };
    millrace_column *columns = MILLRACE_ARRAY(&mr_call_arena, millrace_column, schema->count);
    const char **names = MILLRACE_ARRAY(&mr_call_arena, const char *, schema->count);
    for (size_t at = 0; at < schema->count; at++) {
        columns[at] = column_from(&reader, &schema->fields[at].type);
        names[at] = schema->fields[at].name;
    }
    *batch = (millrace_batch){
        .rows = (uint32_t)rows,
        .columns = columns,
        .column_count = schema->count,
        .names = names,
        .arena = &mr_call_arena,
    };
    return reader.status;
}

/* --- To the host --- */

guest_string_t mr_cross_string(const char *text) {
    /* The bindings lack a const; what goes to the host is only read. */
    return (guest_string_t){ (uint8_t *)(uintptr_t)text, strlen(text) };
}

guest_list_string_t mr_cross_strings(const text_list *texts) {
    guest_string_t *strings = MILLRACE_ARRAY(&mr_call_arena, guest_string_t, texts->count);
    for (size_t at = 0; at < texts->count; at++) {
        strings[at] = mr_cross_string(texts->texts[at]);
    }
    return (guest_list_string_t){ strings, texts->count };
}

millrace_plugin_types_about_t mr_cross_about(const millrace_about *about) {
    return (millrace_plugin_types_about_t){
        .name = mr_cross_string(about->name),
        .version = mr_cross_string(about->version),
        .summary = mr_cross_string(about->summary),
    };
}

static size_t field_count(const millrace_field *fields, size_t count) {
    size_t all = count;
    for (size_t at = 0; at < count; at++) {
        all += field_count(fields[at].type.children, fields[at].type.child_count);
    }
    return all;
}

static millrace_plugin_types_data_type_t cross_type(const millrace_type *type) {
    millrace_plugin_types_data_type_t crossed = { .tag = (uint8_t)type->kind };
    if (type->kind == MILLRACE_DECIMAL128) {
        crossed.val.decimal128.precision = type->precision;
        crossed.val.decimal128.scale = type->scale;
    } else if (type->kind == MILLRACE_FIXED_SIZE_BINARY) {
        crossed.val.fixed_size_binary = type->width;
    } else if (type->kind == MILLRACE_TIMESTAMP) {
        crossed.val.timestamp.is_some = type->zone != NULL;
        if (type->zone != NULL) {
            crossed.val.timestamp.val = mr_cross_string(type->zone);
        }
    }
    return crossed;
}

static millrace_plugin_types_field_t *put_fields(
    millrace_plugin_types_field_t *out, const millrace_field *fields, size_t count
) {
    for (size_t at = 0; at < count; at++) {
        const millrace_field *field = &fields[at];
        *out++ = (millrace_plugin_types_field_t){
            .name = mr_cross_string(field->name),
            .data_type = cross_type(&field->type),
            .nullable = field->nullable,
            .children = (uint32_t)field->type.child_count,
        };
        out = put_fields(out, field->type.children, field->type.child_count);
    }
    return out;
}

millrace_plugin_types_list_field_t mr_cross_fields(const millrace_field *fields, size_t count) {
    size_t all = field_count(fields, count);
    millrace_plugin_types_field_t *crossed = MILLRACE_ARRAY(
        &mr_call_arena, millrace_plugin_types_field_t, all
    );
    put_fields(crossed, fields, count);
    return (millrace_plugin_types_list_field_t){ crossed, all };
}

millrace_plugin_types_list_field_t mr_cross_result(const millrace_type *type) {
    millrace_field result = { .name = "result", .type = *type, .nullable = true };
    return mr_cross_fields(&result, 1);
}

millrace_plugin_types_port_t *mr_cross_ports(const struct millrace_description *description) {
    size_t count = description->port_count;
    millrace_plugin_types_port_t *ports = MILLRACE_ARRAY(
        &mr_call_arena, millrace_plugin_types_port_t, count
    );
    for (size_t at = 0; at < count; at++) {
        const port *port = &description->ports[at];
        ports[at].name = mr_cross_string(port->name);
        ports[at].adds = mr_cross_fields(port->adds, port->add_count);
        ports[at].drops = mr_cross_strings(&port->drops);
    }
    return ports;
}

millrace_plugin_types_config_error_t *mr_cross_config_errors(
    const struct millrace_description *description
) {
    size_t count = description->error_count;
    millrace_plugin_types_config_error_t *errors = MILLRACE_ARRAY(
        &mr_call_arena, millrace_plugin_types_config_error_t, count
    );
    for (size_t at = 0; at < count; at++) {
        errors[at].path = mr_cross_string(description->errors[at].path);
        errors[at].message = mr_cross_string(description->errors[at].message);
    }
    return errors;
}

/* How many nodes and buffers columns have. */
static void count_parts(
    const millrace_column *columns, size_t count, size_t *nodes, size_t *buffers
) {
    static const uint8_t buffers_of[] = {
        [LAYOUT_BITS] = 2, [LAYOUT_FIXED] = 2,  [LAYOUT_OFFSETS] = 3,
        [LAYOUT_LIST] = 2, [LAYOUT_STRUCT] = 1,
    };
    for (size_t at = 0; at < count; at++) {
        const millrace_type *type = &columns[at].type;
        *nodes += 1;
        *buffers += buffers_of[mr_layout_of(type->kind)];
        count_parts(columns[at].children, type->child_count, nodes, buffers);
    }
}

typedef struct writer {
    millrace_plugin_types_node_t *nodes;
    guest_list_u8_t *buffers;
} writer;

static void put_buffer(writer *writer, const void *bytes, size_t size) {
    *writer->buffers++ = (guest_list_u8_t){ (uint8_t *)(uintptr_t)bytes, size };
}

static void put_column(writer *writer, const millrace_column *column) {
    size_t length = column->length;
    *writer->nodes++ = (millrace_plugin_types_node_t){ (uint32_t)length,
                                                       (uint32_t)column->null_count };
    bool nulls = column->validity_ != NULL && column->null_count > 0;
    put_buffer(writer, column->validity_, nulls ? (length + 7) / 8 : 0);
    layout layout = mr_layout_of(column->type.kind);
    if (layout == LAYOUT_OFFSETS || layout == LAYOUT_LIST) {
        put_buffer(writer, column->offsets_, (length + 1) * sizeof(int32_t));
    }
    if (layout == LAYOUT_BITS) {
        put_buffer(writer, column->values_, (length + 7) / 8);
    } else if (layout == LAYOUT_FIXED) {
        put_buffer(writer, column->values_, length * mr_width_of(&column->type));
    } else if (layout == LAYOUT_OFFSETS) {
        put_buffer(writer, column->values_, (size_t)column->offsets_[length]);
    }
    for (size_t at = 0; at < column->type.child_count; at++) {
        put_column(writer, &column->children[at]);
    }
}

millrace_plugin_types_columns_t mr_cross_columns(const millrace_column *columns, size_t count) {
    size_t nodes = 0;
    size_t buffers = 0;
    count_parts(columns, count, &nodes, &buffers);
    millrace_plugin_types_columns_t crossed = {
        .nodes = { MILLRACE_ARRAY(&mr_call_arena, millrace_plugin_types_node_t, nodes), nodes },
        .buffers = { MILLRACE_ARRAY(&mr_call_arena, guest_list_u8_t, buffers), buffers },
    };
    writer writer = { crossed.nodes.ptr, crossed.buffers.ptr };
    for (size_t at = 0; at < count; at++) {
        put_column(&writer, &columns[at]);
    }
    return crossed;
}

millrace_plugin_types_port_output_t *mr_cross_outputs(const millrace_output *out) {
    size_t count = out->emitted_count;
    millrace_plugin_types_port_output_t *outputs = MILLRACE_ARRAY(
        &mr_call_arena, millrace_plugin_types_port_output_t, count
    );
    for (size_t at = 0; at < count; at++) {
        const emitted *emitted = &out->emitted[at];
        millrace_plugin_types_port_output_t *output = &outputs[at];
        output->port = (uint32_t)emitted->port;
        output->rows.tag = MILLRACE_PLUGIN_TYPES_SELECTION_ALL;
        if (!emitted->all) {
            output->rows.tag = MILLRACE_PLUGIN_TYPES_SELECTION_ROWS;
            output->rows.val.rows = (guest_list_u32_t){ (uint32_t *)(uintptr_t)emitted->rows,
                                                        emitted->row_count };
        }
        output->columns = mr_cross_columns(emitted->columns, emitted->column_count);
    }
    return outputs;
}

millrace_plugin_types_row_error_t *mr_cross_errors(const millrace_output *out) {
    size_t count = out->error_count;
    millrace_plugin_types_row_error_t *errors = MILLRACE_ARRAY(
        &mr_call_arena, millrace_plugin_types_row_error_t, count
    );
    for (size_t at = 0; at < count; at++) {
        const row_error *error = &out->errors[at];
        errors[at].row = error->row;
        errors[at].code = mr_cross_string(error->code);
        errors[at].message = mr_cross_string(error->message);
        errors[at].column.is_some = error->column != NULL;
        if (error->column != NULL) {
            errors[at].column.val = mr_cross_string(error->column);
        }
    }
    return errors;
}

/* --- Memory --- */

/* What is special about the first memory that the host asks for in a call. */
static struct {
    bool begun;
    void *parameters;
} call;

void mr_end_call(bool freed) {
    if (!freed) {
        free(call.parameters);
    }
    call.parameters = NULL;
    call.begun = false;
    mr_arena_reset(&mr_call_arena);
}

/*
 * This takes the place of the weak definition of the bindings. All that the host hands over goes
 * into the memory of the call, aligned for any type, and is given back with it. But for the block of
 * parameters, which the bindings give to free(): it is what a call asks for first.
 */
EXPORT("cabi_realloc")
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size);

void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)align;
    bool first = !call.begun;
    call.begun = true;
    if (first && size != 0 && size == mr_parameter_block_size) {
        call.parameters = malloc(size);
        if (call.parameters == NULL) {
            millrace_fail("out of memory: %zu bytes", size);
        }
        return call.parameters;
    }
    return mr_arena_grow(&mr_call_arena, old_size == 0 ? NULL : old, old_size, size);
}
