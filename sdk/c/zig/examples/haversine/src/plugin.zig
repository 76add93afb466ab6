//! The distance between two places on earth.

const std = @import("std");
const millrace = @import("millrace");

/// The mean radius of the earth.
const radius_km = 6371.0088;

/// `haversine(lat1, lon1, lat2, lon2)` in kilometres.
pub const Haversine = struct {
    pub const about: millrace.About = .{
        .name = "haversine",
        .version = "0.1.0",
        .summary = "The distance between two places on earth in kilometres",
    };

    pub fn start(setup: *millrace.Start) !Haversine {
        _ = try setup.config(struct {});
        const arguments = setup.input.fields();
        var floats: usize = 0;
        for (arguments) |argument| floats += @intFromBool(argument.type.kind == .float64);
        if (arguments.len != 4 or floats != 4) return millrace.fail(
            "it takes four float64: latitude and longitude of two places, in degrees",
            .{},
        );
        setup.result(.float64);
        return .{};
    }

    pub fn evaluate(
        _: *Haversine,
        arguments: *const millrace.Batch,
        out: *millrace.Output,
    ) !millrace.Column {
        const kilometres = try arguments.allocator().alloc(?f64, arguments.rows);
        var degrees: [4][]const f64 = undefined;
        for (&degrees, arguments.columns()) |*values, *column| values.* = column.values(f64);
        for (kilometres, 0..) |*result, row| {
            result.* = for (arguments.columns()) |*column| {
                if (!column.isValid(row)) break null;
            } else distance(degrees, row) catch |err| refused: {
                out.refuse(@intCast(row), err);
                break :refused null;
            };
        }
        return millrace.columnOf(arguments.arena, kilometres);
    }
};

fn distance(degrees: [4][]const f64, row: usize) !f64 {
    const lat1 = degrees[0][row];
    const lon1 = degrees[1][row];
    const lat2 = degrees[2][row];
    const lon2 = degrees[3][row];
    try check("latitude", lat1, 90);
    try check("latitude", lat2, 90);
    try check("longitude", lon1, 180);
    try check("longitude", lon2, 180);
    return haversine(lat1, lon1, lat2, lon2);
}

fn check(comptime what: []const u8, value: f64, max: f64) !void {
    // Not a number is no place either.
    if (@abs(value) <= max) return;
    return millrace.refuse(.{ .code = "no_place" }, "{d} is no " ++ what, .{value});
}

fn haversine(lat1: f64, lon1: f64, lat2: f64, lon2: f64) f64 {
    const from = radians(lat1);
    const to = radians(lat2);
    const chord = half(to - from) + @cos(from) * @cos(to) * half(radians(lon2) - radians(lon1));
    return 2.0 * radius_km * std.math.asin(@min(@sqrt(chord), 1.0));
}

fn half(angle: f64) f64 {
    const sine = @sin(angle / 2.0);
    return sine * sine;
}

fn radians(degrees: f64) f64 {
    return degrees * (std.math.pi / 180.0);
}

comptime {
    millrace.exportScalar(Haversine);
}
