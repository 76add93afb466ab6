//! States as bytes: what is no struct of a fixed size is written and read piece by piece.

const std = @import("std");
const c = @import("c");

const Arena = @import("arena.zig").Arena;
const entry = @import("entry.zig");

/// Bytes that grow.
pub const Writer = struct {
    writer: c.millrace_writer,

    pub fn init(arena: *Arena) Writer {
        return .{ .writer = .{ .arena = arena.handle() } };
    }

    /// Bytes as they are, with nothing to say how many.
    pub fn raw(self: *Writer, of: []const u8) void {
        c.millrace_write(&self.writer, of.ptr, of.len);
    }

    /// Seven bits in each byte, so that small numbers are short.
    pub fn uint(self: *Writer, number: u64) void {
        c.millrace_write_uint(&self.writer, number);
    }

    /// Likewise, numbers near 0 are short.
    pub fn int(self: *Writer, number: i64) void {
        c.millrace_write_int(&self.writer, number);
    }

    pub fn float(self: *Writer, number: f64) void {
        c.millrace_write_double(&self.writer, number);
    }

    /// The length, then the bytes.
    pub fn bytes(self: *Writer, of: []const u8) void {
        c.millrace_write_bytes(&self.writer, entry.bytes(of));
    }

    /// What was written so far.
    pub fn written(self: *const Writer) []const u8 {
        return entry.slice(c.millrace_written(&self.writer)) orelse "";
    }
};

/// Bytes that are read from the front. Reading beyond the end, or what was written otherwise, gives
/// zeros and sets `failed`: it is enough to look at it once, at the end.
pub const Reader = struct {
    reader: c.millrace_reader,

    pub fn init(of: []const u8) Reader {
        return .{ .reader = c.millrace_read_from(entry.bytes(of)) };
    }

    /// Whether something is left.
    pub fn more(self: *const Reader) bool {
        return c.millrace_read_more(&self.reader);
    }

    pub fn failed(self: *const Reader) bool {
        return self.reader.failed;
    }

    /// The next `length` bytes, without a copy.
    pub fn raw(self: *Reader, length: usize) []const u8 {
        return entry.slice(c.millrace_read(&self.reader, length)) orelse "";
    }

    pub fn uint(self: *Reader) u64 {
        return c.millrace_read_uint(&self.reader);
    }

    pub fn int(self: *Reader) i64 {
        return c.millrace_read_int(&self.reader);
    }

    pub fn float(self: *Reader) f64 {
        return c.millrace_read_double(&self.reader);
    }

    pub fn bytes(self: *Reader) []const u8 {
        return entry.slice(c.millrace_read_bytes(&self.reader)) orelse "";
    }
};
