//! Structs of this module that are structs of the C headers, seen in Zig's way.

const std = @import("std");

/// Fails the build where a struct of Zig and one of C are not the same memory.
pub fn same(comptime Zig: type, comptime C: type) void {
    if (@sizeOf(Zig) != @sizeOf(C)) differ(Zig, C);
    const zig = @typeInfo(Zig).@"struct".field_names;
    const c = @typeInfo(C).@"struct".field_names;
    if (zig.len != c.len) differ(Zig, C);
    for (zig, c) |ours, theirs| {
        if (@offsetOf(Zig, ours) != @offsetOf(C, theirs)) differ(Zig, C);
    }
}

fn differ(comptime Zig: type, comptime C: type) noreturn {
    @compileError(@typeName(Zig) ++ " is not laid out as " ++ @typeName(C));
}

/// The same memory as a struct of the other language, for which `same` was asked.
pub inline fn as(comptime Other: type, value: anytype) Other {
    return @as(*const Other, @ptrCast(&value)).*;
}
