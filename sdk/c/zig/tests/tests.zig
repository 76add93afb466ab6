//! Tests of the layer for Zig: small plugins that run natively.

const std = @import("std");
const millrace = @import("millrace");

const Run = millrace.testing.Run;
const tested: millrace.About = .{ .name = "tested", .version = "0.1.0", .summary = "A test" };

/// Takes every kind of member of a configuration, and says what it got.
const Configured = struct {
    config: Config,

    const Config = struct {
        flag: bool = false,
        small: u8,
        signed: ?i64,
        limit: f64 = 1.5,
        name: []const u8 = "none",
        color: enum { red, green } = .red,
        within: ?millrace.Span,
        words: []const []const u8 = &.{},
        hours: []const u32 = &.{},
        inner: struct { depth: u32 = 1 } = .{},
        rules: []const struct { id: [:0]const u8 } = &.{},
        rates: ?millrace.Members(f64),
        anything: ?millrace.Json,
    };

    pub const about = tested;

    pub fn start(setup: *millrace.Start) !Configured {
        const config = try setup.config(Config);
        _ = setup.reads("id");
        setup.port("main", &.{.{ .name = "got", .type = .utf8 }});
        return .{ .config = config };
    }

    pub fn process(self: *Configured, batch: *const millrace.Batch, out: *millrace.Output) !void {
        const config = self.config;
        const rates = config.rates.?.all;
        const got = try batch.arena.print(
            "{} {d} {?d} {d} {s} {t} {d} {s} {d} {d} {s} {s}={d} {t}",
            .{
                config.flag,                  config.small,             config.signed,
                config.limit,                 config.name,              config.color,
                config.within.?.microseconds, config.words[1],          config.hours[0],
                config.inner.depth,           config.rules[0].id,       rates[1].name,
                rates[1].value,               config.anything.?.kind(),
            },
        );
        const texts = try batch.allocator().alloc([]const u8, batch.rows);
        @memset(texts, got);
        out.all("main", &.{try millrace.columnOf(batch.arena, texts)});
    }
};

test "a configuration is taken as a struct" {
    const run: Run = .transform(Configured,
        \\{"flag": true, "small": 200, "signed": -3, "name": "x", "color": "green",
        \\ "within": "5m", "words": ["a", "b"], "hours": [23], "rules": [{"id": "r"}],
        \\ "rates": {"USD": 0.5, "EUR": 1}, "anything": [1, {}]}
    ,
        \\{"id": "string"}
    );
    run.rows(
        \\{"id": "a"}
    );
    run.expect("main",
        \\{"id": "a", "got": "true 200 -3 1.5 x green 300000000 b 23 1 r EUR=1 list"}
    );
    try run.end();
}

test "all mistakes in a configuration are told at once" {
    const run: Run = .transform(Configured,
        \\{"small": 300, "color": "blue", "inner": {"depht": 2}}
    ,
        \\{"id": "string"}
    );
    run.expectMistake("must be 0 to 255, and not 300");
    run.expectMistake("blue");
    run.expectMistake("depht");
    try run.end();
}

/// Handles rows as structs, whose errors refuse them.
const Rows = struct {
    const Payment = struct { amount: f64, currency: ?[]const u8 };
    const Added = struct { euros: f64, note: ?[]const u8, big: ?bool };

    pub const about = tested;

    pub fn start(setup: *millrace.Start) !Rows {
        _ = setup.reads("amount");
        _ = setup.reads("currency");
        setup.port("main", millrace.Field.ofStruct(Added));
        return .{};
    }

    pub fn process(_: *Rows, batch: *const millrace.Batch, out: *millrace.Output) !void {
        const payments = batch.reader(Payment);
        var rows: std.ArrayList(u32) = .empty;
        // Too small, so that it has to grow.
        var added: millrace.ColumnBuffer(Added) = try .init(batch.arena, 0);
        for (0..batch.rows) |at| {
            const row: u32 = @intCast(at);
            const payment = payments.row(at) catch |err| {
                out.refuse(row, err);
                continue;
            };
            const made = convert(payment) catch |err| {
                out.refuse(row, err);
                continue;
            };
            try rows.append(batch.allocator(), row);
            try added.append(made);
        }
        out.some("main", rows.items, &try added.finish());
    }

    fn convert(payment: Payment) !Added {
        const currency = payment.currency orelse return .{
            .euros = payment.amount,
            .note = "as it is",
            .big = null,
        };
        if (std.mem.eql(u8, currency, "EUR")) {
            return .{ .euros = payment.amount, .note = null, .big = payment.amount > 10 };
        }
        if (currency.len != 3) return error.NoCurrency;
        if (currency[0] == 'X') return millrace.fail("{s} is secret", .{currency});
        const refusal: millrace.Refusal = .{ .code = "no_rate", .column = "currency" };
        return millrace.refuse(refusal, "no rate for {s}", .{currency});
    }
};

test "rows are structs, and errors refuse them with their text" {
    const run: Run = .transform(Rows, "{}",
        \\{"amount": "float64", "currency": "string"}
    );
    run.rows(
        \\{"amount": 1.0, "currency": "EUR"}
        \\{"amount": null, "currency": "EUR"}
        \\{"amount": 2.0, "currency": "USD"}
        \\{"amount": 3.0, "currency": null}
        \\{"amount": 4.0, "currency": "Mark"}
        \\{"amount": 5.0, "currency": "XAU"}
    );
    run.expect("main",
        \\{"amount": 1.0, "currency": "EUR", "euros": 1.0, "note": null, "big": false}
        \\{"amount": 3.0, "currency": null, "euros": 3.0, "note": "as it is", "big": null}
    );
    run.expect("errors",
        \\{"row": 1, "code": "missing", "column": "amount", "message": "is null and must have a value"}
        \\{"row": 2, "code": "no_rate", "column": "currency", "message": "no rate for USD"}
        \\{"row": 4, "code": "failed", "message": "NoCurrency"}
        \\{"row": 5, "code": "failed", "message": "XAU is secret"}
    );
    try run.end();
}

/// Fails as a whole.
const Failing = struct {
    pub const about = tested;

    pub fn start(setup: *millrace.Start) !Failing {
        setup.port("main", &.{});
        return .{};
    }

    pub fn process(_: *Failing, batch: *const millrace.Batch, _: *millrace.Output) !void {
        if (batch.rows == 1) return error.Overflow;
        return millrace.fail("{d} rows are too many", .{batch.rows});
    }
};

test "an error of process fails the call with its text" {
    const run: Run = .transform(Failing, "{}",
        \\{"id": "string"}
    );
    run.rows(
        \\{"id": "a"}
    );
    run.expectFailure("Overflow");
    run.rows(
        \\{"id": "a"}
        \\{"id": "b"}
    );
    run.expectFailure("2 rows are too many");
    try run.end();
}

/// Keeps the last values of each key, and a timer that is due within the batch.
const Last = struct {
    const Head = extern struct { timers: u64 };
    const Item = extern struct { value: i64 };
    const Added = struct { sum: i64, count: u64, timers: u64 };
    const Report = struct { due: i64 };
    const second = 1_000_000;

    pub const about = tested;

    pub fn start(setup: *millrace.Start) !Last {
        _ = setup.reads("value");
        setup.port("main", millrace.Field.ofStruct(Added));
        setup.port("reports", millrace.Field.ofStruct(Report));
        return .{};
    }

    pub fn process(_: *Last, batch: *millrace.KeyedBatch, out: *millrace.Output) !void {
        const values = batch.rows().column("value").values(i64);
        var rows: std.ArrayList(u32) = .empty;
        var added: millrace.ColumnBuffer(Added) = try .init(batch.arena(), 4);
        var reported: std.ArrayList(u32) = .empty;
        var reports: millrace.ColumnBuffer(Report) = try .init(batch.arena(), 4);
        while (batch.next()) |event| {
            const stored = if (batch.state()) |state| state.len else @sizeOf(Head);
            const count = (stored - @sizeOf(Head)) / @sizeOf(Item);
            switch (event) {
                .row => |row| {
                    const state = batch.editItems(Head, Item, count + 1);
                    state.items[count] = .{ .value = values[row.row] };
                    var sum: i64 = 0;
                    for (state.items) |item| sum += item.value;
                    try rows.append(batch.allocator(), row.row);
                    try added.append(.{
                        .sum = sum,
                        .count = state.items.len,
                        .timers = state.head.timers,
                    });
                    batch.setTimer(1, row.time.? + 5 * second);
                },
                .timer => |timer| {
                    batch.editItems(Head, Item, count).head.timers += 1;
                    try reported.append(batch.allocator(), batch.keyRow());
                    try reports.append(.{ .due = timer.at });
                },
            }
        }
        out.some("main", rows.items, &try added.finish());
        out.some("reports", reported.items, &try reports.finish());
    }
};

test "a timer comes between two rows of a batch, and state is kept in place" {
    const run: Run = .keyed(Last, "{}",
        \\{"key": "string", "at": "timestamp", "value": "int64"}
    , .{ .key = "key", .event_time = "at" });
    run.rows(
        \\{"key": "a", "at": "1970-01-01T00:00:00Z", "value": 1}
        \\{"key": "a", "at": "1970-01-01T00:00:03Z", "value": 2}
        \\{"key": "a", "at": "1970-01-01T00:00:09Z", "value": 3}
    );
    run.expect("main",
        \\{"key": "a", "at": "1970-01-01T00:00:00Z", "value": 1, "sum": 1, "count": 1, "timers": 0}
        \\{"key": "a", "at": "1970-01-01T00:00:03Z", "value": 2, "sum": 3, "count": 2, "timers": 0}
        \\{"key": "a", "at": "1970-01-01T00:00:09Z", "value": 3, "sum": 6, "count": 3, "timers": 1}
    );
    try std.testing.expectEqual(1, run.states());
    try std.testing.expectEqual(1, run.timers());
    run.watermark(20 * Last.second);
    try std.testing.expectEqual(0, run.timers());
    try run.end();
}

test "types of Zig's values and of columns" {
    const expectEqual = std.testing.expectEqual;
    try expectEqual(.utf8, millrace.Type.of(?[]const u8).kind);
    try expectEqual(.uint64, millrace.Type.of(u64).kind);
    const money: millrace.Type = .decimal(12, 2);
    try std.testing.expect(money.isNumber());
    try std.testing.expect(money.eql(.decimal(12, 2)));
    try std.testing.expect(!money.eql(.decimal(12, 3)));
    const item: millrace.Field = .{ .name = "item", .type = .int64 };
    try expectEqual(1, millrace.Type.list(&item).children().len);
    const fields = millrace.Field.ofStruct(struct { a: ?i32, b: bool });
    try std.testing.expectEqualStrings("b", std.mem.span(fields[1].name));
    try std.testing.expect(fields[0].nullable and !fields[1].nullable);
}
