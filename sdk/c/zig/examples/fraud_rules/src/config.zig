//! The step's configuration, checked against the input and made into rules.

const std = @import("std");
const millrace = @import("millrace");

const Condition = @import("rule.zig").Condition;
const Outcome = @import("rule.zig").Outcome;
const Rule = @import("rule.zig").Rule;
const Test = @import("rule.zig").Test;
const Words = @import("words.zig").Words;

/// The name of the rule that `max_amount` stands for.
const max_amount = "max_amount";

/// `[step.X.config]`.
const Config = struct {
    /// What the columns are called.
    columns: Columns = .{},
    /// Short for a first rule: amounts above it are fraud.
    max_amount: ?f64,
    /// In the order in which they are asked.
    rules: []const RuleText = &.{},
};

const Columns = struct {
    amount: [:0]const u8 = "amount",
    country: [:0]const u8 = "country",
    merchant: [:0]const u8 = "merchant",
    hour: [:0]const u8 = "hour",
    segment: [:0]const u8 = "segment",
};

/// A rule as it was written.
const RuleText = struct {
    name: []const u8,
    outcome: Outcome,
    reason: ?[]const u8,
    amount_over: ?f64,
    amount_under: ?f64,
    countries: ?[]const []const u8,
    countries_not: ?[]const []const u8,
    merchants: ?[]const []const u8,
    merchants_not: ?[]const []const u8,
    hours: ?[]const u32,
    segments: ?[]const []const u8,
    segments_not: ?[]const []const u8,
};

/// The rules; what is wrong is noted. Their columns are asked for.
pub fn resolve(setup: *millrace.Start) ![]const Rule {
    const config = try setup.config(Config);
    const gpa = setup.allocator();
    var rules: std.ArrayList(Rule) = .empty;
    if (config.max_amount) |limit| {
        var resolver: Resolver = .{ .setup = setup, .columns = config.columns, .path = "" };
        try resolver.limit(max_amount, .{ .over = limit });
        try rules.append(gpa, resolver.rule(max_amount, .fraud, null));
    } else if (config.rules.len == 0) {
        setup.mistake("rules", "there is no rule; give `rules` or `max_amount`", .{});
    }
    for (config.rules, 0..) |text, at| {
        const path = try setup.arena.print("rules[{d}]", .{at});
        for (rules.items) |other| {
            if (!std.mem.eql(u8, other.name, text.name)) continue;
            const name = try setup.arena.print("{s}.name", .{path});
            setup.mistake(name, "another rule is called `{s}`; give it its own name", .{text.name});
            break;
        }
        var resolver: Resolver = .{ .setup = setup, .columns = config.columns, .path = path };
        try rules.append(gpa, try resolver.resolve(text));
    }
    try setup.check();
    return rules.items;
}

/// Collects the conditions of a rule, and its reasons in words.
const Resolver = struct {
    setup: *millrace.Start,
    columns: Columns,
    /// Of the rule.
    path: [:0]const u8,
    conditions: std.ArrayList(Condition) = .empty,
    reasons: std.ArrayList([]const u8) = .empty,

    fn rule(self: *Resolver, name: []const u8, outcome: Outcome, reason: ?[]const u8) Rule {
        const gpa = self.setup.allocator();
        const all = std.mem.join(gpa, ", ", self.reasons.items) catch "";
        return .{
            .name = name,
            .outcome = outcome,
            .reason = reason orelse all,
            .conditions = self.conditions.items,
        };
    }

    fn resolve(self: *Resolver, text: RuleText) !Rule {
        const setup = self.setup;
        if (text.amount_over) |over| if (text.amount_under) |under| if (over >= under) {
            const path = try self.pathOf("amount_over");
            setup.mistake(path, "no amount is over {d} and under {d}", .{ over, under });
        };
        if (text.amount_over) |over| try self.limit("amount_over", .{ .over = over });
        if (text.amount_under) |under| try self.limit("amount_under", .{ .under = under });
        if (text.hours) |listed| try self.hours(listed);
        inline for (.{
            .{ "countries", "country" },
            .{ "merchants", "merchant" },
            .{ "segments", "segment" },
        }) |names| {
            const column = @field(self.columns, names[1]);
            if (@field(text, names[0])) |listed| {
                try self.words(names[0], names[1], column, listed, false);
            }
            if (@field(text, names[0] ++ "_not")) |listed| {
                try self.words(names[0] ++ "_not", names[1], column, listed, true);
            }
        }
        if (self.reasons.items.len == 0) {
            setup.mistake(self.path, "has no condition and would match every row; give one", .{});
        }
        return self.rule(text.name, text.outcome, text.reason);
    }

    /// An amount over or under a limit.
    fn limit(self: *Resolver, key: []const u8, what: Test) !void {
        switch (what) {
            .over => |number| try self.because("amount over {d}", .{number}),
            .under => |number| try self.because("amount under {d}", .{number}),
            else => unreachable,
        }
        try self.condition(key, self.columns.amount, "a number", isNumber, what);
    }

    fn hours(self: *Resolver, listed: []const u32) !void {
        var said: std.ArrayList(u8) = .empty;
        for (listed, 0..) |hour, at| {
            const comma = if (at == 0) "" else ", ";
            try said.print(self.setup.allocator(), "{s}{d}", .{ comma, hour });
        }
        try self.because("hour is one of {s}", .{said.items});
        var bits: u24 = 0;
        for (listed) |hour| {
            if (hour > 23) {
                const path = try self.pathOf("hours");
                return self.setup.mistake(path, "{d} is no hour; hours are 0 to 23", .{hour});
            }
            bits |= @as(u24, 1) << @intCast(hour);
        }
        if (!try self.notEmpty("hours", listed.len)) return;
        const what: Test = .{ .hours = bits };
        try self.condition("hours", self.columns.hour, "int32 or int64", isHour, what);
    }

    fn words(
        self: *Resolver,
        key: []const u8,
        what: []const u8,
        column: [:0]const u8,
        listed: []const []const u8,
        negated: bool,
    ) !void {
        const gpa = self.setup.allocator();
        const is = if (negated) "is none of" else "is one of";
        try self.because("{s} {s} {s}", .{ what, is, try std.mem.join(gpa, ", ", listed) });
        if (!try self.notEmpty(key, listed.len)) return;
        const set: Words = try .init(gpa, listed);
        const tested: Test = if (negated) .{ .none_of = set } else .{ .one_of = set };
        try self.condition(key, column, "utf8", isText, tested);
    }

    /// Adds a condition on a column of a type that fits.
    fn condition(
        self: *Resolver,
        key: []const u8,
        name: [:0]const u8,
        expected: []const u8,
        fits: fn (millrace.Type) bool,
        what: Test,
    ) !void {
        const setup = self.setup;
        const path = try self.pathOf(key);
        const field = setup.input.find(name) orelse return setup.mistake(
            path,
            "tests `{s}`, which the input lacks; it has {s}; `columns` can name another",
            .{ name, setup.input.names(setup.arena) },
        );
        if (!fits(field.type)) return setup.mistake(
            path,
            "tests `{s}` of type {s}; it must be {s}",
            .{ name, field.type.name(setup.arena), expected },
        );
        const tested: Condition = .{ .column = setup.reads(name), .what = what };
        try self.conditions.append(setup.allocator(), tested);
    }

    fn notEmpty(self: *Resolver, key: []const u8, length: usize) !bool {
        if (length == 0) {
            const message = "is an empty list; name at least one value or leave it out";
            self.setup.mistake(try self.pathOf(key), message, .{});
        }
        return length > 0;
    }

    fn because(self: *Resolver, comptime format: []const u8, args: anytype) !void {
        const reason = try self.setup.arena.print(format, args);
        try self.reasons.append(self.setup.allocator(), reason);
    }

    fn pathOf(self: *Resolver, key: []const u8) ![:0]const u8 {
        const dot = if (self.path.len == 0) "" else ".";
        return self.setup.arena.print("{s}{s}{s}", .{ self.path, dot, key });
    }
};

fn isNumber(of: millrace.Type) bool {
    return switch (of.kind) {
        .float64, .float32, .int64, .int32, .decimal128 => true,
        else => false,
    };
}

fn isHour(of: millrace.Type) bool {
    return of.kind == .int32 or of.kind == .int64;
}

fn isText(of: millrace.Type) bool {
    return of.kind == .utf8;
}
