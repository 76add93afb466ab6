//! What a component has no way to say through the SDK: tests make copies of it in which one of
//! these runs when an instance is made, or in place of `about`.

use std::hint::black_box;

use crate::plugin::{endless, exhaust, recurse};

#[unsafe(no_mangle)]
extern "C" fn doctored_loop() {
    endless()
}

#[unsafe(no_mangle)]
extern "C" fn doctored_memory() {
    exhaust()
}

#[unsafe(no_mangle)]
extern "C" fn doctored_stack() {
    black_box(recurse(0));
}

/// Has the type of `about`.
#[unsafe(no_mangle)]
extern "C" fn doctored_about() -> *mut u8 {
    endless()
}
