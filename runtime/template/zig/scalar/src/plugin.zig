//! Masks all but the last characters of a text.

const std = @import("std");
const millrace = @import("millrace");

/// The function's configuration.
const Config = struct {
    /// How many characters stay.
    keep: u32,
};

pub const Mask = struct {
    keep: u32,

    pub const about: millrace.About = .{
        .name = "plugin_name",
        .version = "0.1.0",
        .summary = "plugin_summary",
    };

    pub fn start(setup: *millrace.Start) !Mask {
        const config = try setup.config(Config);
        const arguments = setup.input.fields();
        if (arguments.len != 1 or arguments[0].type.kind != .utf8) {
            return millrace.fail("it takes one text: cast the argument", .{});
        }
        setup.result(.utf8);
        return .{ .keep = config.keep };
    }

    pub fn evaluate(
        self: *Mask,
        arguments: *const millrace.Batch,
        out: *millrace.Output,
    ) !millrace.Column {
        const texts = arguments.column("a0");
        const all = try arguments.allocator().alloc(?[]const u8, arguments.rows);
        for (all, 0..) |*into, row| {
            into.* = null;
            const text = texts.get([]const u8, row) orelse continue;
            // The error's text, code and column are what the row is refused with.
            into.* = self.masked(arguments.allocator(), text) catch |err| {
                out.refuse(@intCast(row), err);
                continue;
            };
        }
        return millrace.columnOf(arguments.arena, all);
    }

    fn masked(self: *const Mask, gpa: std.mem.Allocator, text: []const u8) ![]const u8 {
        const hidden = try std.unicode.utf8CountCodepoints(text) -| self.keep;
        if (hidden == 0) {
            return millrace.refuse(.{ .code = "too_short" }, "masking would hide nothing", .{});
        }
        var characters = std.unicode.Utf8View.initUnchecked(text).iterator();
        for (0..hidden) |_| _ = characters.nextCodepoint();
        const shown = text[characters.i..];
        const all = try gpa.alloc(u8, hidden + shown.len);
        @memset(all[0..hidden], '*');
        @memcpy(all[hidden..], shown);
        return all;
    }
};

comptime {
    millrace.exportScalar(Mask);
}

test "all but the last characters are masked" {
    const run: millrace.testing.Run = .scalar(Mask,
        \\{"keep": 4}
    ,
        \\{"a0": "string"}
    );
    run.rows(
        \\{"a0": "4111 1111"}
        \\{"a0": null}
        \\{"a0": "1"}
    );
    run.expect("main",
        \\{"a0": "4111 1111", "result": "*****1111"}
        \\{"a0": null, "result": null}
    );
    run.expect("errors",
        \\{"row": 2, "code": "too_short"}
    );
    try run.end();
}
