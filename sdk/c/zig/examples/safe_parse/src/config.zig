//! The step's configuration, and the types that a schema may name.

const std = @import("std");
const millrace = @import("millrace");

const shortened = @import("text.zig").shortened;

/// Known types, as an error shows them.
const types_text =
    "string, bool, int32, int64, float64, decimal(p,s), date, timestamp, timestamp[s], " ++
    "timestamp[ms], timestamp[us] and json, each with `?` where it may be missing";

/// `[step.X.config]`.
const Config = struct {
    /// The column that holds the JSON text.
    column: [:0]const u8 = "value",
    /// The columns to make, in this order.
    schema: millrace.Members([]const u8),
    /// Whether the raw column goes on.
    keep_raw: bool = false,
    /// What to do with a field that the schema does not have.
    unknown_fields: enum { ignore, reject } = .ignore,
};

/// What a column holds, and how JSON writes it.
pub const Kind = union(enum) {
    text,
    boolean,
    int32,
    int64,
    float64,
    decimal: struct { precision: u8, scale: u8 },
    date,
    /// RFC 3339 text.
    timestamp,
    /// A number since 1970-01-01T00:00:00Z, each worth this many microseconds.
    epoch: i64,
    json,

    fn columnType(self: Kind) millrace.Type {
        return switch (self) {
            .text, .json => .utf8,
            .boolean => .boolean,
            .int32 => .int32,
            .int64 => .int64,
            .float64 => .float64,
            .decimal => |size| .decimal(size.precision, @intCast(size.scale)),
            .date => .date32,
            .timestamp, .epoch => .timestamp("UTC"),
        };
    }
};

/// One column to make.
pub const Declared = struct {
    name: [:0]const u8,
    /// The name as refusals show it.
    shown: [:0]const u8,
    kind: Kind,
    type: millrace.Type,
    nullable: bool,
};

/// All columns, with what is to become of fields that they lack.
pub const Settings = struct {
    /// The raw column, as refusals show it.
    raw: [:0]const u8,
    declared: []const Declared,
    by_name: std.StringHashMapUnmanaged(usize),
    reject_unknown: bool,
};

pub fn resolve(setup: *millrace.Start) !Settings {
    const config = try setup.config(Config);
    const gpa = setup.allocator();
    var declared: std.ArrayList(Declared) = .empty;
    var by_name: std.StringHashMapUnmanaged(usize) = .empty;
    var fields: std.ArrayList(millrace.Field) = .empty;
    var replaced = false;
    if (config.schema.all.len == 0) {
        const message = "no column is declared; give at least one, as `name = \"type\"`";
        setup.mistake("schema", message, .{});
    }
    for (config.schema.all) |member| {
        const column = try declare(setup, member.name, member.value) orelse continue;
        try by_name.put(gpa, column.name, declared.items.len);
        try declared.append(gpa, column);
        try fields.append(gpa, .{
            .name = column.name,
            .type = column.type,
            .nullable = column.nullable,
        });
        replaced = replaced or std.mem.eql(u8, column.name, config.column);
    }
    if (config.keep_raw and replaced) setup.mistake(
        try setup.arena.print("schema.{s}", .{config.column}),
        "`{s}` is also the raw column; rename the field's column or drop `keep_raw`",
        .{config.column},
    );
    checkRaw(setup, config.column);
    try setup.check();
    _ = setup.reads(config.column);
    setup.port("main", fields.items);
    if (!config.keep_raw and !replaced) setup.portDrops("main", config.column);
    return .{
        .raw = try shortened(gpa, config.column),
        .declared = declared.items,
        .by_name = by_name,
        .reject_unknown = config.unknown_fields == .reject,
    };
}

fn checkRaw(setup: *millrace.Start, name: []const u8) void {
    const field = setup.input.find(name) orelse return setup.mistake(
        "column",
        "the input has no column `{s}`; it has {s}",
        .{ name, setup.input.names(setup.arena) },
    );
    switch (field.type.kind) {
        .binary, .utf8 => {},
        else => setup.mistake(
            "column",
            "`{s}` has type {s}; it must be binary or utf8",
            .{ name, field.type.name(setup.arena) },
        ),
    }
}

fn declare(setup: *millrace.Start, name: [:0]const u8, text: []const u8) !?Declared {
    const nullable = std.mem.endsWith(u8, text, "?");
    const of = if (nullable) text[0 .. text.len - 1] else text;
    const kind = parse(of) catch |err| {
        const path = try setup.arena.print("schema.{s}", .{name});
        switch (err) {
            error.NoType => {
                const message = "`{s}` is no type; the types are " ++ types_text;
                setup.mistake(path, message, .{of});
            },
            error.NoSize => setup.mistake(
                path,
                "`{s}` is no type; write decimal(p,s) with 1 to 38 digits, s of them after the " ++
                    "point",
                .{of},
            ),
        }
        return null;
    };
    return .{
        .name = name,
        .shown = try shortened(setup.allocator(), name),
        .kind = kind,
        .type = kind.columnType(),
        .nullable = nullable,
    };
}

fn parse(text: []const u8) error{ NoType, NoSize }!Kind {
    const simple: std.StaticStringMap(Kind) = .initComptime(.{
        .{ "string", .text },
        .{ "bool", .boolean },
        .{ "int32", .int32 },
        .{ "int64", .int64 },
        .{ "float64", .float64 },
        .{ "date", .date },
        .{ "timestamp", .timestamp },
        .{ "timestamp[s]", Kind{ .epoch = 1_000_000 } },
        .{ "timestamp[ms]", Kind{ .epoch = 1_000 } },
        .{ "timestamp[us]", Kind{ .epoch = 1 } },
        .{ "json", .json },
    });
    if (simple.get(text)) |kind| return kind;
    const open = std.mem.cutPrefix(u8, text, "decimal(") orelse return error.NoType;
    const size = std.mem.cutSuffix(u8, open, ")") orelse return error.NoType;
    const before, const after = std.mem.cutScalar(u8, size, ',') orelse return error.NoSize;
    const precision = digits(before) orelse return error.NoSize;
    const scale = digits(after) orelse return error.NoSize;
    if (precision < 1 or precision > 38 or scale > precision) return error.NoSize;
    return .{ .decimal = .{ .precision = precision, .scale = scale } };
}

fn digits(text: []const u8) ?u8 {
    return std.fmt.parseInt(u8, std.mem.trim(u8, text, " "), 10) catch null;
}
