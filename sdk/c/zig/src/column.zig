//! Columns on their way in: typed values by row.

const std = @import("std");
const c = @import("c");

const same = @import("layout.zig").same;
const types = @import("types.zig");
const Arena = @import("arena.zig").Arena;
const fault = @import("fault.zig");

/// Rows of a child, from `first` to before `end`.
pub const Range = struct {
    first: usize,
    end: usize,
};

/// A column, or a child of a nested one. It lives as long as the call.
pub const Column = extern struct {
    type: types.Type,
    length: usize,
    null_count: usize,
    child_columns: ?[*]const Column,
    // What follows is for the methods.
    validity: ?[*]const u8,
    offsets: ?[*]const i32,
    memory: ?*const anyopaque,

    /// Whether a row has a value. What stands in a row without one does not matter.
    pub inline fn isValid(self: *const Column, row: usize) bool {
        const validity = self.validity orelse return true;
        return validity[row >> 3] >> @intCast(row & 7) & 1 != 0;
    }

    /// For loops without branches: whether each row has a value. Null if no row is null.
    pub fn valid(self: *const Column, arena: *Arena) ?[]const bool {
        const all: ?[*]const bool = c.millrace_valid(arena.handle(), self.handle());
        return if (all) |flags| flags[0..self.length] else null;
    }

    /// All values of a column whose values are of this very type, without a copy: i32 is that of
    /// int32 and date32, i64 that of int64, times and durations, i128 that of decimals. A plugin
    /// that asks for another type than the column's ends in a panic, so check types in `start`.
    pub fn values(self: *const Column, comptime Value: type) []const Value {
        const first: [*c]const Value = switch (Value) {
            i8 => c.millrace_int8s(self.handle()),
            i16 => c.millrace_int16s(self.handle()),
            i32 => c.millrace_int32s(self.handle()),
            i64 => c.millrace_int64s(self.handle()),
            u8 => c.millrace_uint8s(self.handle()),
            u16 => c.millrace_uint16s(self.handle()),
            u32 => c.millrace_uint32s(self.handle()),
            u64 => c.millrace_uint64s(self.handle()),
            f32 => c.millrace_floats(self.handle()),
            f64 => c.millrace_doubles(self.handle()),
            i128 => c.millrace_decimals(self.handle()),
            else => @compileError("no column is an array of " ++ @typeName(Value)),
        };
        return if (self.length == 0) &.{} else first[0..self.length];
    }

    /// All values of a boolean column.
    pub fn bools(self: *const Column, arena: *Arena) []const bool {
        const first = c.millrace_bools(arena.handle(), self.handle());
        return if (self.length == 0) &.{} else first[0..self.length];
    }

    /// A number column of any kind (see `Type.isNumber`) as f64: without a copy if that is what
    /// they are. A decimal is divided by its scale.
    pub fn numbers(self: *const Column, arena: *Arena) []const f64 {
        const first = c.millrace_numbers(arena.handle(), self.handle());
        return if (self.length == 0) &.{} else first[0..self.length];
    }

    /// One value of a utf8 or binary column, without a copy. It is meaningless where the row is
    /// null.
    pub inline fn text(self: *const Column, row: usize) []const u8 {
        const offsets = self.offsets.?;
        const first: usize = @intCast(offsets[row]);
        const end: usize = @intCast(offsets[row + 1]);
        if (first == end) return "";
        const all: [*]const u8 = @ptrCast(self.memory.?);
        return all[first..end];
    }

    /// One value of a utf8 or binary column, or of a binary one of fixed size.
    pub inline fn bytes(self: *const Column, row: usize) []const u8 {
        if (self.type.kind != .fixed_size_binary) return self.text(row);
        const width = self.type.width;
        if (width == 0) return "";
        const all: [*]const u8 = @ptrCast(self.memory.?);
        return all[row * width ..][0..width];
    }

    /// The value of a row, or null: `bool`, integers, floats, `i128` of a decimal, and
    /// `[]const u8`.
    pub inline fn get(self: *const Column, comptime Value: type, row: usize) ?Value {
        if (!self.isValid(row)) return null;
        if (Value == bool) {
            if (self.type.kind != .boolean) self.isNot("a boolean");
            const bits: [*]const u8 = @ptrCast(self.memory.?);
            return bits[row >> 3] >> @intCast(row & 7) & 1 != 0;
        }
        if (Value == []const u8) {
            switch (self.type.kind) {
                .utf8, .binary, .fixed_size_binary => return self.bytes(row),
                else => self.isNot("a text or bytes"),
            }
        }
        return self.values(Value)[row];
    }

    /// What a list or map holds in a row: these rows of its one child. A record has its values in
    /// the same row of each of its children. The range of a null is meaningless.
    pub fn range(self: *const Column, row: usize) Range {
        const offsets = self.offsets.?;
        return .{ .first = @intCast(offsets[row]), .end = @intCast(offsets[row + 1]) };
    }

    /// Of a list its values; of a record the columns of its fields; of a map a record, whose
    /// children are the keys and the values.
    pub fn children(self: *const Column) []const Column {
        return if (self.child_columns) |first| first[0..self.type.child_count] else &.{};
    }

    /// The child of a record of this name.
    pub fn child(self: *const Column, name: [:0]const u8) ?*const Column {
        return @ptrCast(c.millrace_child_named(self.handle(), name));
    }

    pub fn handle(self: *const Column) *const c.millrace_column {
        return @ptrCast(self);
    }

    fn isNot(self: *const Column, what: []const u8) noreturn {
        @branchHint(.cold);
        fault.panicWith("a column of type {t} was read as {s}", .{ self.type.kind, what });
    }
};

/// Rows on their way in: the columns that `start` asked for, in that order.
pub const Batch = extern struct {
    rows: u32,
    first: ?[*]const Column,
    column_count: usize,
    names: [*c]const [*:0]const u8,
    /// Memory for this call.
    arena: *Arena,

    /// Memory for this call.
    pub fn allocator(self: *const Batch) std.mem.Allocator {
        return self.arena.allocator();
    }

    pub fn columns(self: *const Batch) []const Column {
        return if (self.first) |first| first[0..self.column_count] else &.{};
    }

    /// The column of this name; null if `start` did not ask for it.
    pub fn find(self: *const Batch, name: []const u8) ?*const Column {
        for (self.columns(), 0..) |*found, at| {
            if (std.mem.eql(u8, std.mem.span(self.names[at]), name)) return found;
        }
        return null;
    }

    /// The column of this name. A plugin that asks for one that it does not read ends in a panic.
    pub fn column(self: *const Batch, name: []const u8) *const Column {
        return self.find(name) orelse fault.panicWith("the plugin does not read `{s}`", .{name});
    }

    /// For where speed matters less: a struct for each row, whose fields are columns by their
    /// names. An optional takes a null.
    pub fn reader(self: *const Batch, comptime Row: type) Reader(Row) {
        var made: Reader(Row) = undefined;
        inline for (@typeInfo(Row).@"struct".field_names, 0..) |name, at| {
            made.columns[at] = self.column(name);
        }
        return made;
    }

    pub fn handle(self: *const Batch) *const c.millrace_batch {
        return @ptrCast(self);
    }
};

/// See `Batch.reader`.
pub fn Reader(comptime Row: type) type {
    const info = @typeInfo(Row).@"struct";
    return struct {
        columns: [info.field_names.len]*const Column,

        /// A row; `error.Refused` if a value is null whose field is not optional.
        pub fn row(self: *const @This(), at: usize) error{Refused}!Row {
            var made: Row = undefined;
            inline for (info.field_names, info.field_types, 0..) |name, Value, place| {
                const column = self.columns[place];
                if (@typeInfo(Value) == .optional) {
                    @field(made, name) = column.get(@typeInfo(Value).optional.child, at);
                } else {
                    @field(made, name) = column.get(Value, at) orelse return fault.refuse(
                        .{ .code = "missing", .column = name },
                        "is null and must have a value",
                        .{},
                    );
                }
            }
            return made;
        }
    };
}

comptime {
    same(Column, c.millrace_column);
    same(Batch, c.millrace_batch);
}
