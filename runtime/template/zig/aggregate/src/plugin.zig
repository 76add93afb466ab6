//! The longest text of a group.

const std = @import("std");
const millrace = @import("millrace");

pub const Longest = struct {
    pub const about: millrace.About = .{
        .name = "plugin_name",
        .version = "0.1.0",
        .summary = "plugin_summary",
    };
    /// After a change of what the bytes of a state mean, count this up.
    pub const state_version = 1;

    pub fn start(setup: *millrace.Start) !Longest {
        _ = try setup.config(struct {});
        const arguments = setup.input.fields();
        if (arguments.len != 1 or arguments[0].type.kind != .utf8) {
            return millrace.fail("it takes one text: cast the argument", .{});
        }
        setup.result(.utf8);
        return .{};
    }

    pub fn update(
        _: *Longest,
        states: *millrace.States,
        groups: []const u32,
        rows: *const millrace.Batch,
    ) !void {
        const texts = rows.column("a0");
        for (groups, 0..) |group, row| {
            if (texts.get([]const u8, row)) |text| take(states, group, text);
        }
    }

    pub fn merge(
        _: *Longest,
        states: *millrace.States,
        group: usize,
        other: []const u8,
    ) !void {
        if (longestOf(other)) |text| take(states, group, text);
    }

    pub fn evaluate(
        _: *Longest,
        states: *const millrace.States,
        results: *millrace.Builder,
    ) !void {
        for (0..states.count()) |group| results.append(longestOf(states.get(group)));
    }
};

/// A state is the longest text so far and a byte behind it, as an empty state is that of no rows.
fn longestOf(state: []const u8) ?[]const u8 {
    return if (state.len == 0) null else state[0 .. state.len - 1];
}

fn take(states: *millrace.States, group: usize, text: []const u8) void {
    if (longestOf(states.get(group))) |longest| if (!isLonger(text, longest)) return;
    const state = states.editBytes(group, text.len + 1);
    @memcpy(state[0..text.len], text);
    state[text.len] = '.';
}

/// Of two of one length the smaller one: the result must not depend on their order.
fn isLonger(text: []const u8, than: []const u8) bool {
    if (text.len != than.len) return text.len > than.len;
    return std.mem.lessThan(u8, text, than);
}

comptime {
    millrace.exportAggregate(Longest);
}

test "the longest text wins" {
    const run: millrace.testing.Run = .aggregate(Longest, "{}",
        \\{"a0": "string"}
    , null);
    run.rows(
        \\{"a0": "bb"}
        \\{"a0": null}
    );
    // A second batch has a state of its own, and the two are merged.
    run.rows(
        \\{"a0": "aa"}
        \\{"a0": "c"}
    );
    run.expect("main",
        \\{"result": "aa"}
    );
    try run.end();
}
