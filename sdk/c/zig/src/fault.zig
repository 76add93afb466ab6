//! How a plugin says why it failed. An error of Zig carries no text, so the text waits here until
//! the SDK has caught the error; it takes the place of the error's name.

const std = @import("std");
const c = @import("c");

/// The host cuts a report at so many bytes, and so are all messages.
pub const message_bytes_max = 4096;

/// Fails the call, or refuses the row, whose function returns this error:
///
///     return millrace.fail("there is no rate for {s}", .{currency});
pub fn fail(comptime format: []const u8, args: anytype) error{Failed} {
    @branchHint(.cold);
    pending = .{ .message = print(&buffer, format, args) };
    return error.Failed;
}

/// What kind of error refuses a row, and the column at fault.
pub const Refusal = struct {
    /// 1 to 64 lower-case letters, digits and underscores.
    code: [:0]const u8 = "failed",
    column: ?[:0]const u8 = null,
};

/// As `fail`, for one row: `Output.refuse` takes the code and the column as well.
pub fn refuse(
    refusal: Refusal,
    comptime format: []const u8,
    args: anytype,
) error{Refused} {
    @branchHint(.cold);
    pending = .{ .refusal = refusal, .message = print(&buffer, format, args) };
    return error.Refused;
}

/// What is to be said of an error.
pub const Told = struct {
    refusal: Refusal = .{},
    message: [:0]const u8,
};

/// What was said of an error that was just caught. The text is valid until the next one.
pub fn told(err: anyerror) Told {
    @branchHint(.cold);
    if (err == error.Failed or err == error.Refused) {
        if (pending) |said| {
            pending = null;
            return said;
        }
    }
    pending = null;
    return .{ .message = @errorName(err) };
}

/// The status for C of what a function returned; it is valid as long as the call.
pub fn status(result: anyerror!void) c.millrace_status {
    result catch |err| return told(err).message.ptr;
    return null;
}

/// A text of up to `message_bytes_max` bytes, cut at the end of a character.
pub fn print(
    into: *[message_bytes_max]u8,
    comptime format: []const u8,
    args: anytype,
) [:0]const u8 {
    var writer: std.Io.Writer = .fixed(into[0 .. message_bytes_max - 1]);
    writer.print(format, args) catch {};
    var length = writer.end;
    if (length == message_bytes_max - 1) {
        while (length > 0 and into[length - 1] & 0xC0 == 0x80) length -= 1;
        if (length > 0 and into[length - 1] >= 0xC0) length -= 1;
    }
    into[length] = 0;
    return into[0..length :0];
}

/// Ends the plugin at once, with a text that becomes part of the failure which the host reports.
pub fn panicWith(comptime format: []const u8, args: anytype) noreturn {
    @branchHint(.cold);
    @panic(print(&buffer, format, args));
}

/// The panic handler of a component: says why, then traps.
pub const panic = std.debug.FullPanic(report);

fn report(message: []const u8, _: ?usize) noreturn {
    @branchHint(.cold);
    var text: [message_bytes_max]u8 = undefined;
    c.millrace_fail("%s", print(&text, "{s}", .{message}).ptr);
}

threadlocal var buffer: [message_bytes_max]u8 = undefined;
threadlocal var pending: ?Told = null;
