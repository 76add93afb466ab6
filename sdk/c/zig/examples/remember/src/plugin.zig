//! Does with state, timers and large state what its rows say, for tests of SDKs.

const std = @import("std");
const millrace = @import("millrace");

const second = 1_000_000;
const entries_max = 100;

/// What is remembered of a key.
const Totals = extern struct {
    count: u64,
    sum: i64,
};

/// What rows on `main` have besides their own columns.
const Remembered = struct {
    count: u64,
    sum: i64,
    entries: u64,
    first: ?[]const u8,
    list_start: u64,
    list_end: u64,
    last: ?[]const u8,
};

/// A row that a timer makes.
const Report = struct {
    name: ?[]const u8,
    timer: ?u32,
    clock: ?[]const u8,
    due: ?i64,
    count: ?u64,
    sum: ?i64,
};

/// What a row may ask for.
const Op = enum { add, timer, timer2, delay, cancel, forget, put, drop, append, trim, refuse };

pub const Remember = struct {
    pub const about: millrace.About = .{
        .name = "remember",
        .version = "0.1.0",
        .summary = "Does with state, timers and large state what its rows say, for tests of SDKs",
    };
    pub const state_version = 2;
    pub const reads_versions: []const u32 = &.{1};

    pub fn start(setup: *millrace.Start) !Remember {
        _ = try setup.config(struct {});
        if (!is(setup, "op", .utf8)) setup.mistake("", "column `op` must be Utf8", .{});
        if (!is(setup, "value", .int64)) setup.mistake("", "column `value` must be Int64", .{});
        const name = if (setup.key().len > 0) std.mem.span(setup.key()[0]) else "";
        if (!is(setup, name, .utf8)) {
            setup.mistake("", "the first column of the key must be Utf8", .{});
        }
        try setup.check();
        _ = setup.reads("op");
        _ = setup.reads("value");
        _ = setup.readsKey(name);
        setup.port("main", millrace.Field.ofStruct(Remembered));
        setup.port("reports", millrace.Field.ofStruct(Report));
        return .{};
    }

    pub fn process(_: *Remember, batch: *millrace.KeyedBatch, out: *millrace.Output) !void {
        const gpa = batch.allocator();
        const ops = batch.rows().column("op");
        const values = batch.rows().column("value");
        var rows: std.ArrayList(u32) = .empty;
        var remembered: millrace.ColumnBuffer(Remembered) = try .init(batch.arena(), 64);
        var reported: std.ArrayList(u32) = .empty;
        var reports: millrace.ColumnBuffer(Report) = try .init(batch.arena(), 16);
        while (batch.next()) |event| switch (event) {
            .row => |row| {
                const op = ops.get([]const u8, row.row) orelse "";
                const value = values.get(i64, row.row) orelse 0;
                do(batch, op, value, row.time orelse 0) catch |err| {
                    out.refuse(row.row, err);
                    continue;
                };
                try remembered.append(try look(batch));
                try rows.append(gpa, row.row);
            },
            .timer => |timer| {
                try reports.append(report(batch, timer));
                try reported.append(gpa, batch.keyRow());
                if (timer.id == 2) {
                    batch.setTimer(1, timer.at + second);
                    batch.edit(Totals).count += 1;
                }
            },
        };
        out.some("main", rows.items, &try remembered.finish());
        out.some("reports", reported.items, &try reports.finish());
    }

    /// Version 1 was `COUNT,SUM` as text.
    pub fn migrate(arena: *millrace.Arena, _: u32, state: []const u8) ![]const u8 {
        const totals = parse(state) catch {
            return millrace.fail("`{s}` is no state of version 1", .{state});
        };
        return arena.allocator().dupe(u8, std.mem.asBytes(&totals));
    }
};

fn is(setup: *millrace.Start, name: []const u8, kind: millrace.Kind) bool {
    const field = setup.input.find(name) orelse return false;
    return field.type.kind == kind;
}

fn parse(state: []const u8) !Totals {
    const count, const sum = std.mem.cutScalar(u8, state, ',') orelse return error.NoState;
    return .{
        .count = try std.fmt.parseInt(u64, count, 10),
        .sum = try std.fmt.parseInt(i64, sum, 10),
    };
}

/// Does what a row asks for; an error refuses it.
fn do(batch: *millrace.KeyedBatch, op: []const u8, value: i64, time: i64) !void {
    const after = time +% value *% second;
    const name = try batch.arena().print("{d}", .{value});
    switch (std.meta.stringToEnum(Op, op) orelse return millrace.refuse(
        .{ .code = "unknown_op", .column = "op" },
        "`{s}` is no operation",
        .{op},
    )) {
        .add => {
            const totals = batch.edit(Totals);
            totals.count += 1;
            totals.sum +%= value;
        },
        .timer => batch.setTimer(1, after),
        .timer2 => batch.setTimer(2, after),
        .delay => batch.setProcessingTimer(3, @abs(value) *% second),
        .cancel => batch.cancelTimer(1),
        .forget => batch.clearState(),
        .put => {
            const count = totalsOf(batch).count;
            batch.map("m").put(name, try batch.arena().print("{d}", .{count}));
        },
        .drop => batch.map("m").remove(name),
        .append => batch.list("l").append(name),
        .trim => batch.list("l").remove(@max(value, 0)),
        .refuse => return millrace.refuse(
            .{ .code = "refused", .column = "op" },
            "the row asks to be refused",
            .{},
        ),
    }
}

fn totalsOf(batch: *const millrace.KeyedBatch) Totals {
    return batch.stateAs(Totals) orelse .{ .count = 0, .sum = 0 };
}

/// What is remembered of the key at hand.
fn look(batch: *millrace.KeyedBatch) !Remembered {
    const totals = totalsOf(batch);
    const entries = batch.map("m").scan(null, entries_max);
    const list = batch.list("l");
    const range = list.range();
    const first = if (entries.count > 0) entries.get(0) else null;
    return .{
        .count = totals.count,
        .sum = totals.sum,
        .entries = entries.count,
        .first = if (first) |entry|
            try batch.arena().print("{s}={s}", .{ entry.name, entry.value })
        else
            null,
        .list_start = range.first,
        .list_end = range.end,
        .last = if (range.end > range.first) list.read(range.end - 1, 1).get(0) else null,
    };
}

/// What a timer of the key at hand reports.
fn report(batch: *millrace.KeyedBatch, timer: millrace.Event.Timer) Report {
    const totals = totalsOf(batch);
    return .{
        .name = batch.keys().columns()[0].get([]const u8, batch.key()),
        .timer = timer.id,
        .clock = @tagName(timer.clock),
        .due = if (timer.clock == .event) timer.at else null,
        .count = totals.count,
        .sum = totals.sum,
    };
}

comptime {
    millrace.exportKeyed(Remember);
}
