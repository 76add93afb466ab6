/*
 * Plugins that remember nothing: rows in, rows out.
 *
 * A plugin defines `millrace_plugin`, and nothing else is needed:
 *
 *     const millrace_transform millrace_plugin = {
 *         .about = { .name = "flag_large", .version = "0.1.0", .summary = "Marks large amounts" },
 *         .start = start,
 *         .process = process,
 *     };
 */
#ifndef MILLRACE_TRANSFORM_H
#define MILLRACE_TRANSFORM_H

#include "output.h"
#include "start.h"

/* Each world has a symbol of its own, so that a plugin of another one does not link. */
#undef millrace_plugin
#define millrace_plugin millrace_plugin_transform

#ifdef __cplusplus
extern "C" {
#endif

/* A transform plugin. */
typedef struct millrace_transform {
    millrace_about about;

    /*
     * Takes the configuration and the input's schema, says by millrace_reads and millrace_port what
     * the plugin will do, and sets `start->plugin`. Called once per instance, before `process`;
     * also when a pipeline is merely checked. What it notes by millrace_config_error, and a failing
     * status, is shown to the author of the pipeline.
     */
    millrace_status (*start)(millrace_start *start);

    /*
     * Transforms one batch. The output must depend on `start`'s arguments and the batch alone: the
     * host chooses the batches, and may start the plugin anew between any two. A failing status
     * fails the whole call, and the host tries again with halves of the batch; refuse single rows
     * by millrace_row_error.
     */
    millrace_status (*process)(void *plugin, const millrace_batch *batch, millrace_output *out);
} millrace_transform;

/* The plugin, which the author defines. */
extern const millrace_transform millrace_plugin;

#ifdef __cplusplus
}
#endif
#endif
