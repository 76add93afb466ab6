//! One rule, and which rows it matches.

const millrace = @import("millrace");

const Rows = @import("rows.zig").Rows;
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

    /// Keeps the rows that pass.
    fn keep(self: *const Condition, batch: *const millrace.Batch, rows: Rows) void {
        const column = &batch.columns()[self.column];
        if (column.null_count > 0) rows.keep(Present{ .column = column });
        switch (self.what) {
            .over => |limit| rows.keepNumbers(.above, column.numbers(batch.arena), limit),
            .under => |limit| rows.keepNumbers(.below, column.numbers(batch.arena), limit),
            .hours => |hours| {
                rows.keep(Hour{ .numbers = column.numbers(batch.arena), .hours = hours });
            },
            .one_of => |words| {
                rows.keep(Word{ .column = column, .words = words, .wanted = true });
            },
            .none_of => |words| {
                rows.keep(Word{ .column = column, .words = words, .wanted = false });
            },
        }
    }
};

const Present = struct {
    column: *const millrace.Column,

    pub inline fn passes(self: Present, row: usize) bool {
        return self.column.isValid(row);
    }
};

const Hour = struct {
    numbers: []const f64,
    hours: u24,

    pub inline fn passes(self: Hour, row: usize) bool {
        const hour = self.numbers[row];
        if (!(hour >= 0 and hour < 24)) return false;
        return self.hours >> @intFromFloat(hour) & 1 == 1;
    }
};

const Word = struct {
    column: *const millrace.Column,
    words: Words,
    wanted: bool,

    pub inline fn passes(self: Word, row: usize) bool {
        return self.words.contains(self.column.text(row)) == self.wanted;
    }
};

/// Matches a row if all of its conditions hold.
pub const Rule = struct {
    name: []const u8,
    outcome: Outcome,
    reason: []const u8,
    conditions: []const Condition,

    /// Keeps the rows that the rule matches, one column after the other.
    pub fn keepMatching(self: *const Rule, batch: *const millrace.Batch, rows: Rows) void {
        for (self.conditions) |*condition| condition.keep(batch, rows);
    }
};
