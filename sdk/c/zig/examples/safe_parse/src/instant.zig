//! Timestamps and dates as text: RFC 3339, with ISO 8601's common departures from it.

const std = @import("std");

const us_per_second = 1_000_000;
const seconds_per_day = 86_400;

/// 0001-01-01T00:00:00Z and the last microsecond of 9999, the years that RFC 3339 can write. An
/// epoch number beyond them has been given in the wrong unit.
pub const us_min = -62_135_596_800 * us_per_second;
pub const us_max = 253_402_300_800 * us_per_second - 1;

/// Microseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DDTHH:MM[:SS[.fraction]][zone]`.
///
/// A space may stand for the `T`. The zone is `Z`, `+HH:MM`, `+HHMM` or `+HH`; without one the time
/// is UTC. Digits beyond the microsecond are cut. A leap second counts as the next second.
pub fn timestampUs(text: []const u8) ?i64 {
    var cursor: Cursor = .{ .left = text };
    const days = cursor.date() orelse return null;
    if (!cursor.take("Tt ")) return null;
    const hour = cursor.twoDigits(23) orelse return null;
    if (!cursor.take(":")) return null;
    const minute = cursor.twoDigits(59) orelse return null;
    var second: i64 = 0;
    var fraction: i64 = 0;
    if (cursor.take(":")) {
        second = cursor.twoDigits(60) orelse return null;
        if (cursor.take(".,")) fraction = cursor.fractionUs() orelse return null;
    }
    const zone = cursor.zoneSeconds() orelse return null;
    const seconds = days * seconds_per_day + hour * 3600 + minute * 60 + second - zone;
    return seconds * us_per_second + fraction;
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
pub fn dateDays(text: []const u8) ?i32 {
    var cursor: Cursor = .{ .left = text };
    const days = cursor.date() orelse return null;
    return if (cursor.left.len == 0) @intCast(days) else null;
}

/// What is left of a text that is read from the front.
const Cursor = struct {
    left: []const u8,

    /// One of these characters.
    fn take(self: *Cursor, wanted: []const u8) bool {
        if (self.left.len == 0) return false;
        if (std.mem.findScalar(u8, wanted, self.left[0]) == null) return false;
        self.left = self.left[1..];
        return true;
    }

    /// Two digits that are at most `max`.
    fn twoDigits(self: *Cursor, max: i64) ?i64 {
        if (self.left.len < 2) return null;
        const tens, const ones = self.left[0..2].*;
        if (!std.ascii.isDigit(tens) or !std.ascii.isDigit(ones)) return null;
        self.left = self.left[2..];
        const number = @as(i64, tens - '0') * 10 + (ones - '0');
        return if (number <= max) number else null;
    }

    fn date(self: *Cursor) ?i64 {
        const century = self.twoDigits(99) orelse return null;
        const year = century * 100 + (self.twoDigits(99) orelse return null);
        if (!self.take("-")) return null;
        const month = self.twoDigits(12) orelse return null;
        if (!self.take("-")) return null;
        const day = self.twoDigits(31) orelse return null;
        if (year == 0 or month == 0 or day == 0 or day > daysInMonth(year, month)) return null;
        return daysFromCivil(year, month, day);
    }

    /// Microseconds of a fraction's digits, at least one.
    fn fractionUs(self: *Cursor) ?i64 {
        var unit: i64 = us_per_second / 10;
        var us: i64 = 0;
        const before = self.left.len;
        while (self.left.len > 0 and std.ascii.isDigit(self.left[0])) {
            us += (self.left[0] - '0') * unit;
            unit = @divFloor(unit, 10);
            self.left = self.left[1..];
        }
        return if (self.left.len < before) us else null;
    }

    /// How far the zone, which ends the text, is ahead of UTC.
    fn zoneSeconds(self: *Cursor) ?i64 {
        if (self.left.len == 0) return 0;
        if (self.take("Zz")) return if (self.left.len == 0) 0 else null;
        const sign: i64 = if (self.left[0] == '-') -1 else 1;
        if (!self.take("+-")) return null;
        const hours = self.twoDigits(23) orelse return null;
        var minutes: i64 = 0;
        if (self.left.len > 0) {
            _ = self.take(":");
            minutes = self.twoDigits(59) orelse return null;
        }
        return if (self.left.len == 0) sign * (hours * 3600 + minutes * 60) else null;
    }
};

fn daysInMonth(year: i64, month: i64) i64 {
    const leap = @mod(year, 4) == 0 and (@mod(year, 100) != 0 or @mod(year, 400) == 0);
    return switch (month) {
        2 => if (leap) 29 else 28,
        4, 6, 9, 11 => 30,
        else => 31,
    };
}

/// Days since 1970-01-01 of a day after the year 0, by Howard Hinnant's `days_from_civil`
/// (https://howardhinnant.github.io/date_algorithms.html): years begin in March, so that the leap
/// day is the last.
fn daysFromCivil(year_in: i64, month: i64, day: i64) i64 {
    const year = if (month <= 2) year_in - 1 else year_in;
    const era = @divFloor(year, 400);
    const year_of_era = @mod(year, 400);
    const day_of_year = @divFloor(153 * @mod(month + 9, 12) + 2, 5) + day - 1;
    const leap_days = @divFloor(year_of_era, 4) - @divFloor(year_of_era, 100);
    return era * 146_097 + year_of_era * 365 + leap_days + day_of_year - 719_468;
}

test "every accepted form names the same instant" {
    const instant = 1_700_000_000 * us_per_second;
    for ([_][]const u8{
        "2023-11-14T22:13:20Z",
        "2023-11-14t22:13:20z",
        "2023-11-14 22:13:20",
        "2023-11-14T22:13:20.000",
        "2023-11-14T23:13:20+01:00",
        "2023-11-14T23:13:20+01",
        "2023-11-14T16:43:20-0530",
    }) |text| try std.testing.expectEqual(instant, timestampUs(text));
    try std.testing.expectEqual(instant + 123_456, timestampUs("2023-11-14T22:13:20,123456789Z"));
    try std.testing.expectEqual(-1, timestampUs("1969-12-31T23:59:59.999999Z"));
    try std.testing.expectEqual(us_min, timestampUs("0001-01-01T00:00:00Z"));
    try std.testing.expectEqual(us_max, timestampUs("9999-12-31T23:59:59.999999Z"));
}

test "what is no instant is refused" {
    for ([_][]const u8{
        "",
        "2023-11-14",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-11-14T24:00:00Z",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20+1:00",
        "2023-11-14T22:13:20 UTC",
        "2023-11-14T22:13:20Zjunk",
        "2023/11/14T22:13:20Z",
        "2023-11-14T22:1",
    }) |text| try std.testing.expectEqual(null, timestampUs(text));
}

test "dates count days" {
    try std.testing.expectEqual(0, dateDays("1970-01-01"));
    try std.testing.expectEqual(11_016, dateDays("2000-02-29"));
    try std.testing.expectEqual(-1, dateDays("1969-12-31"));
    try std.testing.expectEqual(null, dateDays("2023-11-31"));
    try std.testing.expectEqual(null, dateDays("2023-11-14T00:00:00Z"));
}
