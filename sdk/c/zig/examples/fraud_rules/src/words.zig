//! A fixed set of texts.

const std = @import("std");

/// A hash table with open addressing. Nothing but what a text needs is in a slot.
pub const Words = struct {
    slots: []const Slot,

    /// A text, with bytes of it that tell it from most others.
    const Slot = struct {
        mark: u64,
        text: ?[]const u8,
    };

    pub fn init(gpa: std.mem.Allocator, texts: []const []const u8) !Words {
        const count = @max(8, try std.math.ceilPowerOfTwo(usize, @max(1, texts.len * 4)));
        const slots = try gpa.alloc(Slot, count);
        @memset(slots, .{ .mark = 0, .text = null });
        const words: Words = .{ .slots = slots };
        for (texts) |text| {
            if (words.contains(text)) continue;
            var at = words.first(text);
            while (slots[at].text != null) at = words.next(at);
            slots[at] = .{ .mark = markOf(text), .text = text };
        }
        return words;
    }

    pub inline fn contains(self: Words, text: []const u8) bool {
        const mark = markOf(text);
        var at = self.first(text);
        while (self.slots[at].text) |word| : (at = self.next(at)) {
            if (self.slots[at].mark == mark and word.len == text.len) {
                if (text.len <= 8 or std.mem.eql(u8, word, text)) return true;
            }
        }
        return false;
    }

    inline fn first(self: Words, text: []const u8) usize {
        const hash = (markOf(text) +% text.len) *% 0x9E3779B97F4A7C15 >> 40;
        return @as(usize, @intCast(hash)) & self.slots.len - 1;
    }

    inline fn next(self: Words, at: usize) usize {
        return at + 1 & self.slots.len - 1;
    }
};

/// Eight bytes of a text, or all of them: with their length they tell apart all texts of up to
/// eight bytes.
inline fn markOf(text: []const u8) u64 {
    const length = text.len;
    if (length >= 8) return std.mem.readInt(u64, text[length - 8 ..][0..8], .little);
    if (length >= 4) {
        const low = std.mem.readInt(u32, text[0..4], .little);
        const high = std.mem.readInt(u32, text[length - 4 ..][0..4], .little);
        return @as(u64, high) << 32 | low;
    }
    if (length == 0) return 0;
    return @as(u64, text[0]) | @as(u64, text[length / 2]) << 8 | @as(u64, text[length - 1]) << 16;
}
