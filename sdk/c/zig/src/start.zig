//! How a plugin starts: its configuration, the schema of its input, and what it says it will do.

const std = @import("std");
const c = @import("c");

const as = @import("layout.zig").as;
const same = @import("layout.zig").same;
const Arena = @import("arena.zig").Arena;
const configuration = @import("config.zig");
const fault = @import("fault.zig");
const types = @import("types.zig");

/// Who the plugin is. Shown by `millrace plugin inspect` and written into dead letters.
pub const About = extern struct {
    name: [*:0]const u8,
    version: [*:0]const u8,
    /// One sentence.
    summary: [*:0]const u8,

    pub fn toC(self: About) c.millrace_about {
        return .{ .name = self.name, .version = self.version, .summary = self.summary };
    }
};

/// What `start` gets, and where it says what the plugin will do.
pub const Start = extern struct {
    /// Memory that lives as long as the plugin.
    arena: *Arena,
    json: ?*const c.millrace_json,
    /// All columns of the input; a function's arguments.
    input: types.Schema,
    key_names: [*c]const [*:0]const u8,
    key_count: usize,
    plugin: ?*anyopaque,
    description: ?*anyopaque,

    /// Memory that lives as long as the plugin.
    pub fn allocator(self: *Start) std.mem.Allocator {
        return self.arena.allocator();
    }

    /// Of a keyed plugin: the names of the columns of the key.
    pub fn key(self: *Start) []const [*:0]const u8 {
        return if (self.key_count == 0) &.{} else self.key_names[0..self.key_count];
    }

    /// The step's configuration as a struct, whose fields are its keys: `bool`, integers, floats,
    /// texts (`[]const u8` and `[:0]const u8`), `Span`, enums for one of some words, structs for
    /// objects, `Members` for objects with keys of the user's choice, slices of texts, of `u32` and
    /// of structs, and `Json` for anything. What is optional or has a default may be left out.
    /// Notes all mistakes, keys that the struct lacks among them; it is an error if there is one.
    pub fn config(self: *Start, comptime Config: type) !Config {
        return configuration.take(Config, self);
    }

    /// Asks for an input column. Returns its place in `Batch.columns`; asking twice gives the same.
    pub fn reads(self: *Start, column: [:0]const u8) usize {
        return c.millrace_reads(self.handle(), column);
    }

    /// For a keyed plugin: asks for a column of the key, once per key. Returns its place.
    pub fn readsKey(self: *Start, column: [:0]const u8) usize {
        return c.millrace_reads_key(self.handle(), column);
    }

    /// Adds an output with the columns that it writes. A name that the input has too replaces that
    /// column.
    pub fn port(self: *Start, name: [:0]const u8, adds: []const types.Field) void {
        c.millrace_port(self.handle(), name, @ptrCast(adds.ptr), adds.len);
    }

    /// Does not pass a column of the input on to a port.
    pub fn portDrops(self: *Start, port_name: [:0]const u8, column: [:0]const u8) void {
        c.millrace_port_drops(self.handle(), port_name, column);
    }

    /// For a keyed plugin: so many microseconds after its last row or timer the state of a key
    /// means nothing any more. It costs less than a timer that removes the state.
    pub fn stateTtl(self: *Start, microseconds: u64) void {
        c.millrace_state_ttl(self.handle(), microseconds);
    }

    /// For a function: the type of its result.
    pub fn result(self: *Start, of: types.Type) void {
        c.millrace_result(self.handle(), as(c.millrace_type, of));
    }

    /// Notes a mistake in the configuration or in the input's schema, so that all of them can be
    /// mended in one go. `path` is where: `rules[2].when`, or "" for the whole. The message is one
    /// sentence for the author of the pipeline. A plugin that has noted one does not start.
    pub fn mistake(
        self: *Start,
        path: [:0]const u8,
        comptime format: []const u8,
        args: anytype,
    ) void {
        var buffer: [fault.message_bytes_max]u8 = undefined;
        const message = fault.print(&buffer, format, args);
        c.millrace_config_error(self.handle(), path, "%s", message.ptr);
    }

    /// How many mistakes there are so far.
    pub fn mistakes(self: *Start) usize {
        return c.millrace_config_error_count(self.handle());
    }

    /// `error.Mistakes` if there are any: all of them are told.
    pub fn check(self: *Start) error{Mistakes}!void {
        if (self.mistakes() > 0) return error.Mistakes;
    }

    pub fn handle(self: *Start) *c.millrace_start {
        return @ptrCast(self);
    }
};

comptime {
    same(About, c.millrace_about);
    same(Start, c.millrace_start);
}
