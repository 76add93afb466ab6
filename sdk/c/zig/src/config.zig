//! A step's configuration as a struct.

const std = @import("std");
const c = @import("c");

const Arena = @import("arena.zig").Arena;
const Json = @import("json.zig").Json;
const Start = @import("start.zig").Start;

/// A time span above 0, written as 500ms, 60s, 5m, 24h or 7d.
pub const Span = struct {
    microseconds: i64,
};

/// An object whose keys are the user's choice, in the order in which they were written.
pub fn Members(comptime Value: type) type {
    return struct {
        all: []const Member,

        pub const Member = struct { name: [:0]const u8, value: Value };
    };
}

/// See `Start.config`.
pub fn take(comptime Config: type, start: *Start) !Config {
    var object = c.millrace_config_root(start.handle());
    var value: Config = undefined;
    try takeStruct(Config, &object, &value);
    try start.check();
    return value;
}

fn takeStruct(comptime Config: type, object: *c.millrace_config, into: *Config) !void {
    const info = @typeInfo(Config).@"struct";
    inline for (info.field_names, info.field_types, info.field_attrs) |name, Value, attrs| {
        const is_optional = @typeInfo(Value) == .optional;
        const Present = if (is_optional) @typeInfo(Value).optional.child else Value;
        const default: ?Value = attrs.defaultValue(Value) orelse if (is_optional) null else null;
        const needed = default == null and !is_optional;
        const need: c_uint = if (needed) c.MILLRACE_REQUIRED else c.MILLRACE_OPTIONAL;
        var present: Present = undefined;
        if (try takeValue(Present, object, name, need, &present)) {
            @field(into, name) = present;
        } else if (comptime attrs.defaultValue(Value)) |value| {
            @field(into, name) = value;
        } else if (is_optional) {
            @field(into, name) = null;
        }
    }
    c.millrace_config_end(object);
}

/// Whether the member is there and right.
fn takeValue(
    comptime Value: type,
    object: *c.millrace_config,
    name: [:0]const u8,
    need: c_uint,
    into: *Value,
) !bool {
    switch (Value) {
        Span => return c.millrace_config_span(object, name, need, &into.microseconds),
        Json => return c.millrace_config_any(object, name, need, @ptrCast(&into.value)),
        else => {},
    }
    switch (@typeInfo(Value)) {
        .bool => return c.millrace_config_bool(object, name, need, into),
        .int => |int| {
            var wide: if (int.signedness == .signed) i64 else u64 = 0;
            const found = if (int.signedness == .signed)
                c.millrace_config_int64(object, name, need, &wide)
            else
                c.millrace_config_uint64(object, name, need, &wide);
            if (!found) return false;
            into.* = std.math.cast(Value, wide) orelse {
                mistake(object, name, "must be {d} to {d}, and not {d}", .{
                    std.math.minInt(Value), std.math.maxInt(Value), wide,
                });
                return false;
            };
            return true;
        },
        .float => {
            var wide: f64 = 0;
            if (!c.millrace_config_double(object, name, need, &wide)) return false;
            into.* = @floatCast(wide);
            return true;
        },
        .@"enum" => |info| {
            const words = comptime choices(Value);
            var place: usize = 0;
            if (!c.millrace_config_choice(object, name, need, @ptrCast(&words), &place)) {
                return false;
            }
            inline for (info.field_values, 0..) |value, at| {
                if (at == place) into.* = @fromBackingInt(@intCast(value));
            }
            return true;
        },
        .@"struct" => {
            var inner: c.millrace_config = undefined;
            if (!c.millrace_config_object(object, name, need, &inner)) return false;
            if (@hasDecl(Value, "Member")) {
                try takeMembers(Value, &inner, into);
            } else {
                try takeStruct(Value, &inner, into);
            }
            return true;
        },
        .pointer => |pointer| return takeSlice(Value, pointer.child, object, name, need, into),
        else => @compileError("a configuration has no member of type " ++ @typeName(Value)),
    }
}

fn takeMembers(comptime Value: type, object: *c.millrace_config, into: *Value) !void {
    const arena: *Arena = @ptrCast(object.start.*.arena.?);
    const count = object.object.*.count;
    if (count == 0) {
        // There are no members to point to.
        c.millrace_config_end(object);
        into.all = &.{};
        return;
    }
    const written = object.object.*.items[0..count];
    var all: std.ArrayList(Value.Member) = try .initCapacity(arena.allocator(), written.len);
    for (written) |item| {
        var member: Value.Member = undefined;
        member.name = std.mem.span(@as([*:0]const u8, item.name.bytes));
        const Of = @FieldType(Value.Member, "value");
        if (try takeValue(Of, object, member.name, c.MILLRACE_REQUIRED, &member.value)) {
            all.appendAssumeCapacity(member);
        }
    }
    c.millrace_config_end(object);
    into.all = all.items;
}

fn takeSlice(
    comptime Value: type,
    comptime Item: type,
    object: *c.millrace_config,
    name: [:0]const u8,
    need: c_uint,
    into: *Value,
) !bool {
    const arena: *Arena = @ptrCast(object.start.*.arena.?);
    var count: usize = 0;
    switch (Item) {
        u8 => {
            var text: [*c]const u8 = null;
            if (!c.millrace_config_string(object, name, need, &text)) return false;
            into.* = std.mem.span(@as([*:0]const u8, text));
        },
        u32 => {
            var numbers: [*c]const u32 = null;
            if (!c.millrace_config_uint32s(object, name, need, &numbers, &count)) return false;
            into.* = if (count == 0) &.{} else numbers[0..count];
        },
        []const u8, [:0]const u8 => {
            var texts: [*c]const [*c]const u8 = null;
            if (!c.millrace_config_strings(object, name, need, &texts, &count)) return false;
            const items = try arena.allocator().alloc(Item, count);
            for (items, 0..) |*item, at| item.* = std.mem.span(@as([*:0]const u8, texts[at]));
            into.* = items;
        },
        else => {
            var objects: [*c]c.millrace_config = null;
            if (!c.millrace_config_objects(object, name, need, &objects, &count)) return false;
            const items = try arena.allocator().alloc(Item, count);
            for (items, 0..) |*item, at| try takeStruct(Item, @ptrCast(&objects[at]), item);
            into.* = items;
        },
    }
    return true;
}

/// The names of an enum, with a null at the end.
fn choices(comptime Value: type) [@typeInfo(Value).@"enum".field_names.len + 1]?[*:0]const u8 {
    const names = @typeInfo(Value).@"enum".field_names;
    var words: [names.len + 1]?[*:0]const u8 = @splat(null);
    for (names, words[0..names.len]) |name, *word| word.* = name.ptr;
    return words;
}

fn mistake(
    object: *c.millrace_config,
    name: [:0]const u8,
    comptime format: []const u8,
    args: anytype,
) void {
    const start: *Start = @ptrCast(object.start);
    const path = c.millrace_config_path(object, name);
    start.mistake(std.mem.span(@as([*:0]const u8, path)), format, args);
}
