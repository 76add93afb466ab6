//! What the entry points of all worlds share.

const c = @import("c");

const fault = @import("fault.zig");
const Start = @import("start.zig").Start;

const StartFunction = fn (setup: [*c]c.millrace_start) callconv(.c) c.millrace_status;

/// Calls the plugin's `start` and keeps what it returns.
pub fn start(comptime Plugin: type) StartFunction {
    return struct {
        fn start(setup: [*c]c.millrace_start) callconv(.c) c.millrace_status {
            const ours: *Start = @ptrCast(setup);
            return fault.status(keep(Plugin, ours));
        }
    }.start;
}

/// The plugin that `start` returned.
pub fn plugin(comptime Plugin: type, kept: ?*anyopaque) *Plugin {
    return @ptrCast(@alignCast(kept.?));
}

fn keep(comptime Plugin: type, setup: *Start) !void {
    const kept = try setup.allocator().create(Plugin);
    kept.* = Plugin.start(setup) catch |err| {
        // The mistakes themselves say it better.
        return if (err == error.Mistakes) {} else err;
    };
    setup.plugin = if (@sizeOf(Plugin) == 0) @ptrCast(setup) else kept;
}

/// Bytes of C; null where theirs are NULL.
pub inline fn slice(of: c.millrace_bytes) ?[]const u8 {
    const first: [*]const u8 = of.bytes orelse return null;
    return first[0..of.length];
}

/// Bytes for C.
pub inline fn bytes(of: []const u8) c.millrace_bytes {
    return .{ .bytes = of.ptr, .length = of.len };
}
