//! Functions for SQL: of one row, and of many rows of a group.

const std = @import("std");
const c = @import("c");

const Arena = @import("arena.zig").Arena;
const as = @import("layout.zig").as;
const Batch = @import("column.zig").Batch;
const Builder = @import("builder.zig").Builder;
const checkState = @import("keyed.zig").checkState;
const Column = @import("column.zig").Column;
const entry = @import("entry.zig");
const fault = @import("fault.zig");
const Output = @import("output.zig").Output;

/// Makes a component of a struct that has
///
///     pub const about: millrace.About
///     /// Takes the configuration and the types of the arguments, `setup.input`, named `a0`, `a1`
///     /// and so on. Says by `setup.result` what type the function has. Called once for each
///     /// combination of types with which SQL calls the function.
///     pub fn start(setup: *millrace.Start) !Function
///     /// A column of that type, with one value for each row. It may depend on the arguments
///     /// alone. Rows are refused by `Output.rowError`; what the column has for them does not
///     /// matter. An error fails the call, and the host tries again with fewer rows.
///     pub fn evaluate(
///         self: *Function, arguments: *const millrace.Batch, out: *millrace.Output,
///     ) !millrace.Column
pub fn exportScalar(comptime Function: type) void {
    @export(&scalar(Function), .{ .name = "millrace_plugin_scalar" });
}

/// What C is told of a scalar function.
pub fn scalar(comptime Function: type) c.millrace_scalar {
    return .{
        .about = Function.about.toC(),
        .start = entry.start(Function),
        .evaluate = struct {
            fn evaluate(
                plugin: ?*anyopaque,
                arguments: [*c]const c.millrace_batch,
                out: ?*c.millrace_output,
                result: [*c]c.millrace_column,
            ) callconv(.c) c.millrace_status {
                const self = entry.plugin(Function, plugin);
                const rows: *const Batch = @ptrCast(arguments);
                const column = Function.evaluate(self, rows, @ptrCast(out.?)) catch |err| {
                    return fault.status(err);
                };
                result.* = as(c.millrace_column, column);
                return null;
            }
        }.evaluate,
    };
}

/// Makes a component of a struct that has
///
///     pub const about: millrace.About
///     /// As for a scalar function.
///     pub fn start(setup: *millrace.Start) !Function
///     /// Adds rows to states; `groups` has for each row the number of its state. An error fails
///     /// the call, which changes nothing; so for the functions below.
///     pub fn update(
///         self: *Function, states: *millrace.States, groups: []const u32,
///         rows: *const millrace.Batch,
///     ) !void
///     /// Adds the rows of the state `other` to that of a group. Neither is empty.
///     pub fn merge(
///         self: *Function, states: *millrace.States, group: usize, other: []const u8,
///     ) !void
///     /// Appends the result for each state to `results`, which is of the function's type.
///     pub fn evaluate(
///         self: *Function, states: *const millrace.States, results: *millrace.Builder,
///     ) !void
///
/// and may have `pub const state_version: u32`, the version of the states that it writes. The host
/// collects the rows of a group in any number of states and merges them later, in any order and
/// grouping, so the result may only depend on which rows a group has.
pub fn exportAggregate(comptime Function: type) void {
    @export(&aggregate(Function), .{ .name = "millrace_plugin_aggregate" });
}

/// What C is told of an aggregate function.
pub fn aggregate(comptime Function: type) c.millrace_aggregate {
    return .{
        .about = Function.about.toC(),
        .state_version = if (@hasDecl(Function, "state_version")) Function.state_version else 1,
        .start = entry.start(Function),
        .update = struct {
            fn update(
                plugin: ?*anyopaque,
                states: ?*c.millrace_states,
                groups: [*c]const u32,
                rows: [*c]const c.millrace_batch,
            ) callconv(.c) c.millrace_status {
                const self = entry.plugin(Function, plugin);
                const batch: *const Batch = @ptrCast(rows);
                const numbers: []const u32 = if (batch.rows == 0) &.{} else groups[0..batch.rows];
                return fault.status(Function.update(self, @ptrCast(states.?), numbers, batch));
            }
        }.update,
        .merge = struct {
            fn merge(
                plugin: ?*anyopaque,
                states: ?*c.millrace_states,
                group: usize,
                other: c.millrace_bytes,
            ) callconv(.c) c.millrace_status {
                const self = entry.plugin(Function, plugin);
                const state = entry.slice(other) orelse "";
                return fault.status(Function.merge(self, @ptrCast(states.?), group, state));
            }
        }.merge,
        .evaluate = struct {
            fn evaluate(
                plugin: ?*anyopaque,
                states: ?*const c.millrace_states,
                results: ?*c.millrace_builder,
            ) callconv(.c) c.millrace_status {
                const self = entry.plugin(Function, plugin);
                const all: *const States = @ptrCast(states.?);
                return fault.status(Function.evaluate(self, all, @ptrCast(results.?)));
            }
        }.evaluate,
    };
}

/// The states of groups, by their numbers. An empty state is that of no rows.
pub const States = opaque {
    /// How many groups there are.
    pub fn count(states: *const States) usize {
        return c.millrace_states_count(@ptrCast(states));
    }

    /// Memory for this call.
    pub fn arena(states: *const States) *Arena {
        return @ptrCast(c.millrace_states_arena(@ptrCast(states)).?);
    }

    /// Memory for this call.
    pub fn allocator(states: *const States) std.mem.Allocator {
        return states.arena().allocator();
    }

    /// The state of a group; empty if it has no rows. Valid until it is changed.
    pub fn get(states: *const States, group: usize) []const u8 {
        return entry.slice(c.millrace_states_get(@ptrCast(states), group)) orelse "";
    }

    /// The state of a group as the extern struct that `edit` keeps; null if it has no rows.
    pub fn getAs(states: *const States, comptime State: type, group: usize) ?State {
        comptime checkState(State);
        const stored = states.get(group);
        if (stored.len < @sizeOf(State)) return null;
        return std.mem.bytesToValue(State, stored[0..@sizeOf(State)]);
    }

    /// The state of a group as an extern struct that may be written; all zero if there was none.
    pub fn edit(states: *States, comptime State: type, group: usize) *State {
        comptime checkState(State);
        return @ptrCast(@alignCast(states.editBytes(group, @sizeOf(State)).ptr));
    }

    /// The state of a group as `size` bytes that may be written and are aligned for any type: what
    /// the state was, cut or filled up with zeros. Valid until it changes its size.
    pub fn editBytes(states: *States, group: usize, size: usize) []align(8) u8 {
        const memory: [*]align(8) u8 =
            @ptrCast(@alignCast(c.millrace_states_edit(@ptrCast(states), group, size)));
        return memory[0..size];
    }

    /// Replaces the state of a group by a copy of these bytes.
    pub fn set(states: *States, group: usize, new: []const u8) void {
        c.millrace_states_set(@ptrCast(states), group, new.ptr, new.len);
    }
};
