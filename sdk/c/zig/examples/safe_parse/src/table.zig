//! The columns of a batch, filled by walking the fields of one JSON object per row.

const std = @import("std");
const millrace = @import("millrace");

const Declared = @import("config.zig").Declared;
const Settings = @import("config.zig").Settings;
const text = @import("text.zig");
const Value = @import("value.zig").Value;

/// All columns while they grow. Between two rows, every column has `rows` values.
pub const Table = struct {
    settings: *const Settings,
    arena: *millrace.Arena,
    columns: []const *millrace.Builder,
    rows: usize,
    scanner: millrace.Scanner,

    pub fn init(settings: *const Settings, arena: *millrace.Arena, capacity: usize) !Table {
        const columns = try arena.allocator().alloc(*millrace.Builder, settings.declared.len);
        for (columns, settings.declared) |*column, *declared| {
            column.* = .init(arena, &declared.type, capacity);
        }
        return .{
            .settings = settings,
            .arena = arena,
            .columns = columns,
            .rows = 0,
            .scanner = .init(arena, ""),
        };
    }

    /// Adds the row that `json` holds; or nothing, and returns why it is refused.
    pub fn push(self: *Table, json: []const u8) !void {
        errdefer for (self.columns) |column| column.truncate(self.rows);
        self.scanner.again(json);
        self.pushRow() catch |err| switch (err) {
            error.Syntax => return self.malformed(),
            else => |refused| return refused,
        };
        self.rows += 1;
    }

    /// The columns of the rows so far.
    pub fn finish(self: *Table) ![]const millrace.Column {
        const columns = try self.arena.allocator().alloc(millrace.Column, self.columns.len);
        for (columns, self.columns) |*column, builder| column.* = builder.finish();
        return columns;
    }

    fn pushRow(self: *Table) !void {
        const kind = try self.scanner.kind();
        if (kind != .object) {
            const found = try Value.found(self.arena, &self.scanner, kind);
            self.scanner.wrong(
                try self.arena.print("invalid type: {s}, expected a JSON object", .{found}),
            );
            return error.Syntax;
        }
        self.scanner.enter();
        try self.pushMembers();
        try self.scanner.end();
    }

    fn pushMembers(self: *Table) !void {
        var expected: usize = 0;
        var filled: usize = 0;
        var first = true;
        while (try self.scanner.nextName(first)) |name| : (first = false) {
            const at = self.find(name, expected) orelse {
                if (self.settings.reject_unknown) return self.unknown(name);
                try self.scanner.toValue();
                _ = try self.scanner.skip();
                continue;
            };
            const column = self.columns[at];
            if (column.length() > self.rows) {
                // Of a field that comes twice the last counts.
                column.truncate(self.rows);
            } else {
                filled += 1;
            }
            try self.scanner.toValue();
            const declared = &self.settings.declared[at];
            const value: Value = .{
                .arena = self.arena,
                .scanner = &self.scanner,
                .declared = declared,
                .column = column,
            };
            value.push() catch |err| switch (err) {
                error.Syntax => return self.misfit(declared),
                else => |refused| return refused,
            };
            expected = at + 1;
        }
        if (filled < self.columns.len) try self.fill();
    }

    /// The column of a field: most rows name their fields in the order of the schema.
    inline fn find(self: *const Table, name: []const u8, expected: usize) ?usize {
        const declared = self.settings.declared;
        if (expected < declared.len and isSame(declared[expected].name, name)) return expected;
        return self.settings.by_name.get(name);
    }

    /// Gives its null to every column that the row did not name.
    fn fill(self: *Table) !void {
        @branchHint(.unlikely);
        for (self.columns, self.settings.declared) |column, *declared| {
            if (column.length() > self.rows) continue;
            if (!declared.nullable) return millrace.refuse(
                .{ .code = "missing", .column = declared.shown },
                "is missing and must have a value",
                .{},
            );
            column.appendNull();
        }
    }

    /// What the scanner found to be no JSON.
    fn malformed(self: *Table) anyerror {
        @branchHint(.cold);
        const message = self.scanner.message(self.arena);
        return millrace.refuse(
            .{ .code = "malformed", .column = self.settings.raw },
            "{s}",
            .{try text.shortened(self.arena.allocator(), message)},
        );
    }

    /// The scanner takes a number beyond the largest for a mistake of syntax.
    fn misfit(self: *Table, declared: *const Declared) anyerror {
        @branchHint(.cold);
        const mistake = self.scanner.mistake();
        if (!std.mem.eql(u8, mistake, "number out of range")) return error.Syntax;
        const refusal: millrace.Refusal = .{ .code = "out_of_range", .column = declared.shown };
        return millrace.refuse(refusal, "{s}", .{mistake});
    }

    fn unknown(self: *Table, name: []const u8) anyerror {
        @branchHint(.cold);
        const gpa = self.arena.allocator();
        const message = try self.arena.print("the schema has no field `{s}`", .{name});
        const column = try text.shortened(gpa, name);
        return millrace.refuse(
            .{ .code = "unknown_field", .column = column },
            "{s}",
            .{try text.shortened(gpa, message)},
        );
    }
};

/// A loop: a call for each name would cost more than it.
inline fn isSame(a: []const u8, b: []const u8) bool {
    if (a.len != b.len) return false;
    return for (a, b) |left, right| {
        if (left != right) break false;
    } else true;
}
