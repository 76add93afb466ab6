//! Runs a plugin natively, as the host would: a debugger, a profiler and prints work.
//!
//! Configurations, schemas and rows are JSON as in a plugin's golden cases: a schema is an object
//! of columns and their types, rows are one object per line.

const std = @import("std");
const c = @import("c");

const function = @import("function.zig");
const keyed_plugin = @import("keyed.zig");
const transform_plugin = @import("transform.zig");

/// Starts a transform plugin. `end` says whether all was as expected.
///
///     var run: millrace.testing.Run = .transform(FlagLarge, config, schema);
///     run.rows(
///         \\{"amount": 100.5}
///     );
///     run.expect("main",
///         \\{"amount": 100.5, "large": true}
///     );
///     try run.end();
pub const Run = struct {
    run: *c.millrace_test,

    pub fn transform(
        comptime Plugin: type,
        config: [:0]const u8,
        schema: [:0]const u8,
    ) Run {
        const plugin = struct {
            const definition = transform_plugin.definition(Plugin);
        };
        return .{ .run = c.millrace_test_transform(&plugin.definition, config, schema).? };
    }

    pub const Keyed = struct {
        /// The columns of the key, with commas between them.
        key: [:0]const u8,
        /// A timestamp column; null if rows come as they arrive.
        event_time: ?[:0]const u8 = null,
    };

    pub fn keyed(
        comptime Plugin: type,
        config: [:0]const u8,
        schema: [:0]const u8,
        by: Keyed,
    ) Run {
        const plugin = struct {
            const definition = keyed_plugin.definition(Plugin);
        };
        const event_time: ?[*:0]const u8 = if (by.event_time) |column| column.ptr else null;
        return .{ .run = c.millrace_test_keyed(
            &plugin.definition,
            config,
            schema,
            by.key,
            event_time,
        ).? };
    }

    /// `schema` has the arguments, `a0` and so on.
    pub fn scalar(
        comptime Function: type,
        config: [:0]const u8,
        schema: [:0]const u8,
    ) Run {
        const plugin = struct {
            const definition = function.scalar(Function);
        };
        return .{ .run = c.millrace_test_scalar(&plugin.definition, config, schema).? };
    }

    /// `group` is the column by which rows are grouped, all others being arguments; null if all
    /// rows are one group. Each batch of rows has states of its own, which are merged.
    pub fn aggregate(
        comptime Function: type,
        config: [:0]const u8,
        schema: [:0]const u8,
        group: ?[:0]const u8,
    ) Run {
        const plugin = struct {
            const definition = function.aggregate(Function);
        };
        const column: ?[*:0]const u8 = if (group) |name| name.ptr else null;
        return .{ .run = c.millrace_test_aggregate(&plugin.definition, config, schema, column).? };
    }

    /// Gives the plugin a batch of rows. Those of a keyed plugin are grouped by key, each key's in
    /// the order of event time.
    pub fn rows(self: Run, lines: [:0]const u8) void {
        c.millrace_test_rows(self.run, lines);
    }

    /// For a keyed plugin: event time has come to `time`, in microseconds since 1970. Timers that
    /// are due fire.
    pub fn watermark(self: Run, time: i64) void {
        c.millrace_test_watermark(self.run, time);
    }

    /// For a keyed plugin: so many microseconds have passed on the host's clock.
    pub fn pass(self: Run, microseconds: u64) void {
        c.millrace_test_pass(self.run, microseconds);
    }

    /// For a keyed plugin: how many keys have a state.
    pub fn states(self: Run) usize {
        return c.millrace_test_states(self.run);
    }

    /// For a keyed plugin: how many timers are set.
    pub fn timers(self: Run) usize {
        return c.millrace_test_timers(self.run);
    }

    /// What has come out so far: the rows of a port, or the refused rows of the port `errors`, as
    /// JSON with one object per line. A scalar function's rows are on `main` with their `result`,
    /// an aggregate's groups likewise.
    pub fn port(self: Run, name: [:0]const u8) [:0]const u8 {
        return text(c.millrace_test_port(self.run, name)).?;
    }

    /// Why the plugin did not start; null if it did.
    pub fn mistakes(self: Run) ?[:0]const u8 {
        return text(c.millrace_test_mistakes(self.run));
    }

    /// Why the last call failed; null if it did not.
    pub fn failure(self: Run) ?[:0]const u8 {
        return text(c.millrace_test_failure(self.run));
    }

    /// Prints how the rows of a port differ from these. Of refused rows, only the members that are
    /// named are compared.
    pub fn expect(self: Run, name: [:0]const u8, lines: [:0]const u8) void {
        c.millrace_test_expect(self.run, name, lines);
    }

    /// Prints what the plugin has against its configuration, if this is no part of it.
    pub fn expectMistake(self: Run, part: [:0]const u8) void {
        c.millrace_test_expect_mistake(self.run, part);
    }

    /// Prints how the last call failed, if this is no part of it.
    pub fn expectFailure(self: Run, part: [:0]const u8) void {
        c.millrace_test_expect_failure(self.run, part);
    }

    /// Gives all memory back; an error if something was not as expected.
    pub fn end(self: Run) error{NotAsExpected}!void {
        if (c.millrace_test_end(self.run) != 0) return error.NotAsExpected;
    }

    fn text(of: [*c]const u8) ?[:0]const u8 {
        return if (of == null) null else std.mem.span(@as([*:0]const u8, of));
    }
};
