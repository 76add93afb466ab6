//! One rule, and which rows it matches.

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

    /// Goes over the rows that are left; the result is in the memory of `kept`, which may be that
    /// of `rows`.
    fn keep(
        self: *const Condition,
        batch: *const millrace.Batch,
        rows: []const u32,
        kept: []u32,
    ) []const u32 {
        const column = &batch.columns()[self.column];
        var left = rows;
        if (column.null_count > 0) left = keepIf(left, kept, Present{ .column = column });
        switch (self.what) {
            .over, .under, .hours => {
                const numbers = column.numbers(batch.arena);
                return switch (self.what) {
                    .over => |limit| keepIf(left, kept, Over{ .numbers = numbers, .limit = limit }),
                    .under => |limit| keepIf(left, kept, Under{ .numbers = numbers, .limit = limit }),
                    .hours => |hours| keepIf(left, kept, Hours{ .numbers = numbers, .hours = hours }),
                    .one_of, .none_of => unreachable,
                };
            },
            .one_of => |words| return keepIf(left, kept, OneOf{ .column = column, .words = words }),
            .none_of => |words| return keepIf(left, kept, NoneOf{ .column = column, .words = words }),
        }
    }
};

/// Keeps the rows that pass. A row is always written and counted only if it does: so there is no
/// branch to be guessed wrong.
inline fn keepIf(rows: []const u32, kept: []u32, context: anytype) []const u32 {
    var left: usize = 0;
    for (rows) |row| {
        kept[left] = row;
        left += @intFromBool(context.passes(row));
    }
    return kept[0..left];
}

const Present = struct {
    column: *const millrace.Column,

    inline fn passes(self: Present, row: usize) bool {
        return self.column.isValid(row);
    }
};

const Over = struct {
    numbers: []const f64,
    limit: f64,

    inline fn passes(self: Over, row: usize) bool {
        return self.numbers[row] > self.limit;
    }
};

const Under = struct {
    numbers: []const f64,
    limit: f64,

    inline fn passes(self: Under, row: usize) bool {
        return self.numbers[row] < self.limit;
    }
};

const Hours = struct {
    numbers: []const f64,
    hours: u24,

    inline fn passes(self: Hours, row: usize) bool {
        const hour = self.numbers[row];
        if (!(hour >= 0 and hour < 24)) return false;
        return self.hours >> @intFromFloat(hour) & 1 == 1;
    }
};

const OneOf = struct {
    column: *const millrace.Column,
    words: Words,

    inline fn passes(self: OneOf, row: usize) bool {
        return self.words.contains(self.column.text(row));
    }
};

const NoneOf = struct {
    column: *const millrace.Column,
    words: Words,

    inline fn passes(self: NoneOf, row: usize) bool {
        return !self.words.contains(self.column.text(row));
    }
};

/// Matches a row if all of its conditions hold.
pub const Rule = struct {
    name: []const u8,
    outcome: Outcome,
    reason: []const u8,
    conditions: []const Condition,

    /// Those of `open` that the rule matches, in the memory of `matching` or of `open` itself.
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
