//! Counts the rows of each key, and forgets a key that has been silent for an hour.

const std = @import("std");
const millrace = @import("millrace");

const hour = 3_600_000_000;
/// The timer that forgets a key.
const forget = 0;

/// The step's configuration.
const Config = struct {
    limit: u64,
};

/// What is remembered of a key. After a change of this type, count up `state_version`.
const State = extern struct {
    count: u64,
};

/// The columns that are added.
const Added = struct {
    count: u64,
    above: bool,
};

pub const Count = struct {
    limit: u64,

    pub const about: millrace.About = .{
        .name = "plugin_name",
        .version = "0.1.0",
        .summary = "plugin_summary",
    };
    pub const state_version = 1;

    pub fn start(setup: *millrace.Start) !Count {
        const config = try setup.config(Config);
        setup.port("main", millrace.Field.ofStruct(Added));
        return .{ .limit = config.limit };
    }

    pub fn process(self: *Count, batch: *millrace.KeyedBatch, out: *millrace.Output) !void {
        var rows: std.ArrayList(u32) = .empty;
        var added: millrace.ColumnBuffer(Added) = try .init(batch.arena(), batch.rows().rows);
        while (batch.next()) |event| switch (event) {
            .row => |row| {
                const state = batch.edit(State);
                state.count += 1;
                try rows.append(batch.allocator(), row.row);
                try added.append(.{ .count = state.count, .above = state.count > self.limit });
                if (row.time) |time| batch.setTimer(forget, time + hour);
            },
            .timer => batch.clearState(),
        };
        out.some("main", rows.items, &try added.finish());
    }
};

comptime {
    millrace.exportKeyed(Count);
}

test "rows are counted until the key is silent" {
    const run: millrace.testing.Run = .keyed(Count,
        \\{"limit": 1}
    ,
        \\{"user": "string", "at": "timestamp"}
    , .{ .key = "user", .event_time = "at" });
    run.rows(
        \\{"user": "a", "at": "1970-01-01T00:00:00Z"}
        \\{"user": "b", "at": "1970-01-01T00:01:00Z"}
        \\{"user": "a", "at": "1970-01-01T00:02:00Z"}
        \\{"user": "a", "at": "1970-01-01T01:30:00Z"}
    );
    // The rows of a key stand together.
    run.expect("main",
        \\{"user": "a", "at": "1970-01-01T00:00:00Z", "count": 1, "above": false}
        \\{"user": "a", "at": "1970-01-01T00:02:00Z", "count": 2, "above": true}
        \\{"user": "a", "at": "1970-01-01T01:30:00Z", "count": 1, "above": false}
        \\{"user": "b", "at": "1970-01-01T00:01:00Z", "count": 1, "above": false}
    );
    run.watermark(4 * hour);
    try std.testing.expectEqual(0, run.states());
    try run.end();
}
