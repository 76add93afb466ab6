//! For zig's own tools: `zig build test` runs the tests of src/plugin.zig natively, and `zig build`
//! makes the module of which a component is made. `millrace plugin build` needs neither.

const std = @import("std");
const millrace = @import("vendor/millrace/sdk/c/zig/build.zig");

pub fn build(b: *std.Build) void {
    millrace.addPlugin(b, .{ .name = "plugin_name", .world = .scalar });
}
