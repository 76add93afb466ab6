//! Marks rows whose amount is above a limit.

const millrace = @import("millrace");

/// The step's configuration.
const Config = struct {
    limit: f64,
};

pub const FlagLarge = struct {
    limit: f64,

    pub const about: millrace.About = .{
        .name = "plugin_name",
        .version = "0.1.0",
        .summary = "plugin_summary",
    };

    pub fn start(setup: *millrace.Start) !FlagLarge {
        const config = try setup.config(Config);
        _ = setup.reads("amount");
        setup.port("main", &.{.{ .name = "large", .type = .boolean, .nullable = true }});
        return .{ .limit = config.limit };
    }

    pub fn process(self: *FlagLarge, batch: *const millrace.Batch, out: *millrace.Output) !void {
        const amounts = batch.column("amount");
        const large = try batch.allocator().alloc(?bool, batch.rows);
        for (large, 0..) |*is_large, row| {
            const amount = amounts.get(f64, row);
            is_large.* = if (amount) |value| value > self.limit else null;
        }
        out.all("main", &.{try millrace.columnOf(batch.arena, large)});
    }
};

comptime {
    millrace.exportTransform(FlagLarge);
}

test "amounts above the limit are marked" {
    const run: millrace.testing.Run = .transform(FlagLarge,
        \\{"limit": 100}
    ,
        \\{"id": "string", "amount": "float64"}
    );
    run.rows(
        \\{"id": "a", "amount": 10.0}
        \\{"id": "b", "amount": 100.0}
        \\{"id": "c", "amount": 100.5}
        \\{"id": "d", "amount": null}
    );
    run.expect("main",
        \\{"id": "a", "amount": 10.0, "large": false}
        \\{"id": "b", "amount": 100.0, "large": false}
        \\{"id": "c", "amount": 100.5, "large": true}
        \\{"id": "d", "amount": null, "large": null}
    );
    try run.end();
}

test "a misspelt key is refused" {
    const run: millrace.testing.Run = .transform(FlagLarge,
        \\{"limt": 100}
    ,
        \\{"amount": "float64"}
    );
    run.expectMistake("unknown field `limt`, expected `limit`");
    try run.end();
}
