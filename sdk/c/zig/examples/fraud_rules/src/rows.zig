//! Sets of rows, 64 to a word: a test of a column goes through it without a branch per row.

const std = @import("std");

/// Some of the rows of a batch.
pub const Rows = struct {
    words: []u64,
    /// Rows of the batch.
    count: usize,

    pub fn all(gpa: std.mem.Allocator, count: usize) !Rows {
        const words = try gpa.alloc(u64, (count + 63) / 64);
        @memset(words, std.math.maxInt(u64));
        if (count % 64 != 0) words[words.len - 1] = (@as(u64, 1) << @intCast(count % 64)) - 1;
        return .{ .words = words, .count = count };
    }

    /// A copy that may be changed.
    pub fn copy(self: Rows, gpa: std.mem.Allocator) !Rows {
        return .{ .words = try gpa.dupe(u64, self.words), .count = self.count };
    }

    /// Takes the rows of `others` out.
    pub fn remove(self: Rows, others: Rows) void {
        for (self.words, others.words) |*word, other| word.* &= ~other;
    }

    /// The numbers of the rows, growing, in the memory of `into`, which has room for all of the
    /// batch.
    pub fn numbers(self: Rows, into: []u32) []u32 {
        var count: usize = 0;
        for (self.words, 0..) |word, at| {
            const first: u32 = @intCast(at * 64);
            if (word == std.math.maxInt(u64)) {
                for (into[count..][0..64], first..) |*number, row| number.* = @intCast(row);
                count += 64;
                continue;
            }
            var left = word;
            while (left != 0) : (left &= left - 1) {
                into[count] = first + @ctz(left);
                count += 1;
            }
        }
        return into[0..count];
    }

    /// Keeps the rows for which `context.passes(row)`.
    pub inline fn keep(self: Rows, context: anytype) void {
        for (self.words, 0..) |*word, at| {
            var kept: u64 = 0;
            var left = word.*;
            while (left != 0) : (left &= left - 1) {
                const bit: u6 = @intCast(@ctz(left));
                const passes = context.passes(at * 64 + bit);
                kept |= @as(u64, @intFromBool(passes)) << bit;
            }
            word.* = kept;
        }
    }

    pub const Comparison = enum { above, below };

    /// Keeps the rows whose number is above the limit, or below it.
    pub inline fn keepNumbers(
        self: Rows,
        comptime comparison: Comparison,
        values: []const f64,
        limit: f64,
    ) void {
        for (self.words, 0..) |*word, at| {
            if (word.* == 0) continue;
            const first = at * 64;
            if (values.len - first >= 64) {
                word.* &= pass64(comparison, values[first..][0..64], limit);
                continue;
            }
            for (values[first..], 0..) |value, bit| {
                const passes = switch (comparison) {
                    .above => value > limit,
                    .below => value < limit,
                };
                if (!passes) word.* &= ~(@as(u64, 1) << @intCast(bit));
            }
        }
    }
};

/// Which of 64 numbers pass: bit i says so of number i.
inline fn pass64(
    comptime comparison: Rows.Comparison,
    values: *const [64]f64,
    limit: f64,
) u64 {
    const Two = @Vector(2, f64);
    const limits: Two = @splat(limit);
    var passing: u64 = 0;
    inline for (0..32) |at| {
        const two: Two = values[at * 2 ..][0..2].*;
        const pass: u2 = @bitCast(switch (comparison) {
            .above => two > limits,
            .below => two < limits,
        });
        passing |= @as(u64, pass) << (at * 2);
    }
    return passing;
}
