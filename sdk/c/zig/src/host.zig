//! What a plugin may ask of its host. Each of these needs the grant of that name in the pipeline,
//! and each call crosses the boundary: add up in the batch, and call once.

const std = @import("std");
const c = @import("c");

const fault = @import("fault.zig");

/// Lines for the operator of the pipeline; the step needs `grant = ["log"]`. `std.log` goes there
/// too. In a native build they go to standard error. The host cuts a line at 4 KiB.
pub const log = struct {
    /// For the plugin's own author.
    pub fn debug(comptime format: []const u8, args: anytype) void {
        line(c.millrace_log_debug, format, args);
    }

    /// Worth knowing.
    pub fn info(comptime format: []const u8, args: anytype) void {
        line(c.millrace_log_info, format, args);
    }

    /// Probably not what was meant.
    pub fn warn(comptime format: []const u8, args: anytype) void {
        line(c.millrace_log_warn, format, args);
    }

    /// Something is lost or can't be done.
    pub fn err(comptime format: []const u8, args: anytype) void {
        line(c.millrace_log_error, format, args);
    }

    fn line(comptime write: anytype, comptime format: []const u8, args: anytype) void {
        var buffer: [fault.message_bytes_max]u8 = undefined;
        write("%s", fault.print(&buffer, format, args).ptr);
    }

    /// For `std.Options.logFn`.
    pub fn standard(
        comptime level: std.log.Level,
        comptime scope: @EnumLiteral(),
        comptime format: []const u8,
        args: anytype,
    ) void {
        const prefix = if (scope == .default) "" else "(" ++ @tagName(scope) ++ ") ";
        switch (level) {
            .debug => debug(prefix ++ format, args),
            .info => info(prefix ++ format, args),
            .warn => warn(prefix ++ format, args),
            .err => err(prefix ++ format, args),
        }
    }
};

/// Numbers for the operator of the pipeline; the step needs `grant = ["metrics"]`. What a call
/// notes counts once the call has succeeded. A name has 1 to 64 of a-z, 0-9 and _, and begins with
/// a letter; a plugin has at most 64 of them.
pub const metrics = struct {
    /// Adds to the counter of this name.
    pub fn count(name: [:0]const u8, amount: u64) void {
        c.millrace_count(name, amount);
    }

    /// Sets the gauge of this name.
    pub fn gauge(name: [:0]const u8, value: f64) void {
        c.millrace_gauge(name, value);
    }
};

/// The time, for transform and keyed plugins; the step needs `grant = ["clock"]`. Output that
/// depends on it may differ when a row comes again after a failure.
pub const clock = struct {
    /// Microseconds since 1970, UTC.
    pub fn now() i64 {
        return c.millrace_now();
    }
};

/// Random numbers, for transform and keyed plugins; the step needs `grant = ["random"]`. Output
/// that depends on them may differ when a row comes again after a failure.
pub const random = struct {
    /// A random number, each of them as likely as any other.
    pub fn number() u64 {
        return c.millrace_random();
    }

    /// Fills at most 65,536 bytes. More ends in a trap.
    pub fn bytes(into: []u8) void {
        c.millrace_random_bytes(into.ptr, into.len);
    }

    /// A random number from 0 to 1, which is not reached.
    pub fn fraction() f64 {
        return c.millrace_random_fraction();
    }

    /// For `std.Random`'s distributions: `millrace.random.source().intRangeLessThan(u8, 0, 6)`.
    pub fn source() std.Random {
        return .{ .ptr = undefined, .fillFn = fill };
    }

    fn fill(_: *anyopaque, into: []u8) void {
        bytes(into);
    }
};
