//! Counts and sums the rows of each key within a sliding time.

const std = @import("std");
const millrace = @import("millrace");

const config = @import("config.zig");
const Window = @import("window.zig").Window;

/// The columns that are added.
const Added = struct {
    velocity_count: u64,
    velocity_sum: f64,
    velocity_flag: ?[]const u8,
};

/// Rows for one port.
const PortRows = struct {
    rows: std.ArrayList(u32),
    added: millrace.ColumnBuffer(Added),

    fn init(arena: *millrace.Arena, capacity: usize) !PortRows {
        return .{
            .rows = try .initCapacity(arena.allocator(), capacity),
            .added = try .init(arena, capacity),
        };
    }

    inline fn append(self: *PortRows, row: u32, added: Added) void {
        self.rows.appendAssumeCapacity(row);
        self.added.appendAssumeCapacity(added);
    }

    fn emit(self: *PortRows, out: *millrace.Output, port: [:0]const u8) !void {
        out.some(port, self.rows.items, &try self.added.finish());
    }
};

/// Running count and sum per key, and what is above the limits.
pub const Velocity = struct {
    config: config.Config,

    pub const about: millrace.About = .{
        .name = "velocity",
        .version = "0.1.0",
        .summary = "Counts and sums the rows of each key within a sliding time and flags what " ++
            "is above a limit",
    };

    pub fn start(setup: *millrace.Start) !Velocity {
        const self: Velocity = .{ .config = try config.resolve(setup) };
        if (self.config.amount) |amount| _ = setup.reads(amount);
        // A row leaves the window only when another is more than so much later.
        setup.stateTtl(@as(u64, @intCast(self.config.within.microseconds)) + 1);
        setup.port(config.main, millrace.Field.ofStruct(Added));
        if (self.config.flagged) |port| setup.port(port, millrace.Field.ofStruct(Added));
        return self;
    }

    pub fn process(self: *Velocity, batch: *millrace.KeyedBatch, out: *millrace.Output) !void {
        const rows = batch.rows();
        const amounts = try self.amountsOf(rows);
        var main: PortRows = try .init(batch.arena(), rows.rows);
        var flagged: PortRows = try .init(
            batch.arena(),
            if (self.config.flagged == null) 0 else rows.rows,
        );
        while (batch.next()) |event| {
            const time = switch (event) {
                .row => |row| row.time,
                .timer => null,
            } orelse return millrace.fail(
                "rows need event time: declare it, and keep its order",
                .{},
            );
            const row = event.row.row;
            const window: Window = .add(
                batch,
                time -| self.config.within.microseconds,
                time,
                amounts[row],
            );
            const sum = window.head.sum.float();
            const flag = self.config.flag(window.head.count, sum);
            const added: Added = .{
                .velocity_count = window.head.count,
                .velocity_sum = sum,
                .velocity_flag = flag,
            };
            if (flag != null and self.config.flagged != null) {
                flagged.append(row, added);
            } else {
                main.append(row, added);
            }
        }
        try main.emit(out, config.main);
        if (self.config.flagged) |port| try flagged.emit(out, port);
    }

    /// The amount of each row; null counts as 0.
    fn amountsOf(self: *const Velocity, rows: *const millrace.Batch) ![]const f64 {
        if (self.config.amount == null) {
            const none = try rows.allocator().alloc(f64, rows.rows);
            @memset(none, 0);
            return none;
        }
        const column = &rows.columns()[0];
        const numbers = column.numbers(rows.arena);
        if (column.null_count == 0) return numbers;
        const amounts = try rows.allocator().alloc(f64, rows.rows);
        for (amounts, numbers, 0..) |*amount, number, row| {
            amount.* = if (column.isValid(row)) number else 0;
        }
        return amounts;
    }
};

comptime {
    millrace.exportKeyed(Velocity);
}
