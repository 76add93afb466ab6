//! Decimals from the text of a number, without a detour through floating point.

const std = @import("std");

pub const DecimalError = error{
    NoNumber,
    /// More digits before the point than precision and scale leave.
    TooLarge,
    /// A digit other than 0 beyond the scale.
    TooFine,
};

/// The number in `text`, in JSON's grammar, times 10 to the `scale`.
pub fn parse(text: []const u8, precision: u8, scale: u8) DecimalError!i128 {
    const number = try Number.split(text);
    const fraction = std.mem.trimEnd(u8, number.fraction, "0");
    var digits: i128 = 0;
    for ([_][]const u8{ number.whole, fraction }) |part| {
        for (part) |digit| {
            digits = std.math.mul(i128, digits, 10) catch return error.TooLarge;
            digits = std.math.add(i128, digits, digit - '0') catch return error.TooLarge;
        }
    }
    if (digits == 0) return 0;
    const places: i64 = @intCast(fraction.len);
    const shift = @as(i64, scale) + number.exponent - places;
    const power = powerOfTen(@abs(shift)) catch {
        return if (shift >= 0) error.TooLarge else error.TooFine;
    };
    if (shift >= 0) {
        digits = std.math.mul(i128, digits, power) catch return error.TooLarge;
    } else {
        if (@rem(digits, power) != 0) return error.TooFine;
        digits = @divTrunc(digits, power);
    }
    const end = powerOfTen(precision) catch unreachable;
    if (digits >= end) return error.TooLarge;
    return if (number.negative) -digits else digits;
}

fn powerOfTen(exponent: u64) !i128 {
    var power: i128 = 1;
    for (0..@min(exponent, 40)) |_| power = try std.math.mul(i128, power, 10);
    return power;
}

/// The parts of a number in JSON's grammar.
const Number = struct {
    negative: bool,
    whole: []const u8,
    fraction: []const u8,
    exponent: i32,

    fn split(text: []const u8) error{NoNumber}!Number {
        const negative = std.mem.startsWith(u8, text, "-");
        const unsigned = if (negative) text[1..] else text;
        var mantissa = unsigned;
        var exponent: i32 = 0;
        if (std.mem.findAny(u8, unsigned, "eE")) |mark| {
            mantissa = unsigned[0..mark];
            const digits = unsigned[mark + 1 ..];
            // The parser would let underscores pass.
            if (std.mem.findScalar(u8, digits, '_') != null) return error.NoNumber;
            exponent = std.fmt.parseInt(i32, digits, 10) catch return error.NoNumber;
        }
        var whole = mantissa;
        var fraction: []const u8 = "";
        if (std.mem.cutScalar(u8, mantissa, '.')) |parts| {
            whole, fraction = parts;
            if (fraction.len == 0) return error.NoNumber;
        }
        const plain = whole.len == 1 or (whole.len > 1 and whole[0] != '0');
        if (!plain or !allDigits(whole) or !allDigits(fraction)) return error.NoNumber;
        return .{
            .negative = negative,
            .whole = whole,
            .fraction = fraction,
            .exponent = exponent,
        };
    }
};

fn allDigits(text: []const u8) bool {
    return for (text) |byte| {
        if (!std.ascii.isDigit(byte)) break false;
    } else true;
}

test "a number is taken digit by digit" {
    const cases = [_]struct { []const u8, i128 }{
        .{ "0", 0 },
        .{ "-0.00", 0 },
        .{ "12.3", 1230 },
        .{ "-12.30", -1230 },
        .{ "0.07", 7 },
        .{ "1.5e3", 150_000 },
        .{ "150E-2", 150 },
        .{ "1.00000000000000000000000000000000000000000000", 100 },
        .{ "0e99999", 0 },
        .{ "99999999.99", 9_999_999_999 },
    };
    for (cases) |case| try std.testing.expectEqual(case[1], parse(case[0], 10, 2));
}

test "what does not fit is refused" {
    const cases = [_]struct { []const u8, DecimalError }{
        .{ "100000000", error.TooLarge },
        .{ "1e99", error.TooLarge },
        .{ "0.001", error.TooFine },
        .{ "1e-99", error.TooFine },
        .{ "", error.NoNumber },
        .{ "01", error.NoNumber },
        .{ ".5", error.NoNumber },
        .{ "1.", error.NoNumber },
        .{ "1e1_0", error.NoNumber },
    };
    for (cases) |case| try std.testing.expectError(case[1], parse(case[0], 10, 2));
}
