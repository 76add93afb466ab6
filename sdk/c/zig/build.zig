//! What the build.zig of a plugin's project needs:
//!
//!     const millrace = @import("vendor/millrace/sdk/c/zig/build.zig");
//!
//!     pub fn build(b: *std.Build) void {
//!         millrace.addPlugin(b, .{ .name = "flag_large", .world = .transform });
//!     }
//!
//! `zig build` then makes zig-out/bin/flag_large.core.wasm, of which `wasm-tools component new`
//! makes a component, and `zig build test` runs the tests of src/plugin.zig natively.
//! `millrace plugin build` needs neither.

const std = @import("std");

pub const World = enum { transform, keyed, aggregate, scalar };

pub const Options = struct {
    name: []const u8,
    world: World,
    source: []const u8 = "src/plugin.zig",
    /// Where the SDK for C is, as seen from build.zig.
    sdk: []const u8 = "vendor/millrace/sdk/c",
};

/// `zig build test` in this directory tests the SDK, and the examples' parts that have tests.
pub fn build(b: *std.Build) void {
    const step = b.step("test", "Run the tests of the SDK for Zig");
    for ([_][]const u8{
        "tests/tests.zig",
        "examples/enrich/src/plugin.zig",
        "examples/safe_parse/src/plugin.zig",
    }) |source| {
        const native: Sdk = .{
            .b = b,
            .directory = "..",
            .target = b.graph.host,
            .optimize = .debug,
        };
        const options: Options = .{ .name = "tests", .world = .transform, .source = source };
        step.dependOn(&b.addRunArtifact(native.tests(options)).step);
    }
}

pub fn addPlugin(b: *std.Build, options: Options) void {
    const guest: Sdk = .{
        .b = b,
        .directory = options.sdk,
        .target = b.resolveTargetQuery(.{
            .cpu_arch = .wasm32,
            .os_tag = .wasi,
            .cpu_features_add = std.Target.wasm.featureSet(&.{ .simd128, .bulk_memory }),
        }),
        .optimize = .safe,
    };
    b.installArtifact(guest.core(options));

    const native: Sdk = .{
        .b = b,
        .directory = options.sdk,
        .target = b.graph.host,
        .optimize = .debug,
    };
    const run = b.addRunArtifact(native.tests(options));
    b.step("test", "Run the plugin's tests natively").dependOn(&run.step);
}

/// The SDK for one target.
const Sdk = struct {
    b: *std.Build,
    directory: []const u8,
    target: std.Build.ResolvedTarget,
    optimize: std.builtin.Optimize,

    /// The module that a component holds.
    fn core(sdk: Sdk, options: Options) *std.Build.Step.Compile {
        const b = sdk.b;
        const world = @tagName(options.world);
        const bindings = b.pathJoin(&.{ "gen", world });
        const sdk_module = sdk.millrace();
        const root = sdk.module(sdk.path("zig/guest.zig"));
        root.strip = true;
        root.single_threaded = true;
        root.sanitize_c = .off;
        root.addImport("millrace", sdk_module);
        root.addImport("plugin", sdk.plugin(options.source, sdk_module));
        root.addIncludePath(sdk.path("include"));
        root.addIncludePath(sdk.path(bindings));
        sdk.addC(root, "src");
        sdk.addC(root, "src/guest");
        sdk.addC(root, b.pathJoin(&.{ "src/guest", world }));
        sdk.addC(root, bindings);
        root.addObjectFile(sdk.path(b.pathJoin(&.{ bindings, "guest_component_type.o" })));
        const name = b.fmt("{s}.core", .{options.name});
        const module_of = b.addExecutable(.{ .name = name, .root_module = root });
        module_of.wasi_exec_model = .reactor;
        module_of.stack_size = 64 * 1024;
        module_of.lto = .full;
        return module_of;
    }

    /// The tests of the plugin, as a program.
    fn tests(sdk: Sdk, options: Options) *std.Build.Step.Compile {
        const root = sdk.plugin(options.source, sdk.millrace());
        root.addIncludePath(sdk.path("include"));
        sdk.addC(root, "src");
        sdk.addC(root, "src/native");
        return sdk.b.addTest(.{ .root_module = root });
    }

    fn plugin(
        sdk: Sdk,
        source: []const u8,
        sdk_module: *std.Build.Module,
    ) *std.Build.Module {
        const made = sdk.module(sdk.b.path(source));
        made.addImport("millrace", sdk_module);
        return made;
    }

    fn millrace(sdk: Sdk) *std.Build.Module {
        const declarations = sdk.b.addTranslateC(.{
            .root_source_file = sdk.path("zig/c.h"),
            .target = sdk.target,
            .optimize = sdk.optimize,
        });
        declarations.addIncludePath(sdk.path("include"));
        const made = sdk.module(sdk.path("zig/millrace.zig"));
        made.addImport("c", declarations.createModule());
        return made;
    }

    fn module(sdk: Sdk, source: std.Build.LazyPath) *std.Build.Module {
        return sdk.b.createModule(.{
            .root_source_file = source,
            .target = sdk.target,
            .optimize = sdk.optimize,
            .link_libc = true,
        });
    }

    /// Adds the C files of a directory.
    fn addC(sdk: Sdk, to: *std.Build.Module, from: []const u8) void {
        const b = sdk.b;
        const root = sdk.path(from);
        b.dependOnDirectoryContents(root);
        const directory = b.pathJoin(&.{ sdk.directory, from });
        const absolute = b.root.join(b.allocator, directory) catch @panic("OOM");
        const files = listC(b, absolute) catch |err| std.debug.panic("{s}: {t}", .{ from, err });
        to.addCSourceFiles(.{ .root = root, .files = files, .flags = &.{"-std=c17"} });
    }

    fn path(sdk: Sdk, sub_path: []const u8) std.Build.LazyPath {
        return sdk.b.path(sdk.b.pathJoin(&.{ sdk.directory, sub_path }));
    }
};

fn listC(b: *std.Build, path: std.Build.Cache.Path) ![]const []const u8 {
    const io = b.graph.io;
    var directory = try path.root_dir.handle.openDir(io, path.subPathOrDot(), .{ .iterate = true });
    defer directory.close(io);
    var files: std.ArrayList([]const u8) = .empty;
    var entries = directory.iterate();
    while (try entries.next(io)) |entry| {
        if (std.mem.endsWith(u8, entry.name, ".c")) {
            try files.append(b.allocator, b.dupe(entry.name));
        }
    }
    std.mem.sortUnstable([]const u8, files.items, {}, struct {
        fn less(_: void, left: []const u8, right: []const u8) bool {
            return std.mem.lessThan(u8, left, right);
        }
    }.less);
    return files.items;
}
