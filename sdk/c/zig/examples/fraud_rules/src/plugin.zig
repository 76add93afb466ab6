//! Rules that tell fraud, and what a person should look at, from the rest.
//!
//! config.zig makes rules of the configuration; rule.zig knows which rows a rule matches; what
//! follows from that is decided here.

const std = @import("std");
const millrace = @import("millrace");

const config = @import("config.zig");
const Outcome = @import("rule.zig").Outcome;
const Rule = @import("rule.zig").Rule;

/// Ports beside `main`, in the order in which their rules are asked.
const ports = [_]struct { name: [:0]const u8, outcome: Outcome }{
    .{ .name = "fraud", .outcome = .fraud },
    .{ .name = "review", .outcome = .review },
};

/// What is added on these ports.
const Added = struct { rule: []const u8, reason: []const u8 };

pub const FraudRules = struct {
    rules: []const Rule,

    pub const about: millrace.About = .{
        .name = "fraud_rules",
        .version = "0.1.0",
        .summary = "Sends transactions to fraud, review or main by rules",
    };

    pub fn start(setup: *millrace.Start) !FraudRules {
        const rules = try config.resolve(setup);
        setup.port("main", &.{});
        for (ports) |port| setup.port(port.name, millrace.Field.ofStruct(Added));
        return .{ .rules = rules };
    }

    pub fn process(self: *FraudRules, batch: *const millrace.Batch, out: *millrace.Output) !void {
        const gpa = batch.allocator();
        const verdicts = try gpa.alloc(?*const Rule, batch.rows);
        @memset(verdicts, null);
        const all = try gpa.alloc(u32, batch.rows);
        for (all, 0..) |*row, number| row.* = @intCast(number);
        const matching = try gpa.alloc(u32, batch.rows);
        var open = all;
        for (ports) |port| {
            for (self.rules) |*rule| {
                if (rule.outcome != port.outcome) continue;
                const matched = rule.match(batch, open, matching);
                if (matched.len == 0) continue;
                for (matched) |row| verdicts[row] = rule;
                open = stillOpen(open, verdicts);
            }
        }
        if (open.len == batch.rows) return out.all("main", &.{});
        out.some("main", open, &.{});
        for (ports) |port| try emit(batch, out, port.name, port.outcome, verdicts);
    }
};

/// Those of `rows` that no rule has matched, in the same memory. A row is always written and
/// counted only if it stays: so there is no branch to be guessed wrong.
fn stillOpen(rows: []u32, verdicts: []const ?*const Rule) []u32 {
    var left: usize = 0;
    for (rows) |row| {
        rows[left] = row;
        left += @intFromBool(verdicts[row] == null);
    }
    return rows[0..left];
}

/// Sends the rows with this outcome to their port.
fn emit(
    batch: *const millrace.Batch,
    out: *millrace.Output,
    port: [:0]const u8,
    outcome: Outcome,
    verdicts: []const ?*const Rule,
) !void {
    const gpa = batch.allocator();
    var rows: std.ArrayList(u32) = try .initCapacity(gpa, verdicts.len);
    var added: millrace.ColumnBuffer(Added) = try .init(batch.arena, verdicts.len);
    for (verdicts, 0..) |verdict, row| {
        const rule = verdict orelse continue;
        if (rule.outcome != outcome) continue;
        rows.appendAssumeCapacity(@intCast(row));
        added.appendAssumeCapacity(.{ .rule = rule.name, .reason = rule.reason });
    }
    out.some(port, rows.items, &try added.finish());
}

comptime {
    millrace.exportTransform(FraudRules);
}
