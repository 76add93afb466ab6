#include "describe.h"

#include "wide.h"

size_t millrace_reads(millrace_start *start, const char *column) {
    text_list *reads = &start->description_->reads;
    size_t at = mr_text_list_find(reads, column);
    if (at == reads->count) {
        mr_text_list_add(reads, column);
    }
    return at;
}

size_t millrace_reads_key(millrace_start *start, const char *column) {
    text_list *keys = &start->description_->keys;
    size_t at = mr_text_list_find(keys, column);
    if (at == keys->count) {
        mr_text_list_add(keys, column);
    }
    return at;
}

void millrace_port(
    millrace_start *start, const char *name, const millrace_field *adds, size_t add_count
) {
    struct millrace_description *description = start->description_;
    millrace_field *fields = MILLRACE_ARRAY(start->arena, millrace_field, add_count);
    if (add_count > 0) {
        memcpy(fields, adds, add_count * sizeof *adds);
    }
    size_t count = description->port_count++;
    description->ports = mr_arena_grow(
        start->arena, description->ports, count * sizeof(port), (count + 1) * sizeof(port)
    );
    description->ports[count] = (port){
        .name = name,
        .adds = fields,
        .add_count = add_count,
        .drops = { .arena = start->arena },
    };
}

void millrace_port_drops(millrace_start *start, const char *name, const char *column) {
    struct millrace_description *description = start->description_;
    for (size_t at = 0; at < description->port_count; at++) {
        if (strcmp(description->ports[at].name, name) == 0) {
            mr_text_list_add(&description->ports[at].drops, column);
            return;
        }
    }
    millrace_fail("port `%s` drops `%s` before there is such a port", name, column);
}

void millrace_state_ttl(millrace_start *start, uint64_t microseconds) {
    start->description_->has_ttl = true;
    start->description_->ttl = microseconds;
}

void millrace_result(millrace_start *start, millrace_type type) {
    start->description_->has_result = true;
    start->description_->result = type;
}

void millrace_config_error(millrace_start *start, const char *path, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *message = mr_format_text(start->arena, format, arguments);
    va_end(arguments);
    struct millrace_description *description = start->description_;
    size_t count = description->error_count++;
    size_t size = sizeof(config_error);
    description->errors = mr_arena_grow(
        start->arena, description->errors, count * size, (count + 1) * size
    );
    description->errors[count] = (config_error){ .path = path, .message = message };
}

size_t millrace_config_error_count(const millrace_start *start) {
    return start->description_->error_count;
}

static void check_reads(millrace_start *start, const text_list *names) {
    for (size_t at = 0; at < names->count; at++) {
        if (millrace_find_field(start->input, names->texts[at]) == NULL) {
            millrace_config_error(
                start, "", "the plugin reads `%s`, which its input does not have; it has %s",
                names->texts[at], millrace_field_names(start->arena, start->input)
            );
        }
    }
}

void mr_begin_description(millrace_start *start) {
    start->description_ = MILLRACE_NEW(start->arena, struct millrace_description);
    start->description_->reads.arena = start->arena;
    start->description_->keys.arena = start->arena;
}

void mr_run_start(
    millrace_start *start, millrace_text config, millrace_status (*function)(millrace_start *)
) {
    const char *error = NULL;
    start->config = millrace_json_parse(start->arena, config, &error);
    if (start->config == NULL) {
        millrace_config_error(start, "", "%s", error);
        return;
    }
    if (start->description_->error_count > 0) {
        return;
    }
    millrace_status status = function(start);
    if (status != MILLRACE_OK) {
        millrace_config_error(start, "", "%s", status);
    }
    if (start->description_->error_count == 0) {
        check_reads(start, &start->description_->reads);
        check_reads(start, &start->description_->keys);
    }
}

void mr_check_result(millrace_start *start) {
    if (start->description_->error_count == 0 && !start->description_->has_result) {
        millrace_config_error(start, "", "the function does not say what type it has");
    }
}

millrace_status mr_check_values(
    millrace_arena *arena, const struct millrace_description *description, size_t rows,
    const millrace_column *values
) {
    if (values->type.kind != description->result.kind) {
        return millrace_format(
            arena, "the result is %s, and not %s", mr_kind_name(description->result.kind),
            mr_kind_name(values->type.kind)
        );
    }
    if (values->length != rows) {
        return millrace_format(
            arena, "the result has %zu values for %zu rows", values->length, rows
        );
    }
    return MILLRACE_OK;
}
