/* What translate-c makes the module `c` of: all headers at once. A plugin defines `millrace_plugin`
 * of the one type of its world, so the four declarations of it go by names of their own here. */
#define millrace_plugin millrace_plugin_aggregate
#include <millrace/aggregate.h>
#undef millrace_plugin
#define millrace_plugin millrace_plugin_keyed
#include <millrace/keyed.h>
#undef millrace_plugin
#define millrace_plugin millrace_plugin_scalar
#include <millrace/scalar.h>
#undef millrace_plugin
#define millrace_plugin millrace_plugin_transform
#include <millrace/transform.h>
#undef millrace_plugin

#include <millrace/clock.h>
#include <millrace/log.h>
#include <millrace/metrics.h>
#include <millrace/random.h>
