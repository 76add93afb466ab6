/* What every world imports: log, metrics and the report of a fault. */

#include <stdarg.h>
#include <stdio.h>

#include "cross.h"
#include "millrace/log.h"
#include "millrace/metrics.h"

/* The host cuts a report at so many bytes. */
#define REPORT_BYTES_MAX 4096

void millrace_fail(const char *format, ...) {
    static char report[REPORT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report, sizeof report, format, arguments);
    va_end(arguments);
    guest_string_t message = mr_cross_string(report);
    millrace_plugin_fault_report(&message);
    __builtin_trap();
}

/* Writes one line, cut as a report is. */
static void log_line(millrace_plugin_log_level_t level, const char *format, va_list arguments) {
    char line[REPORT_BYTES_MAX];
    vsnprintf(line, sizeof line, format, arguments);
    guest_string_t message = mr_cross_string(line);
    millrace_plugin_log_log(level, &message);
}

#define LEVEL(name, level)                                                                         \
    void name(const char *format, ...) {                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        log_line(level, format, arguments);                                                        \
        va_end(arguments);                                                                         \
    }

LEVEL(millrace_log_debug, MILLRACE_PLUGIN_LOG_LEVEL_DEBUG)
LEVEL(millrace_log_info, MILLRACE_PLUGIN_LOG_LEVEL_INFO)
LEVEL(millrace_log_warn, MILLRACE_PLUGIN_LOG_LEVEL_WARN)
LEVEL(millrace_log_error, MILLRACE_PLUGIN_LOG_LEVEL_ERROR)

void millrace_count(const char *name, uint64_t amount) {
    guest_string_t string = mr_cross_string(name);
    millrace_plugin_metrics_count(&string, amount);
}

void millrace_gauge(const char *name, double value) {
    guest_string_t string = mr_cross_string(name);
    millrace_plugin_metrics_gauge(&string, value);
}
