//! An allocator whose fresh memory holds no number, so that what an operation leaves unwritten, or reads before, shows.

use std::alloc::{GlobalAlloc, Layout, System};

struct Poison;

/// Four of these are an f32 that is no number.
const NAN_BYTE: u8 = 0xff;

// SAFETY: all memory is the system's.
unsafe impl GlobalAlloc for Poison {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        let memory = unsafe { System.alloc(layout) };
        if !memory.is_null() {
            // SAFETY: it is as long as that.
            unsafe { memory.write_bytes(NAN_BYTE, layout.size()) };
        }
        memory
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Poison = Poison;
