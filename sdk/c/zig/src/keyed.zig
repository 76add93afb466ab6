//! Plugins that remember something for each key: rows come grouped by key, with what was
//! remembered of the key, and timers.

const std = @import("std");
const c = @import("c");

const Arena = @import("arena.zig").Arena;
const Batch = @import("column.zig").Batch;
const entry = @import("entry.zig");
const fault = @import("fault.zig");
const large = @import("large.zig");
const Output = @import("output.zig").Output;

/// Makes a component of a struct that has
///
///     pub const about: millrace.About
///     /// As for a transform plugin; `setup.key()` has the names of the columns of the key.
///     pub fn start(setup: *millrace.Start) !Plugin
///     /// Handles the rows and timers of some keys: all of them, until `next` returns null. An
///     /// error fails the whole call, which then has changed nothing, and the host tries again
///     /// with fewer keys or rows.
///     pub fn process(self: *Plugin, batch: *millrace.KeyedBatch, out: *millrace.Output) !void
///
/// and may have
///
///     /// The version of the states that the plugin writes; 1 if it does not say. A change of what
///     /// the bytes of a state mean is a new version.
///     pub const state_version: u32
///     /// Older versions that `migrate` understands. A state of any other version stops the
///     /// pipeline before it is touched.
///     pub const reads_versions: []const u32
///     /// Turns a state of an older version into one of today. An error stops the pipeline.
///     pub fn migrate(arena: *millrace.Arena, version: u32, state: []const u8) ![]const u8
pub fn exportKeyed(comptime Plugin: type) void {
    @export(&definition(Plugin), .{ .name = "millrace_plugin_keyed" });
}

/// What C is told of a plugin.
pub fn definition(comptime Plugin: type) c.millrace_keyed {
    const versions: []const u32 =
        if (@hasDecl(Plugin, "reads_versions")) Plugin.reads_versions else &.{};
    return .{
        .about = Plugin.about.toC(),
        .state_version = if (@hasDecl(Plugin, "state_version")) Plugin.state_version else 1,
        .reads_versions = versions.ptr,
        .reads_version_count = versions.len,
        .start = entry.start(Plugin),
        .process = struct {
            fn process(
                plugin: ?*anyopaque,
                batch: ?*c.millrace_keyed_batch,
                out: ?*c.millrace_output,
            ) callconv(.c) c.millrace_status {
                const self = entry.plugin(Plugin, plugin);
                return fault.status(Plugin.process(self, @ptrCast(batch.?), @ptrCast(out.?)));
            }
        }.process,
        .migrate = if (versions.len == 0) null else migrate(Plugin),
    };
}

const Migrate = fn (
    arena: ?*c.millrace_arena,
    version: u32,
    state: c.millrace_bytes,
    migrated: [*c]c.millrace_bytes,
) callconv(.c) c.millrace_status;

fn migrate(comptime Plugin: type) Migrate {
    return struct {
        fn migrate(
            arena: ?*c.millrace_arena,
            version: u32,
            state: c.millrace_bytes,
            migrated: [*c]c.millrace_bytes,
        ) callconv(.c) c.millrace_status {
            const old = entry.slice(state) orelse "";
            const new = Plugin.migrate(@ptrCast(arena.?), version, old) catch |err| {
                return fault.status(err);
            };
            migrated.* = entry.bytes(new);
            return null;
        }
    }.migrate;
}

/// Which clock a timer goes by: that of the rows, or the host's.
pub const Clock = enum(c_uint) {
    event = c.MILLRACE_EVENT_TIME,
    processing = c.MILLRACE_PROCESSING_TIME,
};

/// What is to be handled next.
pub const Event = union(enum) {
    row: Row,
    /// It is gone unless it is set again.
    timer: Timer,

    pub const Row = struct {
        /// Its number within `KeyedBatch.rows`.
        row: u32,
        /// Its event time in microseconds since 1970; null if rows do not come in the order of
        /// event time.
        time: ?i64,
    };

    pub const Timer = struct {
        /// The id under which it was set.
        id: u32,
        clock: Clock,
        /// The time that it was set for, in microseconds since 1970.
        at: i64,
    };
};

/// The rows and timers of some keys. `next` goes through them, key by key; between two calls of it
/// all that is said of state and timers is about the current key.
pub const KeyedBatch = opaque {
    /// Goes to the next row or timer; null at the end. Those of a key come in the order of their
    /// times, a timer before the rows of its own time.
    pub inline fn next(batch: *KeyedBatch) ?Event {
        var event: c.millrace_event = undefined;
        if (!c.millrace_next(batch.handle(), &event)) return null;
        if (event.kind == c.MILLRACE_ROW) return .{ .row = .{
            .row = event.row,
            .time = if (event.has_time) event.time else null,
        } };
        return .{ .timer = .{
            .id = event.timer,
            .clock = @fromBackingInt(@intCast(event.clock)),
            .at = event.time,
        } };
    }

    /// The columns that the plugin reads. The rows of a key stand together.
    pub fn rows(batch: *const KeyedBatch) *const Batch {
        return @ptrCast(c.millrace_rows(@ptrCast(batch)));
    }

    /// The columns of the key that the plugin reads, one row for each key.
    pub fn keys(batch: *const KeyedBatch) *const Batch {
        return @ptrCast(c.millrace_keys(@ptrCast(batch)));
    }

    /// The number of the current key: its row in `keys`.
    pub fn key(batch: *const KeyedBatch) u32 {
        return c.millrace_key(@ptrCast(batch));
    }

    /// The number by which `Output.some` makes a row that belongs to no input row: the columns of
    /// the current key are carried over, all others are null.
    pub fn keyRow(batch: *const KeyedBatch) u32 {
        return c.millrace_key_row(@ptrCast(batch));
    }

    /// Memory for this call.
    pub fn arena(batch: *const KeyedBatch) *Arena {
        return @ptrCast(c.millrace_call_arena(@ptrCast(batch)).?);
    }

    /// Memory for this call.
    pub fn allocator(batch: *const KeyedBatch) std.mem.Allocator {
        return batch.arena().allocator();
    }

    // The state of the current key.

    /// Its bytes; null if there is none. They are valid until the state is changed.
    pub fn state(batch: *const KeyedBatch) ?[]const u8 {
        return entry.slice(c.millrace_state(@ptrCast(batch)));
    }

    /// The state as the extern struct that `edit` keeps; null if there is none.
    pub fn stateAs(batch: *const KeyedBatch, comptime State: type) ?State {
        comptime checkState(State);
        const stored = batch.state() orelse return null;
        if (stored.len < @sizeOf(State)) return null;
        return std.mem.bytesToValue(State, stored[0..@sizeOf(State)]);
    }

    /// The state as an extern struct that may be written; all zero if there was none. Valid until
    /// the next key. Its fields must leave no gaps, so that equal states are equal bytes:
    ///
    ///     const state = batch.edit(State);
    ///     state.count += 1;
    pub inline fn edit(batch: *KeyedBatch, comptime State: type) *State {
        comptime checkState(State);
        return @ptrCast(@alignCast(batch.editBytes(@sizeOf(State)).ptr));
    }

    /// The state as an extern struct with so many items behind it: what is added is zero, what is
    /// left out is forgotten. Valid until the next change of its size, or the next key.
    pub inline fn editItems(
        batch: *KeyedBatch,
        comptime Head: type,
        comptime Item: type,
        count: usize,
    ) HeadAndItems(Head, Item) {
        comptime checkState(Head);
        comptime checkState(Item);
        const memory = batch.editBytes(@sizeOf(Head) + count * @sizeOf(Item));
        const first: [*]Item = @ptrCast(@alignCast(memory.ptr + @sizeOf(Head)));
        return .{ .head = @ptrCast(@alignCast(memory.ptr)), .items = first[0..count] };
    }

    /// The state as `size` bytes that may be written and are aligned for any type: what the state
    /// was, cut or filled up with zeros. Valid until the next change of its size, or the next key.
    pub inline fn editBytes(batch: *KeyedBatch, size: usize) []align(8) u8 {
        const memory: [*]align(8) u8 =
            @ptrCast(@alignCast(c.millrace_edit_state(batch.handle(), size)));
        return memory[0..size];
    }

    /// Replaces the state by a copy of these bytes.
    pub fn setState(batch: *KeyedBatch, new: []const u8) void {
        c.millrace_set_state(batch.handle(), new.ptr, new.len);
    }

    /// Forgets the state.
    pub fn clearState(batch: *KeyedBatch) void {
        c.millrace_clear_state(batch.handle());
    }

    // The timers of the current key.

    /// Sets the timer `id` to an event time, in microseconds since 1970. A time that is not after
    /// what is being handled counts as one microsecond after it. A timer that is set again moves.
    pub fn setTimer(batch: *KeyedBatch, id: u32, time: i64) void {
        c.millrace_set_timer(batch.handle(), id, time);
    }

    /// Sets the timer `id` to a time on the host's clock, so many microseconds from now.
    pub fn setProcessingTimer(batch: *KeyedBatch, id: u32, delay: u64) void {
        c.millrace_set_processing_timer(batch.handle(), id, delay);
    }

    /// Cancels the timer `id`, if it is set.
    pub fn cancelTimer(batch: *KeyedBatch, id: u32) void {
        c.millrace_cancel_timer(batch.handle(), id);
    }

    // Large state of the current key.

    /// A map that is read and written entry by entry. It need not be made.
    pub fn map(batch: *KeyedBatch, name: [:0]const u8) large.Map {
        return .{ .batch = batch.handle(), .name = name };
    }

    /// A list that is read and written piece by piece. It need not be made.
    pub fn list(batch: *KeyedBatch, name: [:0]const u8) large.List {
        return .{ .batch = batch.handle(), .name = name };
    }

    fn handle(batch: *KeyedBatch) *c.millrace_keyed_batch {
        return @ptrCast(batch);
    }
};

/// See `KeyedBatch.editItems`.
pub fn HeadAndItems(comptime Head: type, comptime Item: type) type {
    return struct { head: *Head, items: []Item };
}

/// Refuses what has gaps, or another layout elsewhere.
pub fn checkState(comptime State: type) void {
    const refused = "a state must be an extern struct without gaps: " ++ @typeName(State);
    switch (@typeInfo(State)) {
        .int, .float => {},
        .array => |array| checkState(array.child),
        .@"struct" => |info| {
            if (info.layout != .@"extern") @compileError(refused);
            var size: usize = 0;
            for (info.field_types) |Field| {
                checkState(Field);
                size += @sizeOf(Field);
            }
            if (size != @sizeOf(State)) @compileError(refused);
        },
        else => @compileError(refused),
    }
    // What the memory of a state is aligned for on every host.
    if (@alignOf(State) > 8) @compileError("a state is aligned to 8: " ++ @typeName(State));
}
