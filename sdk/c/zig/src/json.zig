//! JSON: the members of a configuration that have no fixed names, and texts that rows hold.

const std = @import("std");
const c = @import("c");

const Arena = @import("arena.zig").Arena;

/// A value of any kind.
pub const Json = struct {
    value: *const c.millrace_json,

    pub const Kind = enum(c_uint) {
        null = c.MILLRACE_JSON_NULL,
        boolean = c.MILLRACE_JSON_BOOLEAN,
        number = c.MILLRACE_JSON_NUMBER,
        text = c.MILLRACE_JSON_TEXT,
        list = c.MILLRACE_JSON_LIST,
        object = c.MILLRACE_JSON_OBJECT,
    };

    pub fn kind(self: Json) Kind {
        return @fromBackingInt(@intCast(self.value.kind));
    }

    /// How many values a list or object has.
    pub fn count(self: Json) usize {
        return self.value.count;
    }

    /// A value of a list or object, in the order in which they were written.
    pub fn item(self: Json, at: usize) Json {
        std.debug.assert(at < self.value.count);
        return .{ .value = &self.value.items[at] };
    }

    /// The last member of this name of an object.
    pub fn member(self: Json, member_name: [:0]const u8) ?Json {
        const found = c.millrace_json_member(self.value, member_name);
        return if (found == null) null else .{ .value = found };
    }

    /// In an object: the member's name.
    pub fn name(self: Json) [:0]const u8 {
        return sentinel(self.value.name);
    }

    pub fn boolean(self: Json) ?bool {
        return if (self.kind() == .boolean) self.value.boolean else null;
    }

    pub fn text(self: Json) ?[:0]const u8 {
        return if (self.kind() == .text) sentinel(self.value.text) else null;
    }

    /// A number that is written as an integer and fits.
    pub fn int(self: Json) ?i64 {
        var value: i64 = 0;
        return if (c.millrace_json_int64(self.value, &value)) value else null;
    }

    /// The f64 nearest to a number.
    pub fn float(self: Json) ?f64 {
        var value: f64 = 0;
        return if (c.millrace_json_double(self.value, &value)) value else null;
    }

    /// A number as JSON writes it, in as few digits as name it: 0.1, 10000.0, 1e30.
    pub fn floatText(arena: *Arena, number: f64) [:0]const u8 {
        const text_of = c.millrace_json_double_text(arena.handle(), number);
        return std.mem.span(@as([*:0]const u8, text_of));
    }

    fn sentinel(of: c.millrace_text) [:0]const u8 {
        return if (of.length == 0) "" else of.bytes[0..of.length :0];
    }
};

/// Reads a text value by value, without a tree and without memory for each value: for plugins that
/// parse rows. After `error.Syntax`, `message` says what is wrong, and the scanner is of no use.
pub const Scanner = struct {
    scanner: c.millrace_scanner,

    pub const Error = error{Syntax};

    /// A number that was read.
    pub const Number = struct {
        value: union(enum) {
            /// An integer from 0 on.
            uint: u64,
            /// An integer below 0.
            int: i64,
            /// Any other, rounded to the nearest; also -0 and integers beyond.
            float: f64,
        },
        /// As it was written.
        source: []const u8,
    };

    /// Begins to read a text, which must be UTF-8.
    pub fn init(arena: *Arena, source: []const u8) Scanner {
        var made: Scanner = undefined;
        c.millrace_scan(&made.scanner, arena.handle(), toC(source));
        return made;
    }

    /// Begins to read another text with the memory of the last.
    pub inline fn again(self: *Scanner, source: []const u8) void {
        c.millrace_scan_again(&self.scanner, toC(source));
    }

    /// What comes next.
    pub inline fn kind(self: *Scanner) Error!Json.Kind {
        var found: c_uint = 0;
        if (!c.millrace_scan_kind(&self.scanner, &found)) return error.Syntax;
        return @fromBackingInt(@intCast(found));
    }

    pub inline fn takeNull(self: *Scanner) Error!void {
        if (!c.millrace_scan_null(&self.scanner)) return error.Syntax;
    }

    pub inline fn boolean(self: *Scanner) Error!bool {
        var value = false;
        if (!c.millrace_scan_bool(&self.scanner, &value)) return error.Syntax;
        return value;
    }

    pub inline fn number(self: *Scanner) Error!Number {
        var found: c.millrace_number = undefined;
        if (!c.millrace_scan_number(&self.scanner, &found)) return error.Syntax;
        return .{
            .value = switch (found.kind) {
                c.MILLRACE_NUMBER_UINT => .{ .uint = found.uint_value },
                c.MILLRACE_NUMBER_INT => .{ .int = found.int_value },
                else => .{ .float = found.double_value },
            },
            .source = fromC(found.source),
        };
    }

    /// A text, valid until the next value is read.
    pub inline fn text(self: *Scanner) Error![]const u8 {
        var value: c.millrace_text = undefined;
        if (!c.millrace_scan_text(&self.scanner, &value)) return error.Syntax;
        return fromC(value);
    }

    /// Enters the list or object that comes next.
    pub inline fn enter(self: *Scanner) void {
        c.millrace_scan_enter(&self.scanner);
    }

    /// Goes to the next value of the list that was entered; false behind the last.
    pub inline fn nextItem(self: *Scanner, first: bool) Error!bool {
        var more = false;
        if (!c.millrace_scan_item(&self.scanner, first, &more)) return error.Syntax;
        return more;
    }

    /// Goes to the next name of the object that was entered, and reads it; null behind the last.
    /// It is valid until the next text is read. `toValue` comes next.
    pub inline fn nextName(self: *Scanner, first: bool) Error!?[]const u8 {
        var more = false;
        var name: c.millrace_text = undefined;
        if (!c.millrace_scan_name(&self.scanner, first, &name, &more)) return error.Syntax;
        return if (more) fromC(name) else null;
    }

    /// Goes from a name to its value.
    pub inline fn toValue(self: *Scanner) Error!void {
        if (!c.millrace_scan_colon(&self.scanner)) return error.Syntax;
    }

    /// Goes past any value, and returns it as it was written.
    pub inline fn skip(self: *Scanner) Error![]const u8 {
        var source: c.millrace_text = undefined;
        if (!c.millrace_scan_skip(&self.scanner, &source)) return error.Syntax;
        return fromC(source);
    }

    /// Checks that nothing but white space is left.
    pub inline fn end(self: *Scanner) Error!void {
        if (!c.millrace_scan_end(&self.scanner)) return error.Syntax;
    }

    /// Notes as a mistake at this place what the plugin itself does not take.
    pub fn wrong(self: *Scanner, said: [:0]const u8) void {
        self.scanner.@"error" = said.ptr;
        self.scanner.wrong_ = self.scanner.at_;
    }

    /// What is wrong, without its place.
    pub fn mistake(self: *const Scanner) [:0]const u8 {
        return if (self.scanner.@"error") |said| std.mem.span(@as([*:0]const u8, said)) else "";
    }

    /// What is wrong, with its line and column.
    pub fn message(self: *const Scanner, arena: *Arena) [:0]const u8 {
        const said = c.millrace_scan_error(&self.scanner, arena.handle());
        return std.mem.span(@as([*:0]const u8, said));
    }

    fn toC(source: []const u8) c.millrace_text {
        return .{ .bytes = source.ptr, .length = source.len };
    }

    fn fromC(of: c.millrace_text) []const u8 {
        return if (of.length == 0) "" else of.bytes[0..of.length];
    }
};
