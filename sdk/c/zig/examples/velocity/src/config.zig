//! The step's configuration, and the columns that it names.

const std = @import("std");
const millrace = @import("millrace");

/// The port of rows that are not flagged.
pub const main = "main";

/// `[step.X.config]`.
pub const Config = struct {
    /// How far back rows count, such as `60s`, `5m`, `24h` or `7d`.
    within: millrace.Span,
    /// The column that is summed; without it every row counts as 0.
    amount: ?[:0]const u8,
    /// More rows than this within the time are flagged.
    max_count: ?u64,
    /// A sum above this is flagged.
    max_sum: ?f64,
    /// The port to which flagged rows go instead of `main`.
    flagged: ?[:0]const u8,

    /// Which limit is passed.
    pub inline fn flag(self: *const Config, count: u64, sum: f64) ?[]const u8 {
        const of_count = if (self.max_count) |max| count > max else false;
        const of_sum = if (self.max_sum) |max| sum > max else false;
        if (of_count) return if (of_sum) "count,sum" else "count";
        return if (of_sum) "sum" else null;
    }
};

pub fn resolve(setup: *millrace.Start) !Config {
    const config = try setup.config(Config);
    if (config.max_sum != null and config.amount == null) {
        setup.mistake("max_sum", "needs `amount`, the column that is summed", .{});
    }
    if (config.flagged) |flagged| {
        if (config.max_count == null and config.max_sum == null) {
            setup.mistake("flagged", "needs a limit: `max_count` or `max_sum`", .{});
        }
        if (std.mem.eql(u8, flagged, main)) {
            setup.mistake("flagged", "must be another port than `main`", .{});
        }
    }
    if (config.amount) |amount| checkAmount(setup, amount);
    try setup.check();
    return config;
}

fn checkAmount(setup: *millrace.Start, amount: [:0]const u8) void {
    const field = setup.input.find(amount) orelse {
        return setup.mistake("amount", "the input has no column `{s}`", .{amount});
    };
    switch (field.type.kind) {
        .float64, .int64 => {},
        else => setup.mistake(
            "amount",
            "column `{s}` is {s}; it must be float64 or int64 (SQL can cast)",
            .{ amount, field.type.name(setup.arena) },
        ),
    }
}
