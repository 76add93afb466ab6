//! The root of a component: what has to stand there, so that a plugin's own file need not have it.

const std = @import("std");
const millrace = @import("millrace");
const plugin = @import("plugin");

/// Says why, then traps.
pub const panic = millrace.panic;

pub const std_options: std.Options = if (@hasDecl(plugin, "std_options"))
    plugin.std_options
else
    .{ .logFn = millrace.log.standard };

comptime {
    // The plugin exports itself.
    _ = plugin;
}
