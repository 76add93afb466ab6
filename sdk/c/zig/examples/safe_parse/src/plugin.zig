//! Raw bytes to typed columns: one JSON object per row in, one column per declared field out.
//!
//! A row that does not fit its schema is refused with a code, the column and a reason; the rows
//! beside it go on. The way of a row: its text is found here, table.zig walks its fields, and
//! value.zig decides what a column accepts of JSON.

const std = @import("std");
const millrace = @import("millrace");

const config = @import("config.zig");
const Table = @import("table.zig").Table;
const utf8Mistake = @import("text.zig").utf8Mistake;

pub const SafeParse = struct {
    settings: config.Settings,

    pub const about: millrace.About = .{
        .name = "safe_parse",
        .version = "0.1.0",
        .summary = "Parses JSON into typed columns; what does not fit becomes a dead letter " ++
            "with a reason",
    };

    pub fn start(setup: *millrace.Start) !SafeParse {
        return .{ .settings = try config.resolve(setup) };
    }

    pub fn process(self: *SafeParse, batch: *const millrace.Batch, out: *millrace.Output) !void {
        const raw = &batch.columns()[0];
        var table: Table = try .init(&self.settings, batch.arena, batch.rows);
        var taken: std.ArrayList(u32) = try .initCapacity(batch.allocator(), batch.rows);
        for (0..batch.rows) |at| {
            const row: u32 = @intCast(at);
            if (self.pushRow(batch, raw, row, &table)) {
                taken.appendAssumeCapacity(row);
            } else |err| {
                out.refuse(row, err);
            }
        }
        const columns = try table.finish();
        if (taken.items.len == batch.rows) {
            out.all("main", columns);
        } else {
            out.some("main", taken.items, columns);
        }
    }

    inline fn pushRow(
        self: *SafeParse,
        batch: *const millrace.Batch,
        raw: *const millrace.Column,
        row: u32,
        table: *Table,
    ) !void {
        const json = raw.get([]const u8, row) orelse return millrace.refuse(
            .{ .code = "missing", .column = self.settings.raw },
            "the raw value is null",
            .{},
        );
        if (raw.type.kind == .binary) {
            if (try utf8Mistake(batch.allocator(), json)) |mistake| return millrace.refuse(
                .{ .code = "malformed", .column = self.settings.raw },
                "not UTF-8: {s}",
                .{mistake},
            );
        }
        try table.push(json);
    }
};

comptime {
    millrace.exportTransform(SafeParse);
}
