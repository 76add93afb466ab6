//! The wasmtime engine of a process, and the clock of its deadlines.

use std::sync::LazyLock;
use std::time::Duration;

use wasmtime::{
    Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
    ProfilingStrategy, WasmBacktraceDetails,
};

use crate::error::{Error, Result};

/// Deadlines are met within about this time.
pub const TICK: Duration = Duration::from_millis(5);

/// Most memory that any plugin may be given: each of the pool's slots reserves so many addresses.
pub const MEMORY_MAX: u64 = 4 << 30;

/// Bounds of the pool, in instances of components: room for some hundred pipelines. One component
/// may be many core instances: Python's are 38, QuickJS's 13. A slot takes addresses and no memory.
const COMPONENTS_MAX: u32 = 1024;
const CORE_INSTANCES_MAX: u32 = 8192;
const MEMORIES_MAX: u32 = 2048;
const WASM_STACK_BYTES: usize = 512 << 10;
/// So much of a slot is cleared by writing when its instance ends. To give it back to the system and
/// to get it again takes longer, and stops all threads of the process for a moment.
const KEEP_RESIDENT_BYTES: usize = 1 << 20;
/// Set, it makes the process write the names of guests' functions to `/tmp/perf-PID.map`, where
/// `perf` looks for them.
const PERF_MAP: &str = "MILLRACE_PERF_MAP";

static ENGINE: LazyLock<Result<Engine, String>> =
    LazyLock::new(|| make(true).or_else(|_| make(false)).map_err(|e| e.to_string()));

/// The engine of this process.
///
/// # Errors
/// If the machine can't run WebAssembly so.
pub fn engine() -> Result<&'static Engine> {
    ENGINE.as_ref().map_err(|e| Error::internal(format!("cannot start wasmtime: {e}")))
}

/// How many ticks of the engine's clock are at least `deadline`.
pub fn ticks(deadline: Duration) -> u64 {
    deadline.as_nanos().div_ceil(TICK.as_nanos()) as u64 + 1
}

fn make(pooling: bool) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    if std::env::var_os(PERF_MAP).is_some() {
        config.profiler(ProfilingStrategy::PerfMap);
    }
    // A machine that limits address space can't hold the pool; memory is then mapped as needed.
    if pooling {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(COMPONENTS_MAX)
            .total_core_instances(CORE_INSTANCES_MAX)
            .total_memories(MEMORIES_MAX)
            .total_tables(CORE_INSTANCES_MAX)
            .max_core_instances_per_component(64)
            .max_memories_per_component(8)
            .max_tables_per_component(64)
            .max_memories_per_module(4)
            .max_tables_per_module(8)
            .table_elements(100_000)
            .max_component_instance_size(4 << 20)
            .max_core_instance_size(4 << 20)
            .max_memory_size(MEMORY_MAX as usize)
            .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
            .table_keep_resident(KEEP_RESIDENT_BYTES);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    let engine = Engine::new(&config)?;
    start_clock(engine.weak());
    Ok(engine)
}

fn start_clock(engine: EngineWeak) {
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            std::thread::sleep(TICK);
        }
    };
    // Without its clock no deadline would hold; a process that can't start a thread is lost anyway.
    if let Err(error) = std::thread::Builder::new().name("millrace-clock".to_owned()).spawn(tick) {
        tracing::error!(%error, "cannot start the clock of plugin deadlines");
    }
}
