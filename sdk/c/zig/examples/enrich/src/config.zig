//! The step's configuration, checked against the input and made into derivations.

const std = @import("std");
const millrace = @import("millrace");

const Amount = @import("amount.zig").Amount;
const Codes = @import("codes.zig").Codes;
const Derivation = @import("plugin.zig").Derivation;
const isAmount = @import("amount.zig").isAmount;
const Time = @import("time.zig").Time;

/// The largest offset from UTC in use, and more than the smallest.
const offset_minutes_max = 14 * 60;

/// `[step.X.config]`.
const Config = struct {
    country: ?CodeText,
    currency: ?CodeText,
    amount: ?AmountText,
    time: ?TimeText,
    mask: []const MaskText = &.{},
};

const CodeText = struct { column: [:0]const u8, as: ?[:0]const u8 };

const AmountText = struct {
    column: [:0]const u8,
    currency: [:0]const u8,
    base: [:0]const u8,
    rates: millrace.Members(f64),
    as: [:0]const u8 = "amount_base",
};

const TimeText = struct {
    column: [:0]const u8,
    hour: [:0]const u8 = "hour",
    weekday: [:0]const u8 = "weekday",
    utc_offset_minutes: i64 = 0,
};

const MaskText = struct {
    column: [:0]const u8,
    keep_last: u64 = 4,
    as: ?[:0]const u8,
};

/// What the plugin does and adds.
pub const Plan = struct {
    adds: []const millrace.Field,
    amount: ?Amount,
    derivations: []const Derivation,
};

/// The plan for rows of the input; the columns that it reads are asked for.
pub fn resolve(setup: *millrace.Start) !Plan {
    const config = try setup.config(Config);
    var planner: Planner = .{ .setup = setup, .gpa = setup.allocator() };
    if (config.amount) |amount| try planner.planAmount(amount);
    if (config.country) |country| try planner.code("country", country, Codes.countries);
    if (config.currency) |currency| try planner.code("currency", currency, Codes.currencies);
    if (config.time) |time| try planner.time(time);
    for (config.mask, 0..) |mask, at| {
        try planner.mask(try setup.arena.print("mask[{d}]", .{at}), mask);
    }
    if (planner.adds.items.len == 0 and setup.mistakes() == 0) {
        const sections = "country, currency, amount, time or mask";
        setup.mistake("", "nothing is to be done; configure " ++ sections, .{});
    }
    try setup.check();
    return .{
        .adds = planner.adds.items,
        .amount = planner.amount,
        .derivations = planner.derivations.items,
    };
}

/// Collects the plan; what is wrong is noted.
const Planner = struct {
    setup: *millrace.Start,
    gpa: std.mem.Allocator,
    adds: std.ArrayList(millrace.Field) = .empty,
    amount: ?Amount = null,
    derivations: std.ArrayList(Derivation) = .empty,

    fn code(
        self: *Planner,
        path: [:0]const u8,
        text: CodeText,
        codes: *const fn (std.mem.Allocator) anyerror!Codes,
    ) !void {
        const inner = try self.setup.arena.print("{s}.column", .{path});
        const found = self.column(inner, text.column, "utf8", isText) orelse return;
        try self.add(path, text.as orelse text.column, .utf8, true);
        const derivation: Derivation = .{
            .code = .{ .column = found.place, .codes = try codes(self.gpa) },
        };
        try self.derivations.append(self.gpa, derivation);
    }

    fn planAmount(self: *Planner, text: AmountText) !void {
        const codes: Codes = try .currencies(self.gpa);
        const base = try self.currencyAt("amount.base", text.base, &codes);
        const rates = try self.gpa.alloc(?f64, codes.codes.len);
        @memset(rates, null);
        for (text.rates.all) |rate| {
            const path = try self.setup.arena.print("amount.rates.{s}", .{rate.name});
            if (!(rate.value > 0)) {
                self.setup.mistake(path, "{d} is no rate; it must be above 0", .{rate.value});
            }
            if (try self.currencyAt(path, rate.name, &codes)) |at| rates[at] = rate.value;
        }
        if (base) |at| {
            if (rates[at]) |rate| if (rate != 1.0) {
                const path = try self.setup.arena.print("amount.rates.{s}", .{text.base});
                const message = "is the rate of the base currency, which is 1; leave it out";
                self.setup.mistake(path, message, .{});
            };
            rates[at] = 1.0;
        }
        const amount = self.column("amount.column", text.column, "a number", isAmount);
        const currency = self.column("amount.currency", text.currency, "utf8", isText);
        const numbers = amount orelse return;
        try self.add("amount", text.as, .float64, numbers.nullable);
        self.amount = .{
            .amount = numbers.place,
            .currency = (currency orelse return).place,
            .currency_name = text.currency,
            .base = codes.codes[base orelse return],
            .codes = codes,
            .rates = rates,
        };
    }

    /// A currency must be written as its code here: it is the configuration, not data.
    fn currencyAt(
        self: *Planner,
        path: [:0]const u8,
        text: []const u8,
        codes: *const Codes,
    ) !?usize {
        if (try codes.find(self.gpa, text)) |at| {
            if (std.mem.eql(u8, codes.codes[at], text)) return at;
        }
        self.setup.mistake(path, "`{s}` is no ISO 4217 code such as EUR", .{text});
        return null;
    }

    fn time(self: *Planner, text: TimeText) !void {
        const offset = text.utc_offset_minutes;
        if (@abs(offset) > offset_minutes_max) return self.setup.mistake(
            "time.utc_offset_minutes",
            "{d} is no offset; write -{d} to {d} minutes",
            .{ offset, offset_minutes_max, offset_minutes_max },
        );
        const found = self.column("time.column", text.column, "a timestamp", isTime) orelse return;
        try self.add("time.hour", text.hour, .int32, found.nullable);
        try self.add("time.weekday", text.weekday, .int32, found.nullable);
        try self.derivations.append(self.gpa, .{ .time = .init(found.place, offset) });
    }

    fn mask(self: *Planner, path: [:0]const u8, text: MaskText) !void {
        const inner = try self.setup.arena.print("{s}.column", .{path});
        const found = self.column(inner, text.column, "utf8", isText) orelse return;
        try self.add(path, text.as orelse text.column, .utf8, found.nullable);
        const derivation: Derivation = .{
            .mask = .{ .column = found.place, .keep_last = text.keep_last },
        };
        try self.derivations.append(self.gpa, derivation);
    }

    const Found = struct { place: usize, nullable: bool };

    /// The place of a column among those that are read, and whether it may hold nulls.
    fn column(
        self: *Planner,
        path: [:0]const u8,
        name: [:0]const u8,
        expected: []const u8,
        fits: *const fn (millrace.Type) bool,
    ) ?Found {
        const setup = self.setup;
        const field = setup.input.find(name) orelse {
            const names = setup.input.names(setup.arena);
            setup.mistake(path, "the input has no column `{s}`; it has {s}", .{ name, names });
            return null;
        };
        if (!fits(field.type)) {
            const args = .{ name, field.type.name(setup.arena), expected };
            setup.mistake(path, "`{s}` has type {s}; it must be {s}", args);
            return null;
        }
        return .{ .place = setup.reads(name), .nullable = field.nullable };
    }

    fn add(
        self: *Planner,
        path: [:0]const u8,
        name: [:0]const u8,
        of: millrace.Type,
        nullable: bool,
    ) !void {
        for (self.adds.items) |other| {
            if (!std.mem.eql(u8, std.mem.span(other.name), name)) continue;
            const message = "`{s}` is already written by another section; name it otherwise";
            self.setup.mistake(path, message, .{name});
            break;
        }
        try self.adds.append(self.gpa, .{ .name = name, .type = of, .nullable = nullable });
    }
};

fn isText(of: millrace.Type) bool {
    return of.kind == .utf8;
}

fn isTime(of: millrace.Type) bool {
    return of.kind == .timestamp;
}
