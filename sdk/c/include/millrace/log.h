/* Lines for the operator of the pipeline; the step needs `grant = ["log"]`. In a native build they
 * go to standard error. The host cuts a line at 4 KiB. */
#ifndef MILLRACE_LOG_H
#define MILLRACE_LOG_H

#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For the plugin's own author. */
void millrace_log_debug(const char *format, ...) MILLRACE_PRINTF(1, 2);
/* Worth knowing. */
void millrace_log_info(const char *format, ...) MILLRACE_PRINTF(1, 2);
/* Probably not what was meant. */
void millrace_log_warn(const char *format, ...) MILLRACE_PRINTF(1, 2);
/* Something is lost or can't be done. */
void millrace_log_error(const char *format, ...) MILLRACE_PRINTF(1, 2);

#ifdef __cplusplus
}
#endif
#endif
