//! Text of which only the end can be read.

const std = @import("std");
const millrace = @import("millrace");

/// Replaces all but the last characters with stars.
pub const Mask = struct {
    /// The text's place among the columns that are read.
    column: usize,
    /// How many characters stay.
    keep_last: u64,

    pub fn derive(
        self: Mask,
        batch: *const millrace.Batch,
        rows: []const u32,
    ) !millrace.Column {
        const gpa = batch.allocator();
        const texts = &batch.columns()[self.column];
        const all = try gpa.alloc(?[]const u8, rows.len);
        for (all, rows) |*into, row| {
            const text = texts.get([]const u8, row);
            into.* = if (text) |shown| try masked(gpa, shown, self.keep_last) else null;
        }
        return millrace.columnOf(batch.arena, all);
    }
};

fn masked(gpa: std.mem.Allocator, text: []const u8, keep_last: u64) ![]const u8 {
    const hidden = characters(text) -| keep_last;
    if (hidden == 0) return text;
    var shown = text.len;
    for (0..@intCast(keep_last)) |_| {
        shown -= 1;
        while (!beginsCharacter(text[shown])) shown -= 1;
    }
    const stars: usize = @intCast(hidden);
    const result = try gpa.alloc(u8, stars + text.len - shown);
    @memset(result[0..stars], '*');
    @memcpy(result[stars..], text[shown..]);
    return result;
}

fn characters(text: []const u8) u64 {
    var count: u64 = 0;
    for (text) |byte| count += @intFromBool(beginsCharacter(byte));
    return count;
}

fn beginsCharacter(byte: u8) bool {
    return byte & 0xC0 != 0x80;
}
