//! The types of columns.

const std = @import("std");
const c = @import("c");

const as = @import("layout.zig").as;
const same = @import("layout.zig").same;
const Arena = @import("arena.zig").Arena;

/// What a column holds. The comment says what one value is in Zig.
pub const Kind = enum(c_uint) {
    /// bool
    boolean = c.MILLRACE_BOOLEAN,
    int8 = c.MILLRACE_INT8,
    int16 = c.MILLRACE_INT16,
    int32 = c.MILLRACE_INT32,
    int64 = c.MILLRACE_INT64,
    uint8 = c.MILLRACE_UINT8,
    uint16 = c.MILLRACE_UINT16,
    uint32 = c.MILLRACE_UINT32,
    uint64 = c.MILLRACE_UINT64,
    float32 = c.MILLRACE_FLOAT32,
    float64 = c.MILLRACE_FLOAT64,
    /// i128: the number times 10 to the scale
    decimal128 = c.MILLRACE_DECIMAL128,
    /// []const u8
    utf8 = c.MILLRACE_UTF8,
    /// []const u8
    binary = c.MILLRACE_BINARY,
    /// []const u8, all of one length
    fixed_size_binary = c.MILLRACE_FIXED_SIZE_BINARY,
    /// i32: days since 1970-01-01
    date32 = c.MILLRACE_DATE32,
    /// i64: microseconds since midnight
    time64 = c.MILLRACE_TIME64,
    /// i64: microseconds since 1970-01-01T00:00:00 UTC
    timestamp = c.MILLRACE_TIMESTAMP,
    /// i64: microseconds
    duration = c.MILLRACE_DURATION,
    /// any number of values of the one child
    list = c.MILLRACE_LIST,
    /// one value of each child
    record = c.MILLRACE_STRUCT,
    /// any number of the one child: a record of key and value
    map = c.MILLRACE_MAP,
};

/// A type. Members that its kind does not name are 0.
pub const Type = extern struct {
    kind: Kind,
    /// Of a decimal: how many digits.
    precision: u8 = 0,
    /// Of a decimal: how many of them stand behind the point.
    scale: i8 = 0,
    /// Of a fixed-size binary: bytes of each value.
    width: u32 = 0,
    /// Of a timestamp: `UTC` and the like; null for a local time.
    zone: ?[*:0]const u8 = null,
    /// See `children`.
    child_fields: ?[*]const Field = null,
    child_count: usize = 0,

    pub const boolean: Type = .{ .kind = .boolean };
    pub const int8: Type = .{ .kind = .int8 };
    pub const int16: Type = .{ .kind = .int16 };
    pub const int32: Type = .{ .kind = .int32 };
    pub const int64: Type = .{ .kind = .int64 };
    pub const uint8: Type = .{ .kind = .uint8 };
    pub const uint16: Type = .{ .kind = .uint16 };
    pub const uint32: Type = .{ .kind = .uint32 };
    pub const uint64: Type = .{ .kind = .uint64 };
    pub const float32: Type = .{ .kind = .float32 };
    pub const float64: Type = .{ .kind = .float64 };
    pub const utf8: Type = .{ .kind = .utf8 };
    pub const binary: Type = .{ .kind = .binary };
    pub const date32: Type = .{ .kind = .date32 };
    pub const time64: Type = .{ .kind = .time64 };
    pub const duration: Type = .{ .kind = .duration };

    pub fn decimal(precision: u8, scale: i8) Type {
        return .{ .kind = .decimal128, .precision = precision, .scale = scale };
    }

    pub fn fixedSizeBinary(width: u32) Type {
        return .{ .kind = .fixed_size_binary, .width = width };
    }

    pub fn timestamp(zone: ?[:0]const u8) Type {
        return .{ .kind = .timestamp, .zone = if (zone) |text| text.ptr else null };
    }

    /// A list; the field of its values must live as long as the type.
    pub fn list(item: *const Field) Type {
        return .{ .kind = .list, .child_fields = @ptrCast(item), .child_count = 1 };
    }

    /// A record of these fields, which must live as long as the type.
    pub fn record(fields: []const Field) Type {
        return .{ .kind = .record, .child_fields = fields.ptr, .child_count = fields.len };
    }

    /// A map; `entry` is a record of key and value, and must live as long as the type.
    pub fn map(entry: *const Field) Type {
        return .{ .kind = .map, .child_fields = @ptrCast(entry), .child_count = 1 };
    }

    /// The type of a column of such values: `bool`, integers, floats and `[]const u8`, which is a
    /// text. Of an optional it is the type of what it may hold.
    pub fn of(comptime Value: type) Type {
        return switch (Value) {
            bool => .boolean,
            i8 => .int8,
            i16 => .int16,
            i32 => .int32,
            i64 => .int64,
            u8 => .uint8,
            u16 => .uint16,
            u32 => .uint32,
            u64 => .uint64,
            f32 => .float32,
            f64 => .float64,
            []const u8, [:0]const u8, []u8 => .utf8,
            else => switch (@typeInfo(Value)) {
                .optional => |optional| of(optional.child),
                else => @compileError("no column holds values of type " ++ @typeName(Value)),
            },
        };
    }

    pub fn children(self: *const Type) []const Field {
        return if (self.child_fields) |fields| fields[0..self.child_count] else &.{};
    }

    /// Whether two types are the same, children and their names included.
    pub fn eql(a: Type, b: Type) bool {
        return c.millrace_type_equal(@ptrCast(&a), @ptrCast(&b));
    }

    /// Whether `Column.numbers` reads it: floats, decimals and all integers.
    pub fn isNumber(self: Type) bool {
        return c.millrace_is_number(@ptrCast(&self));
    }

    /// What the type is called in messages: Float64, Utf8, Decimal128(10, 2), ...
    pub fn name(self: Type, arena: *Arena) [:0]const u8 {
        const text = c.millrace_type_name(arena.handle(), @ptrCast(&self));
        return std.mem.span(@as([*:0]const u8, text));
    }
};

/// A column, or a child of one.
pub const Field = extern struct {
    name: [*:0]const u8,
    type: Type,
    nullable: bool = false,

    /// A field for each of a struct's, with its name and type; an optional may be null.
    pub fn ofStruct(comptime Row: type) []const Field {
        const made = struct {
            const fields = blk: {
                const info = @typeInfo(Row).@"struct";
                var all: [info.field_names.len]Field = undefined;
                for (&all, info.field_names, info.field_types) |*field, name, Value| {
                    const nullable = @typeInfo(Value) == .optional;
                    field.* = .{ .name = name.ptr, .type = .of(Value), .nullable = nullable };
                }
                break :blk all;
            };
        };
        return &made.fields;
    }
};

/// Columns in their order.
pub const Schema = extern struct {
    first: ?[*]const Field,
    count: usize,

    pub fn fields(self: Schema) []const Field {
        return if (self.first) |first| first[0..self.count] else &.{};
    }

    /// The field of this name.
    pub fn find(self: Schema, name: []const u8) ?*const Field {
        for (self.fields()) |*field| {
            if (std.mem.eql(u8, std.mem.span(field.name), name)) return field;
        }
        return null;
    }

    /// The names of all fields, with a comma between them, for a message.
    pub fn names(self: Schema, arena: *Arena) [:0]const u8 {
        const joined = c.millrace_field_names(arena.handle(), as(c.millrace_schema, self));
        return std.mem.span(@as([*:0]const u8, joined));
    }
};

comptime {
    same(Type, c.millrace_type);
    same(Field, c.millrace_field);
    same(Schema, c.millrace_schema);
}
