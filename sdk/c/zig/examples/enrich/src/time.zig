//! Hour and weekday of a timestamp.

const std = @import("std");
const millrace = @import("millrace");

const us_per_minute = 60_000_000;
const us_per_hour = 60 * us_per_minute;
const us_per_day = 24 * us_per_hour;
/// 1970-01-01 was a Thursday, three days after a Monday.
const epoch_weekday = 3;

/// Splits a timestamp, in one offset from UTC.
pub const Time = struct {
    /// The column's place among those that are read.
    column: usize,
    offset_us: i64,

    pub fn init(column: usize, utc_offset_minutes: i64) Time {
        return .{ .column = column, .offset_us = utc_offset_minutes * us_per_minute };
    }

    /// Hours 0 to 23, and weekdays from 1 = Monday to 7 = Sunday.
    pub fn derive(
        self: Time,
        batch: *const millrace.Batch,
        rows: []const u32,
    ) ![2]millrace.Column {
        const gpa = batch.allocator();
        const column = &batch.columns()[self.column];
        const times = column.values(i64);
        const hours = try gpa.alloc(i32, rows.len);
        const weekdays = try gpa.alloc(i32, rows.len);
        const valid = try gpa.alloc(bool, rows.len);
        for (rows, hours, weekdays, valid) |row, *hour, *weekday, *is_valid| {
            const us = times[row] +| self.offset_us;
            hour.* = hourOf(us);
            weekday.* = weekdayOf(us);
            is_valid.* = column.isValid(row);
        }
        return .{
            millrace.columnAs(batch.arena, .int32, hours, valid),
            millrace.columnAs(batch.arena, .int32, weekdays, valid),
        };
    }
};

fn hourOf(us: i64) i32 {
    return @intCast(@divFloor(@mod(us, us_per_day), us_per_hour));
}

fn weekdayOf(us: i64) i32 {
    return @intCast(@mod(@divFloor(us, us_per_day) + epoch_weekday, 7) + 1);
}

test "hours and weekdays are right on both sides of 1970" {
    const cases = [_]struct { i64, i32, i32 }{
        .{ 0, 0, 4 },
        .{ -1, 23, 3 },
        .{ 1_700_000_000_000_000, 22, 2 },
        .{ us_per_day * 3, 0, 7 },
        .{ us_per_day * 4, 0, 1 },
        .{ std.math.minInt(i64), 19, 7 },
        .{ std.math.maxInt(i64), 4, 7 },
    };
    for (cases) |case| {
        const us, const hour, const weekday = case;
        try std.testing.expectEqual(hour, hourOf(us));
        try std.testing.expectEqual(weekday, weekdayOf(us));
    }
}
