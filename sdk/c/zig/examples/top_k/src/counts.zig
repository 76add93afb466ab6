//! How often each text of a group came.

const std = @import("std");
const millrace = @import("millrace");

/// A text, and how often it came.
pub const Count = struct {
    text: []const u8,
    count: u64,

    /// In the order of texts, so that equal states are equal bytes.
    fn byText(_: void, a: Count, b: Count) bool {
        return std.mem.lessThan(u8, a.text, b.text);
    }

    /// The most frequent ones first; of two that came as often, the smaller text.
    fn byRank(_: void, a: Count, b: Count) bool {
        if (a.count != b.count) return a.count > b.count;
        return std.mem.lessThan(u8, a.text, b.text);
    }
};

/// The counts of one group. Texts are not copied.
pub const Counts = struct {
    by_text: std.StringHashMapUnmanaged(u64) = .empty,

    /// What is in a state.
    pub fn read(gpa: std.mem.Allocator, state: []const u8) !Counts {
        var counts: Counts = .{};
        try counts.addState(gpa, state);
        return counts;
    }

    /// Adds what is in a state, whose texts are not copied either.
    pub fn addState(self: *Counts, gpa: std.mem.Allocator, state: []const u8) !void {
        var reader: millrace.Reader = .init(state);
        while (reader.more()) {
            const text = reader.bytes();
            try self.add(gpa, text, reader.uint());
        }
        if (reader.failed()) return millrace.fail("can't read a state", .{});
    }

    pub fn add(self: *Counts, gpa: std.mem.Allocator, text: []const u8, more: u64) !void {
        const found = try self.by_text.getOrPut(gpa, text);
        found.value_ptr.* = if (found.found_existing) found.value_ptr.* + more else more;
    }

    /// Makes a state of them.
    pub fn write(self: *const Counts, arena: *millrace.Arena) ![]const u8 {
        const sorted = try self.all(arena.allocator());
        std.mem.sortUnstable(Count, sorted, {}, Count.byText);
        var writer: millrace.Writer = .init(arena);
        for (sorted) |entry| {
            writer.bytes(entry.text);
            writer.uint(entry.count);
        }
        return writer.written();
    }

    /// The `k` most frequent ones.
    pub fn top(self: *const Counts, gpa: std.mem.Allocator, k: usize) ![]const Count {
        const ranked = try self.all(gpa);
        std.mem.sortUnstable(Count, ranked, {}, Count.byRank);
        return ranked[0..@min(k, ranked.len)];
    }

    fn all(self: *const Counts, gpa: std.mem.Allocator) ![]Count {
        const list = try gpa.alloc(Count, self.by_text.count());
        var entries = self.by_text.iterator();
        for (list) |*into| {
            const entry = entries.next().?;
            into.* = .{ .text = entry.key_ptr.*, .count = entry.value_ptr.* };
        }
        return list;
    }
};
