//! Columns on their way out: from whole slices, from structs, or value by value.

const std = @import("std");
const c = @import("c");

const as = @import("layout.zig").as;
const Arena = @import("arena.zig").Arena;
const Column = @import("column.zig").Column;
const types = @import("types.zig");
const Type = types.Type;

/// A column of values: a slice of `bool`, integers, floats or texts (`[]const u8`), or of optionals
/// of these. Numbers are not copied: take them from the call's arena.
pub fn columnOf(arena: *Arena, values: anytype) !Column {
    const Value = std.meta.Elem(@TypeOf(values));
    const type_of: Type = comptime .of(Value);
    if (type_of.kind == .utf8) return columnOfTexts(arena, type_of, values);
    if (@typeInfo(Value) != .optional) {
        return columnOfType(arena, type_of, values.ptr, null, values.len);
    }
    const Present = @typeInfo(Value).optional.child;
    const present = try arena.allocator().alloc(Present, values.len);
    const valid = try arena.allocator().alloc(bool, values.len);
    for (values, present, valid) |value, *into, *is_valid| {
        is_valid.* = value != null;
        into.* = value orelse std.mem.zeroes(Present);
    }
    return columnOfType(arena, type_of, present.ptr, valid, values.len);
}

/// A column of a type whose values have a fixed size and are those of the slice, such as `i64` for
/// a timestamp and `i128` for a decimal. `valid` says which rows have a value; null if all have.
pub fn columnAs(arena: *Arena, of: Type, values: anytype, valid: ?[]const bool) Column {
    return columnOfType(arena, of, values.ptr, valid, values.len);
}

/// A binary column of slices of bytes, or of optional ones.
pub fn columnOfBytes(arena: *Arena, values: anytype) !Column {
    return columnOfTexts(arena, .binary, values);
}

fn columnOfType(
    arena: *Arena,
    of: Type,
    values: *const anyopaque,
    valid: ?[]const bool,
    length: usize,
) Column {
    const flags: ?[*]const bool = if (valid) |all| all.ptr else null;
    const of_c = as(c.millrace_type, of);
    return as(Column, c.millrace_column_of(arena.handle(), of_c, values, flags, length));
}

/// Texts are copied into one buffer.
fn columnOfTexts(arena: *Arena, of: Type, values: anytype) !Column {
    const nullable = @typeInfo(std.meta.Elem(@TypeOf(values))) == .optional;
    const gpa = arena.allocator();
    const offsets = try gpa.alloc(i32, values.len + 1);
    var end: usize = 0;
    offsets[0] = 0;
    for (values, offsets[1..]) |value, *offset| {
        const text: []const u8 = if (nullable) value orelse "" else value;
        end += text.len;
        offset.* = @truncate(@as(isize, @intCast(end)));
    }
    if (end > std.math.maxInt(i32)) return error.ColumnTooLarge;
    const bytes = try gpa.alloc(u8, @max(end, 1));
    var column: Column = .{
        .type = of,
        .length = values.len,
        .null_count = 0,
        .child_columns = null,
        .validity = null,
        .offsets = offsets.ptr,
        .memory = bytes.ptr,
    };
    for (values, offsets[0..values.len]) |value, offset| {
        const text: []const u8 = if (nullable) value orelse continue else value;
        copyShort(bytes[@intCast(offset)..], text);
    }
    if (nullable) {
        const validity = try gpa.alloc(u8, (values.len + 7) / 8);
        @memset(validity, 0);
        for (values, 0..) |value, row| {
            const is_valid = @intFromBool(value != null);
            validity[row >> 3] |= @as(u8, is_valid) << @intCast(row & 7);
            column.null_count += 1 - @as(usize, is_valid);
        }
        if (column.null_count > 0) column.validity = validity.ptr;
    }
    return column;
}

/// Most texts are short, and a call for each would cost more than the copy.
inline fn copyShort(into: []u8, text: []const u8) void {
    if (text.len > 16) {
        @memcpy(into[0..text.len], text);
    } else {
        for (into[0..text.len], text) |*to, from| to.* = from;
    }
}

/// Collects structs into columns, which `Field.ofStruct` describes. Fields are what `columnOf`
/// takes. Texts must live until `finish`.
pub fn ColumnBuffer(comptime Row: type) type {
    const names = @typeInfo(Row).@"struct".field_names;
    const List = std.MultiArrayList(Row);
    return struct {
        arena: *Arena,
        /// One slice for each field.
        rows: List.Slice,

        const Self = @This();

        /// No rows yet, with room for so many.
        pub fn init(arena: *Arena, capacity: usize) !Self {
            var list: List = .empty;
            try list.setCapacity(arena.allocator(), capacity);
            return .{ .arena = arena, .rows = list.slice() };
        }

        pub inline fn append(self: *Self, row: Row) !void {
            if (self.rows.len == self.rows.capacity) try self.grow();
            self.appendAssumeCapacity(row);
        }

        /// Where the capacity is known to suffice.
        pub inline fn appendAssumeCapacity(self: *Self, row: Row) void {
            std.debug.assert(self.rows.len < self.rows.capacity);
            self.rows.len += 1;
            self.rows.set(self.rows.len - 1, row);
        }

        /// The columns, in the order of the fields.
        pub fn finish(self: *const Self) ![names.len]Column {
            var columns: [names.len]Column = undefined;
            inline for (&columns, 0..) |*column, at| {
                column.* = try columnOf(self.arena, self.rows.items(@fromBackingInt(@intCast(at))));
            }
            return columns;
        }

        fn grow(self: *Self) !void {
            var list = self.rows.toMultiArrayList();
            try list.setCapacity(self.arena.allocator(), @max(16, list.capacity * 2));
            self.rows = list.slice();
        }
    };
}

/// A column of any type, nested ones included, that grows value by value.
pub const Builder = opaque {
    /// A builder with room for `capacity` rows; it grows beyond it. Its memory is the arena's.
    pub fn init(arena: *Arena, of: *const Type, capacity: usize) *Builder {
        return @ptrCast(c.millrace_builder_new(arena.handle(), @ptrCast(of), capacity));
    }

    /// The next row, of a column of a kind that holds such values: `bool`, integers, floats,
    /// `[]const u8`, or an optional of these. Integers that the kind can't hold end in a panic.
    pub fn append(self: *Builder, value: anytype) void {
        const Value = @TypeOf(value);
        switch (@typeInfo(Value)) {
            .bool => c.millrace_append_bool(self.handle(), value),
            .int => |int| if (int.signedness == .signed)
                c.millrace_append_int(self.handle(), value)
            else
                c.millrace_append_uint(self.handle(), value),
            .comptime_int => c.millrace_append_int(self.handle(), value),
            .float, .comptime_float => c.millrace_append_double(self.handle(), value),
            .null => c.millrace_append_null(self.handle()),
            .optional => if (value) |present| self.append(present) else self.appendNull(),
            else => self.appendText(value),
        }
    }

    pub fn appendNull(self: *Builder) void {
        c.millrace_append_null(self.handle());
    }

    /// The unscaled number of a decimal.
    pub fn appendDecimal(self: *Builder, value: i128) void {
        c.millrace_append_decimal(self.handle(), value);
    }

    /// A text, or bytes.
    pub fn appendText(self: *Builder, value: []const u8) void {
        c.millrace_append_bytes(self.handle(), value.ptr, value.len);
    }

    /// The builder of a child. Of a map: child 0 is its record, whose children are keys and values.
    pub fn child(self: *Builder, at: usize) *Builder {
        return @ptrCast(c.millrace_builder_child(self.handle(), at));
    }

    /// Ends a row of a list or map: it holds what was appended to the child since the last row.
    pub fn appendList(self: *Builder) void {
        c.millrace_append_list(self.handle());
    }

    /// Ends a row of a record: its values are what was appended to each child.
    pub fn appendRecord(self: *Builder) void {
        c.millrace_append_struct(self.handle());
    }

    /// A copy of a row of another column of the same type.
    pub fn appendRow(self: *Builder, column: *const Column, row: usize) void {
        c.millrace_append_row(self.handle(), column.handle(), row);
    }

    /// How many rows there are.
    pub fn length(self: *const Builder) usize {
        return c.millrace_builder_length(@ptrCast(self));
    }

    /// Forgets the rows from `to` on.
    pub fn truncate(self: *Builder, to: usize) void {
        c.millrace_builder_truncate(self.handle(), to);
    }

    /// All rows as a column. The builder is then of no use.
    pub fn finish(self: *Builder) Column {
        return as(Column, c.millrace_builder_finish(self.handle()));
    }

    fn handle(self: *Builder) *c.millrace_builder {
        return @ptrCast(self);
    }
};
