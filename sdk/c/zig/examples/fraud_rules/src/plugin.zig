//! Rules that tell fraud, and what a person should look at, from the rest.
//!
//! config.zig makes rules of the configuration; rule.zig knows which rows a rule matches; what
//! follows from that is decided here.

const millrace = @import("millrace");

const config = @import("config.zig");
const Outcome = @import("rule.zig").Outcome;
const Rows = @import("rows.zig").Rows;
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
        .summary = "Sends transactions to main, review or fraud by rules over amount, country, " ++
            "merchant, hour and segment",
    };

    pub fn start(setup: *millrace.Start) !FraudRules {
        const rules = try config.resolve(setup);
        setup.port("main", &.{});
        for (ports) |port| setup.port(port.name, millrace.Field.ofStruct(Added));
        return .{ .rules = rules };
    }

    pub fn process(self: *FraudRules, batch: *const millrace.Batch, out: *millrace.Output) !void {
        const gpa = batch.allocator();
        // Only rows that a rule matches get a verdict.
        const verdicts = try gpa.alloc(*const Rule, batch.rows);
        const numbers = try gpa.alloc(u32, batch.rows);
        const open: Rows = try .all(gpa, batch.rows);
        for (ports) |port| {
            const taken = try open.copy(gpa);
            for (self.rules) |*rule| {
                if (rule.outcome != port.outcome) continue;
                const matching = try open.copy(gpa);
                rule.keepMatching(batch, matching);
                for (matching.numbers(numbers)) |row| verdicts[row] = rule;
                open.remove(matching);
            }
            taken.remove(open);
            try emit(batch, out, port.name, taken, verdicts);
        }
        const left = open.numbers(numbers);
        if (left.len == batch.rows) return out.all("main", &.{});
        out.some("main", left, &.{});
    }
};

/// Sends the rows of an outcome to their port, with the rule that matched each.
fn emit(
    batch: *const millrace.Batch,
    out: *millrace.Output,
    port: [:0]const u8,
    taken: Rows,
    verdicts: []const *const Rule,
) !void {
    const rows = taken.numbers(try batch.allocator().alloc(u32, batch.rows));
    var added: millrace.ColumnBuffer(Added) = try .init(batch.arena, rows.len);
    for (rows) |row| {
        const rule = verdicts[row];
        added.appendAssumeCapacity(.{ .rule = rule.name, .reason = rule.reason });
    }
    out.some(port, rows, &try added.finish());
}

comptime {
    millrace.exportTransform(FraudRules);
}
