//! Gives back what it reads, for tests of SDKs: every type goes in and out, and every way to emit
//! and to refuse a row is used.

const std = @import("std");
const millrace = @import("millrace");

/// `[step.X.config]`.
const Config = struct {
    /// How often each row comes out.
    repeat: u32 = 1,
};

/// Columns that say what is to become of a row, where the input has them.
const Asked = struct {
    refuse: ?*const millrace.Column,
    fail: ?*const millrace.Column,
    port: ?*const millrace.Column,

    fn of(batch: *const millrace.Batch) Asked {
        return .{
            .refuse = batch.find("refuse"),
            .fail = batch.find("fail"),
            .port = batch.find("port"),
        };
    }

    /// Whether the row goes to the port `other`; an error if it is refused.
    fn isOther(self: Asked, row: usize) !bool {
        if (isSet(self.refuse, row)) {
            const refusal: millrace.Refusal = .{ .code = "refused", .column = "refuse" };
            return millrace.refuse(refusal, "the row asks to be refused", .{});
        }
        if (isSet(self.fail, row)) return millrace.fail("the row asks to fail", .{});
        const port = self.port orelse return false;
        return std.mem.eql(u8, port.get([]const u8, row) orelse "", "other");
    }

    fn isSet(column: ?*const millrace.Column, row: usize) bool {
        const flags = column orelse return false;
        return flags.get(bool, row) orelse false;
    }
};

pub const Mirror = struct {
    repeat: u32,

    pub const about: millrace.About = .{
        .name = "mirror",
        .version = "0.1.0",
        .summary = "Gives back what it reads, for tests of SDKs",
    };

    pub fn start(setup: *millrace.Start) !Mirror {
        const config = try setup.config(Config);
        if (config.repeat == 0) setup.mistake("repeat", "must be at least 1", .{});
        check(setup, "refuse", .boolean);
        check(setup, "fail", .boolean);
        check(setup, "port", .utf8);
        try setup.check();

        const input = setup.input.fields();
        const copies = try setup.allocator().alloc(millrace.Field, input.len);
        for (copies, input) |*copy, field| {
            const name = std.mem.span(field.name);
            copy.* = .{
                .name = try setup.arena.print("copy_{s}", .{name}),
                .type = field.type,
                .nullable = true,
            };
            _ = setup.reads(name);
        }
        setup.port("main", copies);
        setup.port("other", &.{});
        if (setup.input.find("port") != null) setup.portDrops("other", "port");
        return .{ .repeat = config.repeat };
    }

    pub fn process(self: *Mirror, batch: *const millrace.Batch, out: *millrace.Output) !void {
        const gpa = batch.allocator();
        const asked: Asked = .of(batch);
        var main: std.ArrayList(u32) = .empty;
        var other: std.ArrayList(u32) = .empty;
        for (0..batch.rows) |at| {
            const row: u32 = @intCast(at);
            const is_other = asked.isOther(row) catch |err| {
                out.refuse(row, err);
                continue;
            };
            const rows = if (is_other) &other else &main;
            try rows.appendNTimes(gpa, row, self.repeat);
        }
        const copies = try gpa.alloc(millrace.Column, batch.columns().len);
        for (copies, batch.columns()) |*copy, *column| {
            const builder: *millrace.Builder = .init(batch.arena, &column.type, main.items.len);
            for (main.items) |row| copyRow(builder, column, row);
            copy.* = builder.finish();
        }
        out.some("main", main.items, copies);
        out.some("other", other.items, &.{});
    }
};

fn check(setup: *millrace.Start, name: []const u8, expected: millrace.Type) void {
    const field = setup.input.find(name) orelse return;
    if (field.type.kind != expected.kind) {
        const expected_name = expected.name(setup.arena);
        setup.mistake("", "column `{s}` must be {s}", .{ name, expected_name });
    }
}

/// Value by value, although `appendRow` would do: every kind is to be read and written.
fn copyRow(builder: *millrace.Builder, column: *const millrace.Column, row: usize) void {
    if (!column.isValid(row)) return builder.appendNull();
    switch (column.type.kind) {
        .boolean => builder.append(column.get(bool, row)),
        .int8 => builder.append(column.get(i8, row)),
        .int16 => builder.append(column.get(i16, row)),
        .int32, .date32 => builder.append(column.get(i32, row)),
        .int64, .time64, .timestamp, .duration => builder.append(column.get(i64, row)),
        .uint8 => builder.append(column.get(u8, row)),
        .uint16 => builder.append(column.get(u16, row)),
        .uint32 => builder.append(column.get(u32, row)),
        .uint64 => builder.append(column.get(u64, row)),
        .float32 => builder.append(column.get(f32, row)),
        .float64 => builder.append(column.get(f64, row)),
        .decimal128 => builder.appendDecimal(column.values(i128)[row]),
        .utf8, .binary, .fixed_size_binary => builder.append(column.get([]const u8, row)),
        .list, .map => {
            const range = column.range(row);
            for (range.first..range.end) |item| {
                copyRow(builder.child(0), &column.children()[0], item);
            }
            builder.appendList();
        },
        .record => {
            for (column.children(), 0..) |*child, at| copyRow(builder.child(at), child, row);
            builder.appendRecord();
        },
    }
}

comptime {
    millrace.exportTransform(Mirror);
}
