//! Memory that is given back all at once, so that nobody frees anything.

const std = @import("std");
const c = @import("c");

/// The arena of a batch lives until the call's results are with the host; that of `Start` lives as
/// long as the plugin.
pub const Arena = opaque {
    /// All memory of an arena has this alignment.
    const alignment_max = 16;

    pub fn allocator(arena: *Arena) std.mem.Allocator {
        return .{ .ptr = arena, .vtable = &.{
            .alloc = alloc,
            .resize = resize,
            .remap = remap,
            .free = free,
        } };
    }

    /// A text that ends in a zero byte, as the names and messages of this module do.
    pub fn print(arena: *Arena, comptime format: []const u8, args: anytype) ![:0]const u8 {
        return std.fmt.allocPrintSentinel(arena.allocator(), format, args, 0);
    }

    /// A copy that ends in a zero byte.
    pub fn copy(arena: *Arena, text: []const u8) ![:0]const u8 {
        return arena.allocator().dupeSentinel(u8, text, 0);
    }

    pub fn handle(arena: *Arena) *c.millrace_arena {
        return @ptrCast(arena);
    }

    fn alloc(context: *anyopaque, length: usize, alignment: std.mem.Alignment, _: usize) ?[*]u8 {
        const bytes = alignment.toByteUnits();
        const room = if (bytes > alignment_max) length + bytes else length;
        const memory: [*]u8 = @ptrCast(c.millrace_alloc(@ptrCast(context), room));
        return @ptrFromInt(alignment.forward(@intFromPtr(memory)));
    }

    fn resize(_: *anyopaque, memory: []u8, _: std.mem.Alignment, length: usize, _: usize) bool {
        return length <= memory.len;
    }

    fn remap(
        _: *anyopaque,
        memory: []u8,
        _: std.mem.Alignment,
        length: usize,
        _: usize,
    ) ?[*]u8 {
        return if (length <= memory.len) memory.ptr else null;
    }

    fn free(_: *anyopaque, _: []u8, _: std.mem.Alignment, _: usize) void {}
};
