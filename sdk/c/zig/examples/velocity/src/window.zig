//! The rows of a key that are not older than the window.

const std = @import("std");
const millrace = @import("millrace");

/// What is remembered of a key. Rows of one time are one entry, so that it grows with the distinct
/// times in the window and not with its rows.
pub const Window = struct {
    head: *Head,
    entries: []Entry,

    /// What is in the state, before the entries.
    const Head = extern struct {
        count: u64,
        sum: Fixed,
        /// Entries before this one have left.
        first: u32,
        end: u32,
    };

    /// Rows of one time.
    const Entry = extern struct {
        time: i64,
        count: u64,
        sum: Fixed,
    };

    /// Takes in a row of the current key: what is older than `oldest` leaves. Times never go back.
    /// The window is valid until the next row.
    pub inline fn add(batch: *millrace.KeyedBatch, oldest: i64, time: i64, amount: f64) Window {
        const size = if (batch.state()) |state| state.len else @sizeOf(Head);
        var window = edit(batch, (size - @sizeOf(Head)) / @sizeOf(Entry));
        window.forget(oldest);
        const head = window.head;
        const fixed: Fixed = .of(amount);
        head.count += 1;
        head.sum = head.sum.plus(fixed);
        if (head.end > head.first) {
            const last = &window.entries[head.end - 1];
            if (last.time == time) {
                last.count += 1;
                last.sum = last.sum.plus(fixed);
                return window;
            }
        }
        const end = head.end + 1;
        window = edit(batch, end);
        window.head.end = end;
        window.entries[end - 1] = .{ .time = time, .count = 1, .sum = fixed };
        return window;
    }

    inline fn edit(batch: *millrace.KeyedBatch, count: usize) Window {
        const stored = batch.editItems(Head, Entry, count);
        return .{ .head = stored.head, .entries = stored.items };
    }

    inline fn forget(self: *Window, oldest: i64) void {
        const head = self.head;
        while (head.first < head.end and self.entries[head.first].time < oldest) {
            const entry = &self.entries[head.first];
            head.first += 1;
            head.count -= entry.count;
            head.sum = head.sum.minus(entry.sum);
        }
        // Entries move to the front when as many have left, so that moving costs no more than
        // adding.
        if (head.first > 0 and head.first >= head.end - head.first) {
            const left = self.entries[head.first..head.end];
            @memmove(self.entries[0..left.len], left);
            head.first = 0;
            head.end = @intCast(left.len);
        }
    }
};

/// A number with 64 binary places. A running sum of floating-point numbers would keep the rounding
/// errors of rows that have left; these come and go without a trace, in any order.
pub const Fixed = extern struct {
    low: u64,
    high: u64,

    const places = 18_446_744_073_709_551_616.0;

    /// The number nearest to `value` within +-9.2e18; what is no number counts as 0.
    inline fn of(value: f64) Fixed {
        return from(std.math.lossyCast(i128, value * places));
    }

    pub inline fn float(self: Fixed) f64 {
        return @as(f64, @floatFromInt(self.to())) / places;
    }

    /// Sums that overflow on the way come back as the numbers that made them leave.
    inline fn plus(self: Fixed, other: Fixed) Fixed {
        return from(self.to() +% other.to());
    }

    inline fn minus(self: Fixed, other: Fixed) Fixed {
        return from(self.to() -% other.to());
    }

    inline fn from(number: i128) Fixed {
        const bits: u128 = @bitCast(number);
        return .{ .low = @truncate(bits), .high = @truncate(bits >> 64) };
    }

    inline fn to(self: Fixed) i128 {
        return @bitCast(@as(u128, self.high) << 64 | self.low);
    }
};
