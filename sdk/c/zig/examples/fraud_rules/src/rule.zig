//! One rule, and which rows it matches.

const std = @import("std");
const millrace = @import("millrace");

const Words = @import("words.zig").Words;

/// Where a row goes that a rule matches.
pub const Outcome = enum { fraud, review };

/// What is tested. Null passes no test.
pub const Test = union(enum) {
    /// A number above this one.
    over: f64,
    /// A number below this one.
    under: f64,
    /// An hour whose bit is set.
    hours: u24,
    one_of: Words,
    none_of: Words,
};

/// A test of one column.
pub const Condition = struct {
    /// The column's place among those that the plugin reads.
    column: usize,
    what: Test,
};

/// Matches a row if all of its conditions hold.
pub const Rule = struct {
    name: []const u8,
    outcome: Outcome,
    reason: []const u8,
    conditions: []const Condition,

    /// Those of `open` that the rule matches, in the memory of `matching`.
    pub fn match(
        self: *const Rule,
        batch: *const millrace.Batch,
        open: []const u32,
        matching: []u32,
    ) []const u32 {
        var rows = open;
        for (self.conditions) |*condition| {
            if (rows.len == 0) break;
            rows = condition.keep(batch, rows, matching);
        }
        return rows;
    }
};

/// Every test goes over the rows that are left, one column after the other.
const Rows = struct {
    from: []const u32,
    kept: []u32,

    /// A row is always written and counted only if it passes: so there is no branch to be guessed
    /// wrong.
    inline fn keep(self: Rows, context: anytype) []const u32 {
        var left: usize = 0;
        for (self.from) |row| {
            self.kept[left] = row;
            left += @intFromBool(context.passes(row));
        }
        return self.kept[0..left];
    }
};
