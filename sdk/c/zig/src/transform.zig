//! Plugins that remember nothing: rows in, rows out.

const c = @import("c");

const Batch = @import("column.zig").Batch;
const fault = @import("fault.zig");
const Output = @import("output.zig").Output;
const entry = @import("entry.zig");

/// Makes a component of a struct that has
///
///     pub const about: millrace.About
///     /// Takes the configuration and the input's schema, says what the plugin will do, and
///     /// returns it. Called once per instance, also when a pipeline is merely checked.
///     pub fn start(setup: *millrace.Start) !Plugin
///     /// Transforms one batch. An error fails the whole call, and the host tries again with
///     /// halves of the batch; refuse single rows by `Output.rowError` and `Output.refuse`.
///     pub fn process(self: *Plugin, batch: *const millrace.Batch, out: *millrace.Output) !void
pub fn exportTransform(comptime Plugin: type) void {
    @export(&definition(Plugin), .{ .name = "millrace_plugin_transform" });
}

/// What C is told of a plugin.
pub fn definition(comptime Plugin: type) c.millrace_transform {
    return .{
        .about = Plugin.about.toC(),
        .start = entry.start(Plugin),
        .process = struct {
            fn process(
                plugin: ?*anyopaque,
                batch: [*c]const c.millrace_batch,
                out: ?*c.millrace_output,
            ) callconv(.c) c.millrace_status {
                const self = entry.plugin(Plugin, plugin);
                const rows: *const Batch = @ptrCast(batch);
                return fault.status(Plugin.process(self, rows, @ptrCast(out.?)));
            }
        }.process,
    };
}
