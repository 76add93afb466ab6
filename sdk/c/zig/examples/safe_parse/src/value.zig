//! What each kind of column accepts of JSON.

const std = @import("std");
const millrace = @import("millrace");

const Declared = @import("config.zig").Declared;
const decimal = @import("decimal.zig");
const instant = @import("instant.zig");
const text = @import("text.zig");

/// One JSON value that is read into a column.
pub const Value = struct {
    arena: *millrace.Arena,
    scanner: *millrace.Scanner,
    declared: *const Declared,
    column: *millrace.Builder,

    /// Reads the value; or returns why it is refused. `error.Syntax` is left to the scanner.
    pub inline fn push(self: Value) !void {
        switch (self.declared.kind) {
            .decimal, .json => return self.pushSource(),
            else => {},
        }
        const kind = try self.scanner.kind();
        switch (kind) {
            .text => try self.pushText(try self.scanner.text()),
            .number => try self.pushNumber(try self.scanner.number()),
            .null => {
                try self.scanner.takeNull();
                try self.pushNull();
            },
            .boolean => {
                if (self.declared.kind != .boolean) return self.wrongType(kind);
                self.column.append(try self.scanner.boolean());
            },
            .list, .object => return self.wrongType(kind),
        }
    }

    /// What was found where something else was expected, in the words of serde_json.
    pub fn found(
        arena: *millrace.Arena,
        scanner: *millrace.Scanner,
        kind: millrace.Json.Kind,
    ) ![]const u8 {
        switch (kind) {
            .null => {
                try scanner.takeNull();
                return "null";
            },
            .boolean => return if (try scanner.boolean()) "boolean `true`" else "boolean `false`",
            .number => return numberText(arena, try scanner.number()),
            .text => return stringText(arena, try scanner.text()),
            .list => return "sequence",
            .object => return "map",
        }
    }

    fn pushNull(self: Value) !void {
        if (!self.declared.nullable) {
            return self.refuse("missing", "is null and must have a value", .{});
        }
        self.column.appendNull();
    }

    /// A value as it was written.
    fn pushSource(self: Value) !void {
        const source = try self.scanner.skip();
        if (std.mem.eql(u8, source, "null")) return self.pushNull();
        switch (self.declared.kind) {
            .json => self.column.append(source),
            .decimal => |size| try self.pushDecimal(source, size.precision, size.scale),
            else => unreachable,
        }
    }

    /// Takes a number, or a string that holds one, as many producers write exact amounts.
    fn pushDecimal(self: Value, source: []const u8, precision: u8, scale: u8) !void {
        const number = if (source[0] == '"') source[1 .. source.len - 1] else source;
        const value = decimal.parse(number, precision, scale) catch |err| {
            const gpa = self.arena.allocator();
            const shown = try text.shortened(gpa, if (err == error.NoNumber) source else number);
            return switch (err) {
                error.NoNumber => self.refuse(
                    "wrong_type",
                    "invalid type: {s}, expected a decimal",
                    .{shown},
                ),
                error.TooLarge => self.refuse(
                    "out_of_range",
                    "{s} does not fit decimal({d},{d})",
                    .{ shown, precision, scale },
                ),
                error.TooFine => self.refuse(
                    "out_of_range",
                    "{s} has more than the {d} decimals of decimal({d},{d})",
                    .{ shown, scale, precision, scale },
                ),
            };
        };
        self.column.appendDecimal(value);
    }

    inline fn pushText(self: Value, value: []const u8) !void {
        switch (self.declared.kind) {
            .text => self.column.append(value),
            .date => self.column.append(instant.dateDays(value) orelse
                return self.noInstant(value, "a date as YYYY-MM-DD")),
            .timestamp => self.column.append(instant.timestampUs(value) orelse
                return self.noInstant(value, "a timestamp as YYYY-MM-DDTHH:MM:SSZ")),
            else => return self.expected(try stringText(self.arena, value)),
        }
    }

    inline fn pushNumber(self: Value, number: millrace.Scanner.Number) !void {
        switch (number.value) {
            .int => |value| try self.pushInt(number, value),
            .uint => |value| if (std.math.cast(i64, value)) |int| {
                try self.pushInt(number, int);
            } else {
                try self.pushFloat(number, @floatFromInt(value));
            },
            .float => |value| try self.pushFloat(number, value),
        }
    }

    inline fn pushInt(self: Value, number: millrace.Scanner.Number, value: i64) !void {
        switch (self.declared.kind) {
            .int32 => {
                const fits = std.math.cast(i32, value) != null;
                if (!fits) return self.refuse("out_of_range", "{d} does not fit int32", .{value});
                self.column.append(value);
            },
            .int64 => self.column.append(value),
            .float64 => self.column.append(@as(f64, @floatFromInt(value))),
            .epoch => |unit_us| {
                const us = std.math.mul(i64, value, unit_us) catch return self.outOfYears(value);
                if (us < instant.us_min or us > instant.us_max) return self.outOfYears(value);
                self.column.append(us);
            },
            else => return self.expected(try numberText(self.arena, number)),
        }
    }

    /// A number with a fraction or an exponent, or an integer beyond 64 bits.
    fn pushFloat(self: Value, number: millrace.Scanner.Number, value: f64) !void {
        switch (self.declared.kind) {
            .float64 => self.column.append(value),
            .epoch => |unit_us| {
                const us = @round(value * @as(f64, @floatFromInt(unit_us)));
                const min: f64 = @floatFromInt(@as(i64, instant.us_min));
                const max: f64 = @floatFromInt(@as(i64, instant.us_max));
                if (us < min or us > max) return self.outOfYears(value);
                self.column.append(@as(i64, @intFromFloat(us)));
            },
            .int32, .int64 => {
                // 2^63 is the first value beyond int64.
                if (@abs(value) >= 0x1p63) {
                    return self.refuse("out_of_range", "{e} does not fit int64", .{value});
                }
                const is_minus_zero = value == 0 and std.math.signbit(value);
                if (!is_minus_zero) return self.expected(try numberText(self.arena, number));
                self.column.append(0);
            },
            else => return self.expected(try numberText(self.arena, number)),
        }
    }

    fn outOfYears(self: Value, value: anytype) anyerror {
        const message = "{d} lies outside of the years 1 to 9999; check the unit";
        return self.refuse("out_of_range", message, .{value});
    }

    fn noInstant(self: Value, value: []const u8, what: []const u8) anyerror {
        @branchHint(.cold);
        const shown = try text.shortened(self.arena.allocator(), value);
        return self.refuse("bad_timestamp", "\"{s}\" is not {s}", .{ shown, what });
    }

    fn wrongType(self: Value, kind: millrace.Json.Kind) anyerror {
        @branchHint(.cold);
        return self.expected(try found(self.arena, self.scanner, kind));
    }

    /// What belongs into the column.
    fn expected(self: Value, what_was_found: []const u8) anyerror {
        @branchHint(.cold);
        const what = switch (self.declared.kind) {
            .text => "a string",
            .boolean => "a boolean",
            .int32, .int64 => "an integer",
            .float64 => "a number",
            .date => "a date as text",
            .timestamp => "a timestamp as text",
            .epoch => "a timestamp as a number",
            .decimal, .json => unreachable,
        };
        const message = "invalid type: {s}, expected {s}";
        return self.refuse("wrong_type", message, .{ what_was_found, what });
    }

    fn refuse(
        self: Value,
        code: [:0]const u8,
        comptime format: []const u8,
        args: anytype,
    ) anyerror {
        @branchHint(.cold);
        const message = try self.arena.print(format, args);
        return millrace.refuse(
            .{ .code = code, .column = self.declared.shown },
            "{s}",
            .{try text.shortened(self.arena.allocator(), message)},
        );
    }
};

fn numberText(arena: *millrace.Arena, number: millrace.Scanner.Number) ![]const u8 {
    return switch (number.value) {
        .uint => |value| arena.print("integer `{d}`", .{value}),
        .int => |value| arena.print("integer `{d}`", .{value}),
        .float => |value| arena.print("floating point `{s}`", .{
            millrace.Json.floatText(arena, value),
        }),
    };
}

fn stringText(arena: *millrace.Arena, value: []const u8) ![]const u8 {
    return arena.print("string {s}", .{try text.quoted(arena.allocator(), value)});
}
