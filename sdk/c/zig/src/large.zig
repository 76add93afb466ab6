//! Large state: maps and lists of a key, for what is too large to come and go with each batch. Each
//! call crosses to the host, so what fits into some hundred bytes is better kept in the state. A
//! name of more than 256 bytes, an entry of more than 64 KiB or a value of more than 16 MiB is a
//! trap.

const c = @import("c");

const entry = @import("entry.zig");

/// See `KeyedBatch.map`.
pub const Map = struct {
    batch: *c.millrace_keyed_batch,
    name: [:0]const u8,

    /// The value of an entry.
    pub fn get(self: Map, name: []const u8) ?[]const u8 {
        var value: c.millrace_bytes = undefined;
        if (!c.millrace_map_get(self.batch, self.name, entry.bytes(name), &value)) return null;
        return entry.slice(value) orelse "";
    }

    /// Sets an entry.
    pub fn put(self: Map, name: []const u8, value: []const u8) void {
        c.millrace_map_put(self.batch, self.name, entry.bytes(name), entry.bytes(value));
    }

    /// Removes an entry, if it is there.
    pub fn remove(self: Map, name: []const u8) void {
        c.millrace_map_remove(self.batch, self.name, entry.bytes(name));
    }

    /// Up to `limit` entries in the order of their bytes, those after the entry `after` or from the
    /// first one on.
    pub fn scan(self: Map, after: ?[]const u8, limit: u32) Entries {
        const from: c.millrace_bytes =
            if (after) |name| entry.bytes(name) else .{ .bytes = null, .length = 0 };
        var first: [*c]const c.millrace_entry = null;
        const count = c.millrace_map_scan(self.batch, self.name, from, limit, &first);
        return .{ .first = first, .count = count };
    }

    /// What `scan` found.
    pub const Entries = struct {
        first: [*c]const c.millrace_entry,
        count: usize,

        pub const Entry = struct { name: []const u8, value: []const u8 };

        pub fn get(self: Entries, at: usize) Entry {
            const found = self.first[0..self.count][at];
            return .{
                .name = entry.slice(found.name) orelse "",
                .value = entry.slice(found.value) orelse "",
            };
        }
    };
};

/// See `KeyedBatch.list`.
pub const List = struct {
    batch: *c.millrace_keyed_batch,
    name: [:0]const u8,

    /// Positions: of the first value, and one beyond the last. A value keeps its position when
    /// others before it are removed.
    pub const Positions = struct { first: u64, end: u64 };

    /// Adds a value at the end.
    pub fn append(self: List, value: []const u8) void {
        c.millrace_list_append(self.batch, self.name, entry.bytes(value));
    }

    /// The positions of its values.
    pub fn range(self: List) Positions {
        const found = c.millrace_list_range(self.batch, self.name);
        return .{ .first = found.first, .end = found.end };
    }

    /// Up to `limit` values from position `from` on.
    pub fn read(self: List, from: u64, limit: u32) Values {
        var first: [*c]const c.millrace_bytes = null;
        const count = c.millrace_list_read(self.batch, self.name, from, limit, &first);
        return .{ .first = first, .count = count };
    }

    /// What `read` found.
    pub const Values = struct {
        first: [*c]const c.millrace_bytes,
        count: usize,

        pub fn get(self: Values, at: usize) []const u8 {
            return entry.slice(self.first[0..self.count][at]) orelse "";
        }
    };

    /// Removes the values before a position.
    pub fn remove(self: List, before: u64) void {
        c.millrace_list_remove(self.batch, self.name, before);
    }
};
