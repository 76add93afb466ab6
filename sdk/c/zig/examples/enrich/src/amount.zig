//! Amounts in one currency.

const std = @import("std");
const millrace = @import("millrace");

const Codes = @import("codes.zig").Codes;

/// More characters of a text than this do not help to find a mistake.
const chars_max = 40;

/// Multiplies amounts with the rate of their currency.
pub const Amount = struct {
    /// The amounts' place among the columns that are read.
    amount: usize,
    /// The currencies' place, and their name for a refusal.
    currency: usize,
    currency_name: [:0]const u8,
    base: []const u8,
    codes: Codes,
    /// By the place of a currency in `codes`: how much of the base one unit is worth.
    rates: []const ?f64,

    /// The amounts of all rows, less those that are refused because there is no rate: they leave
    /// `rows`.
    pub fn derive(
        self: *const Amount,
        batch: *const millrace.Batch,
        rows: *[]u32,
        out: *millrace.Output,
    ) !millrace.Column {
        const gpa = batch.allocator();
        const amounts = &batch.columns()[self.amount];
        const currencies = &batch.columns()[self.currency];
        const numbers = amounts.numbers(batch.arena);
        const converted = try gpa.alloc(?f64, rows.len);
        var left: usize = 0;
        for (rows.*) |row| {
            rows.*[left] = row;
            if (!amounts.isValid(row)) {
                // Nothing is nothing in any currency.
                converted[left] = null;
            } else {
                const currency = currencies.get([]const u8, row);
                const rate = try self.rateOf(gpa, currency) orelse {
                    self.refuse(out, row, currency);
                    continue;
                };
                converted[left] = numbers[row] * rate;
            }
            left += 1;
        }
        rows.* = rows.*[0..left];
        return millrace.columnOf(batch.arena, converted[0..left]);
    }

    fn rateOf(self: *const Amount, gpa: std.mem.Allocator, currency: ?[]const u8) !?f64 {
        const at = try self.codes.find(gpa, currency orelse return null) orelse return null;
        return self.rates[at];
    }

    fn refuse(self: *const Amount, out: *millrace.Output, row: u32, currency: ?[]const u8) void {
        if (currency) |text| {
            const format = "there is no rate from `{s}` to {s}";
            const args = .{ firstChars(text), self.base };
            out.rowErrorIn(row, self.currency_name, "no_rate", format, args);
        } else {
            const format = "the currency is null, so there is no rate to {s}";
            out.rowErrorIn(row, self.currency_name, "no_rate", format, .{self.base});
        }
    }
};

fn firstChars(text: []const u8) []const u8 {
    var chars: usize = 0;
    for (text, 0..) |byte, at| {
        const begins = byte & 0xC0 != 0x80;
        if (begins and chars == chars_max) return text[0..at];
        chars += @intFromBool(begins);
    }
    return text;
}

/// Whether amounts of this type can be converted.
pub fn isAmount(of: millrace.Type) bool {
    return switch (of.kind) {
        .float64, .float32, .int64, .int32, .decimal128 => true,
        else => false,
    };
}
