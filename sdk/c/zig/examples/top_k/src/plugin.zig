//! The most frequent texts of a group, with their counts.

const std = @import("std");
const millrace = @import("millrace");

const Counts = @import("counts.zig").Counts;

/// `[function.X.config]`.
const Config = struct {
    /// How many texts.
    k: u32 = 10,
    /// A group with more different texts than this fails.
    max_values: u32 = 100_000,
};

/// One of the texts.
const Entry = struct { value: []const u8, count: u64 };

const item: millrace.Field = .{ .name = "item", .type = .record(millrace.Field.ofStruct(Entry)) };

pub const TopK = struct {
    config: Config,

    pub const about: millrace.About = .{
        .name = "top_k",
        .version = "0.1.0",
        .summary = "The most frequent texts of a group, with their counts",
    };

    pub fn start(setup: *millrace.Start) !TopK {
        const config = try setup.config(Config);
        if (config.k == 0) setup.mistake("k", "must be at least 1", .{});
        const arguments = setup.input.fields();
        if (arguments.len != 1 or arguments[0].type.kind != .utf8) {
            return millrace.fail("it takes one text: cast the argument", .{});
        }
        setup.result(.list(&item));
        return .{ .config = config };
    }

    pub fn update(
        self: *TopK,
        states: *millrace.States,
        groups: []const u32,
        rows: *const millrace.Batch,
    ) !void {
        const gpa = rows.allocator();
        const all = try gpa.alloc(?Counts, states.count());
        @memset(all, null);
        for (groups, 0..) |group, row| {
            if (all[group] == null) all[group] = try .read(gpa, states.get(group));
            const text = rows.columns()[0].get([]const u8, row) orelse continue;
            try all[group].?.add(gpa, text, 1);
            try self.check(&all[group].?);
        }
        for (all, 0..) |*counts, group| {
            if (counts.*) |*found| states.set(group, try found.write(states.arena()));
        }
    }

    pub fn merge(self: *TopK, states: *millrace.States, group: usize, other: []const u8) !void {
        const gpa = states.allocator();
        var counts: Counts = try .read(gpa, states.get(group));
        try counts.addState(gpa, other);
        try self.check(&counts);
        states.set(group, try counts.write(states.arena()));
    }

    pub fn evaluate(
        self: *TopK,
        states: *const millrace.States,
        results: *millrace.Builder,
    ) !void {
        const gpa = states.allocator();
        const entries = results.child(0);
        for (0..states.count()) |group| {
            const counts: Counts = try .read(gpa, states.get(group));
            for (try counts.top(gpa, self.config.k)) |entry| {
                entries.child(0).append(entry.text);
                entries.child(1).append(entry.count);
                entries.appendRecord();
            }
            results.appendList();
        }
    }

    fn check(self: *const TopK, counts: *const Counts) !void {
        if (counts.by_text.count() > self.config.max_values) {
            return millrace.fail("more than {d} different texts", .{self.config.max_values});
        }
    }
};

comptime {
    millrace.exportAggregate(TopK);
}
