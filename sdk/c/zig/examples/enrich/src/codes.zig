//! Standard codes for what people write: ISO 3166 for countries, ISO 4217 for currencies.

const std = @import("std");
const millrace = @import("millrace");

/// Finds codes by any of their names, whatever the case, spaces and punctuation.
pub const Codes = struct {
    codes: []const []const u8,
    /// Places of codes by names in the form that `fold` gives them.
    by_name: std.StringHashMapUnmanaged(usize),

    /// ISO 3166-1 alpha-2, found by alpha-2, alpha-3 or name.
    pub fn countries(gpa: std.mem.Allocator) !Codes {
        return parse(gpa, @embedFile("countries.tsv"));
    }

    /// ISO 4217, found by code, name or symbol.
    pub fn currencies(gpa: std.mem.Allocator) !Codes {
        return parse(gpa, @embedFile("currencies.tsv"));
    }

    /// Each line has a code and its other names; `#` starts a comment.
    fn parse(gpa: std.mem.Allocator, table: []const u8) !Codes {
        var codes: std.ArrayList([]const u8) = .empty;
        var by_name: std.StringHashMapUnmanaged(usize) = .empty;
        var lines = std.mem.tokenizeScalar(u8, table, '\n');
        while (lines.next()) |line| {
            if (line[0] == '#') continue;
            var names = std.mem.splitScalar(u8, line, '\t');
            while (names.next()) |name| {
                try by_name.put(gpa, try fold(gpa, name), codes.items.len);
            }
            names.reset();
            try codes.append(gpa, names.first());
        }
        return .{ .codes = codes.items, .by_name = by_name };
    }

    /// The place of a code in the table. `gpa` is for the name in another form.
    pub fn find(self: *const Codes, gpa: std.mem.Allocator, text: []const u8) !?usize {
        // Most texts are codes already.
        if (self.by_name.get(text)) |at| return at;
        return self.by_name.get(try fold(gpa, text));
    }

    /// The codes of a column of text; null where there is none.
    pub fn derive(
        self: *const Codes,
        batch: *const millrace.Batch,
        column: usize,
        rows: []const u32,
    ) !millrace.Column {
        const gpa = batch.allocator();
        const texts = &batch.columns()[column];
        const found = try gpa.alloc(?[]const u8, rows.len);
        for (found, rows) |*code, row| {
            code.* = null;
            const text = texts.get([]const u8, row) orelse continue;
            if (try self.find(gpa, text)) |at| code.* = self.codes[at];
        }
        return millrace.columnOf(batch.arena, found);
    }
};

/// Upper case, with one space for any run of spaces and punctuation, and none at the ends.
fn fold(gpa: std.mem.Allocator, text: []const u8) ![]const u8 {
    // A ligature of three bytes becomes three letters at most, and a letter never grows otherwise
    // by more than a space.
    var folded: std.ArrayList(u8) = try .initCapacity(gpa, text.len * 2);
    var gap = false;
    var letters = (try std.unicode.Utf8View.init(text)).iterator();
    while (letters.nextCodepointSlice()) |letter| {
        const point = try std.unicode.utf8Decode(letter);
        if (isGap(point)) {
            gap = folded.items.len > 0;
            continue;
        }
        if (gap) folded.appendAssumeCapacity(' ');
        gap = false;
        if (point < 0x80) {
            folded.appendAssumeCapacity(std.ascii.toUpper(letter[0]));
        } else {
            folded.appendSliceAssumeCapacity(upper(point) orelse letter);
        }
    }
    return folded.items;
}

/// White space, and the punctuation that stands for it.
fn isGap(point: u21) bool {
    return switch (point) {
        '\t'...'\r', ' ', '.', ',', '\'', '-', '(', ')', '&', '_' => true,
        0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2019, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000 => true,
        else => false,
    };
}

/// The upper case of all letters beyond ASCII that may be part of a name in the tables.
fn upper(point: u21) ?[]const u8 {
    return switch (point) {
        'ß' => "SS",
        'ã' => "Ã",
        'å' => "Å",
        'ç' => "Ç",
        'é' => "É",
        'í' => "Í",
        'ñ' => "Ñ",
        'ô' => "Ô",
        'ö' => "Ö",
        'ü' => "Ü",
        'č' => "Č",
        'ı' => "I",
        'ł' => "Ł",
        'ſ' => "S",
        'ﬀ' => "FF",
        'ﬁ' => "FI",
        'ﬂ' => "FL",
        'ﬃ' => "FFI",
        'ﬄ' => "FFL",
        'ﬅ', 'ﬆ' => "ST",
        else => null,
    };
}
