//! What a plugin returns for a batch.

const c = @import("c");

const Column = @import("column.zig").Column;
const fault = @import("fault.zig");

/// The result of a batch, as it grows. Rows that are neither passed on nor refused are dropped.
/// Columns and rows are not copied: take their memory from the call's arena.
pub const Output = opaque {
    /// Passes every input row to a port, in order, with the columns that the port adds.
    pub fn all(out: *Output, port: [:0]const u8, columns: []const Column) void {
        c.millrace_out_all(out.handle(), port, @ptrCast(columns.ptr), columns.len);
    }

    /// Passes the input rows `rows` to a port: in any order, some more than once. The columns are
    /// as long as `rows`. It does nothing if there are no rows.
    pub fn some(
        out: *Output,
        port: [:0]const u8,
        rows: []const u32,
        columns: []const Column,
    ) void {
        c.millrace_out_some(
            out.handle(),
            port,
            rows.ptr,
            rows.len,
            @ptrCast(columns.ptr),
            columns.len,
        );
    }

    /// Refuses an input row: it leaves on the port `errors`. The code has 1 to 64 lower-case
    /// letters, digits and underscores.
    pub fn rowError(
        out: *Output,
        row: u32,
        code: [:0]const u8,
        comptime format: []const u8,
        args: anytype,
    ) void {
        @branchHint(.unlikely);
        var buffer: [fault.message_bytes_max]u8 = undefined;
        const message = fault.print(&buffer, format, args);
        c.millrace_row_error(out.handle(), row, code, "%s", message.ptr);
    }

    /// Refuses an input row because of a column.
    pub fn rowErrorIn(
        out: *Output,
        row: u32,
        column: [:0]const u8,
        code: [:0]const u8,
        comptime format: []const u8,
        args: anytype,
    ) void {
        @branchHint(.unlikely);
        var buffer: [fault.message_bytes_max]u8 = undefined;
        const message = fault.print(&buffer, format, args);
        c.millrace_row_error_in(out.handle(), row, column, code, "%s", message.ptr);
    }

    /// Refuses an input row because of an error that handling it returned: with the code `failed`
    /// and the error's name, or with what `millrace.refuse` and `millrace.fail` said.
    ///
    ///     for (0..batch.rows) |row| self.handle(row) catch |err| out.refuse(@intCast(row), err);
    pub fn refuse(out: *Output, row: u32, err: anyerror) void {
        @branchHint(.unlikely);
        const told = fault.told(err);
        const message = told.message.ptr;
        if (told.refusal.column) |column| {
            c.millrace_row_error_in(out.handle(), row, column, told.refusal.code, "%s", message);
        } else {
            c.millrace_row_error(out.handle(), row, told.refusal.code, "%s", message);
        }
    }

    fn handle(out: *Output) *c.millrace_output {
        return @ptrCast(out);
    }
};
