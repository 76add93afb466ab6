//! Text in messages: shortened, in quotes, or not UTF-8 at all.

const std = @import("std");

/// How much of a value or a parser's message is repeated in a refusal.
const chars_max = 200;

/// The beginning of a text that may be of any length.
pub fn shortened(gpa: std.mem.Allocator, text: []const u8) ![:0]const u8 {
    var chars: usize = 0;
    for (text, 0..) |byte, at| {
        const begins = byte & 0xC0 != 0x80;
        if (begins and chars == chars_max) {
            return std.fmt.allocPrintSentinel(gpa, "{s}...", .{text[0..at]}, 0);
        }
        chars += @intFromBool(begins);
    }
    return gpa.dupeSentinel(u8, text, 0);
}

/// A text in quotes, with escapes for what can't be seen.
pub fn quoted(gpa: std.mem.Allocator, text: []const u8) ![]const u8 {
    var all: std.ArrayList(u8) = .empty;
    try all.append(gpa, '"');
    for (text) |byte| switch (byte) {
        '"', '\\' => try all.appendSlice(gpa, &.{ '\\', byte }),
        '\n' => try all.appendSlice(gpa, "\\n"),
        '\r' => try all.appendSlice(gpa, "\\r"),
        '\t' => try all.appendSlice(gpa, "\\t"),
        0 => try all.appendSlice(gpa, "\\0"),
        1...8, 11, 12, 14...31, 127 => try all.print(gpa, "\\u{{{x}}}", .{byte}),
        else => try all.append(gpa, byte),
    };
    try all.append(gpa, '"');
    return all.items;
}

/// Why bytes are not UTF-8; null if they are.
pub fn utf8Mistake(gpa: std.mem.Allocator, bytes: []const u8) !?[]const u8 {
    if (std.unicode.utf8ValidateSlice(bytes)) return null;
    var at: usize = 0;
    while (at < bytes.len) {
        const width = std.unicode.utf8ByteSequenceLength(bytes[at]) catch {
            return try invalid(gpa, 1, at);
        };
        if (bytes[at] == 0xC0 or bytes[at] == 0xC1 or bytes[at] > 0xF4) {
            return try invalid(gpa, 1, at);
        }
        for (1..width) |next| {
            if (at + next == bytes.len) {
                const format = "incomplete utf-8 byte sequence from index {d}";
                return try std.fmt.allocPrint(gpa, format, .{at});
            }
            const byte = bytes[at + next];
            const fits = if (next == 1) fitsSecond(bytes[at], byte) else byte & 0xC0 == 0x80;
            if (!fits) return try invalid(gpa, next, at);
        }
        at += width;
    }
    return null;
}

fn invalid(gpa: std.mem.Allocator, length: usize, at: usize) ![]const u8 {
    const format = "invalid utf-8 sequence of {d} bytes from index {d}";
    return std.fmt.allocPrint(gpa, format, .{ length, at });
}

/// Which second bytes a first byte of a longer character may have.
fn fitsSecond(first: u8, second: u8) bool {
    return switch (first) {
        0xE0 => second >= 0xA0 and second <= 0xBF,
        0xED => second >= 0x80 and second <= 0x9F,
        0xF0 => second >= 0x90 and second <= 0xBF,
        0xF4 => second >= 0x80 and second <= 0x8F,
        else => second & 0xC0 == 0x80,
    };
}
