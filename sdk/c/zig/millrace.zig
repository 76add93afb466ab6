//! Millrace plugins in Zig: a thin layer over the SDK for C. README.md is the tour.

pub const About = @import("src/start.zig").About;
pub const Start = @import("src/start.zig").Start;
pub const Span = @import("src/config.zig").Span;
pub const Members = @import("src/config.zig").Members;

pub const Kind = @import("src/types.zig").Kind;
pub const Type = @import("src/types.zig").Type;
pub const Field = @import("src/types.zig").Field;
pub const Schema = @import("src/types.zig").Schema;

pub const Batch = @import("src/column.zig").Batch;
pub const Column = @import("src/column.zig").Column;
pub const Range = @import("src/column.zig").Range;

pub const columnOf = @import("src/builder.zig").columnOf;
pub const columnAs = @import("src/builder.zig").columnAs;
pub const columnOfBytes = @import("src/builder.zig").columnOfBytes;
pub const ColumnBuffer = @import("src/builder.zig").ColumnBuffer;
pub const Builder = @import("src/builder.zig").Builder;

pub const Output = @import("src/output.zig").Output;
pub const Refusal = @import("src/fault.zig").Refusal;
pub const fail = @import("src/fault.zig").fail;
pub const refuse = @import("src/fault.zig").refuse;
pub const panic = @import("src/fault.zig").panic;

pub const exportTransform = @import("src/transform.zig").exportTransform;
pub const exportKeyed = @import("src/keyed.zig").exportKeyed;
pub const exportScalar = @import("src/function.zig").exportScalar;
pub const exportAggregate = @import("src/function.zig").exportAggregate;

pub const KeyedBatch = @import("src/keyed.zig").KeyedBatch;
pub const Event = @import("src/keyed.zig").Event;
pub const Clock = @import("src/keyed.zig").Clock;
pub const Map = @import("src/large.zig").Map;
pub const List = @import("src/large.zig").List;
pub const States = @import("src/function.zig").States;
pub const Writer = @import("src/codec.zig").Writer;
pub const Reader = @import("src/codec.zig").Reader;

pub const Json = @import("src/json.zig").Json;
pub const Scanner = @import("src/json.zig").Scanner;
pub const Arena = @import("src/arena.zig").Arena;

pub const log = @import("src/host.zig").log;
pub const metrics = @import("src/host.zig").metrics;
pub const clock = @import("src/host.zig").clock;
pub const random = @import("src/host.zig").random;

pub const testing = @import("src/testing.zig");
