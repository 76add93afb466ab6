//! Derived columns: countries and currencies by their codes, amounts in one currency, the parts of
//! a time, and masked text.
//!
//! config.zig makes a list of derivations; each takes its columns of a batch and makes new ones.
//! Only amount.zig may refuse a row, so it goes first and the others see the rows that are left.

const std = @import("std");
const millrace = @import("millrace");

const Codes = @import("codes.zig").Codes;
const config = @import("config.zig");
const Mask = @import("mask.zig").Mask;
const Time = @import("time.zig").Time;

/// One section of the configuration, but for `amount`.
pub const Derivation = union(enum) {
    /// A country or currency by its code.
    code: struct { column: usize, codes: Codes },
    time: Time,
    mask: Mask,
};

pub const Enrich = struct {
    plan: config.Plan,

    pub const about: millrace.About = .{
        .name = "enrich",
        .version = "0.1.0",
        .summary = "Normalises countries and currencies, converts amounts, splits time and " ++
            "masks text",
    };

    pub fn start(setup: *millrace.Start) !Enrich {
        const plan = try config.resolve(setup);
        setup.port("main", plan.adds);
        return .{ .plan = plan };
    }

    pub fn process(self: *Enrich, batch: *const millrace.Batch, out: *millrace.Output) !void {
        const gpa = batch.allocator();
        var rows = try gpa.alloc(u32, batch.rows);
        for (rows, 0..) |*row, number| row.* = @intCast(number);
        var columns: std.ArrayList(millrace.Column) = .empty;
        if (self.plan.amount) |*amount| {
            try columns.append(gpa, try amount.derive(batch, &rows, out));
        }
        for (self.plan.derivations) |*derivation| switch (derivation.*) {
            .code => |*code| {
                try columns.append(gpa, try code.codes.derive(batch, code.column, rows));
            },
            .time => |time| try columns.appendSlice(gpa, &try time.derive(batch, rows)),
            .mask => |mask| try columns.append(gpa, try mask.derive(batch, rows)),
        };
        if (rows.len == batch.rows) {
            out.all("main", columns.items);
        } else {
            out.some("main", rows, columns.items);
        }
    }
};

comptime {
    millrace.exportTransform(Enrich);
}
