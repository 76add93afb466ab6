#include "output.h"

#include "arena.h"
#include "describe.h"
#include "wide.h"

/* Notes the first thing that is wrong. */
static void failed(millrace_output *out, const char *format, ...) MILLRACE_PRINTF(2, 3);

static void failed(millrace_output *out, const char *format, ...) {
    if (out->failure == MILLRACE_OK) {
        va_list arguments;
        va_start(arguments, format);
        out->failure = mr_format_text(out->arena, format, arguments);
        va_end(arguments);
    }
}

/* What of a column the host could only refuse in words of the wire. */
static void check(millrace_output *out, const emitted *emitted) {
    const port *port = &out->description->ports[emitted->port];
    size_t rows = emitted->all ? out->rows : emitted->row_count;
    if (emitted->column_count != port->add_count) {
        failed(
            out, "port `%s` adds %zu columns, and not %zu", port->name, port->add_count,
            emitted->column_count
        );
        return;
    }
    for (size_t at = 0; at < port->add_count; at++) {
        const millrace_field *field = &port->adds[at];
        const millrace_column *column = &emitted->columns[at];
        if (column->type.kind != field->type.kind) {
            failed(
                out, "column `%s` of port `%s` is %s, and not %s", field->name, port->name,
                mr_kind_name(field->type.kind), mr_kind_name(column->type.kind)
            );
        } else if (column->length != rows) {
            failed(
                out, "column `%s` of port `%s` has %zu values for %zu rows", field->name,
                port->name, column->length, rows
            );
        }
    }
}

static void emit(millrace_output *out, const char *name, emitted emitted) {
    const struct millrace_description *description = out->description;
    while (emitted.port < description->port_count
           && strcmp(description->ports[emitted.port].name, name) != 0) {
        emitted.port++;
    }
    if (emitted.port == description->port_count) {
        failed(out, "port `%s` is not in the description", name);
        return;
    }
    check(out, &emitted);
    if (out->emitted_count == out->emitted_capacity) {
        size_t capacity = out->emitted_capacity == 0 ? 4 : out->emitted_capacity * 2;
        size_t size = sizeof emitted;
        out->emitted = mr_arena_grow(
            out->arena, out->emitted, out->emitted_count * size, capacity * size
        );
        out->emitted_capacity = capacity;
    }
    out->emitted[out->emitted_count++] = emitted;
}

/* The columns themselves are copied, so that they may stand on the author's stack; their values
 * are not. */
static const millrace_column *kept(
    millrace_output *out, const millrace_column *columns, size_t count
) {
    millrace_column *copy = MILLRACE_ARRAY(out->arena, millrace_column, count);
    if (count > 0) {
        memcpy(copy, columns, count * sizeof *columns);
    }
    return copy;
}

void millrace_out_all(
    millrace_output *out, const char *port, const millrace_column *columns, size_t column_count
) {
    emitted all = {
        .all = true,
        .columns = kept(out, columns, column_count),
        .column_count = column_count,
    };
    emit(out, port, all);
}

/* Whether these are all rows in their order, which the host need not pick one by one. */
static bool are_all(const millrace_output *out, const uint32_t *rows, size_t count) {
    if (count != out->rows) {
        return false;
    }
    uint32_t different = 0;
    for (size_t at = 0; at < count; at++) {
        different |= rows[at] ^ (uint32_t)at;
    }
    return different == 0;
}

void millrace_out_some(
    millrace_output *out, const char *port, const uint32_t *rows, size_t row_count,
    const millrace_column *columns, size_t column_count
) {
    if (row_count == 0) {
        return;
    }
    emitted some = {
        .all = are_all(out, rows, row_count),
        .rows = rows,
        .row_count = row_count,
        .columns = kept(out, columns, column_count),
        .column_count = column_count,
    };
    emit(out, port, some);
}

static void refuse(
    millrace_output *out, uint32_t row, const char *column, const char *code, const char *message
) {
    if (out->error_count == out->error_capacity) {
        size_t capacity = out->error_capacity == 0 ? 16 : out->error_capacity * 2;
        size_t size = sizeof(row_error);
        out->errors = mr_arena_grow(
            out->arena, out->errors, out->error_count * size, capacity * size
        );
        out->error_capacity = capacity;
    }
    out->errors[out->error_count++] = (row_error
    ){ .row = row, .code = code, .message = message, .column = column };
}

void millrace_row_error(
    millrace_output *out, uint32_t row, const char *code, const char *format, ...
) {
    va_list arguments;
    va_start(arguments, format);
    refuse(out, row, NULL, code, mr_format_text(out->arena, format, arguments));
    va_end(arguments);
}

void millrace_row_error_in(
    millrace_output *out, uint32_t row, const char *column, const char *code, const char *format,
    ...
) {
    va_list arguments;
    va_start(arguments, format);
    refuse(out, row, column, code, mr_format_text(out->arena, format, arguments));
    va_end(arguments);
}

size_t millrace_each_row(
    const millrace_batch *batch, millrace_output *out, millrace_row_function function,
    void *context, uint32_t *rows
) {
    size_t count = 0;
    for (uint32_t row = 0; row < batch->rows; row++) {
        millrace_status status = function(context, batch, row);
        if (status == MILLRACE_OK) {
            rows[count++] = row;
        } else {
            refuse(out, row, NULL, "failed", status);
        }
    }
    return count;
}
