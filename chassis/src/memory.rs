//! How the process's allocator treats the buffers of large bodies. The only unsafe line of the chassis.
//!
//! Each large HTTP/2 frame and message is a buffer of its own that lives for a millisecond. As the GNU C library comes, it
//! asks the kernel for every one of them and gives it back at once, and the kernel clears every page anew: of an upload
//! of 100 MB that was a fifth of the time.
#![expect(unsafe_code, reason = "the allocator is set by a C function; kept in this one file")]

/// Allocations up to here come from memory that the process has already.
const FROM_HEAP_MAX_BYTES: i32 = 1 << 20;
/// Free bytes at the end of a heap above which they go back to the kernel; each thread may have a heap.
const KEPT_MAX_BYTES: i32 = 8 << 20;

/// Keeps a little freed memory for the next large buffers. To be called before there are threads.
#[cfg(target_env = "gnu")]
pub fn keep_large_buffers() {
    use nix::libc::{M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, mallopt};
    // SAFETY: changes two numbers of the allocator. It tells whether it took them; without them all works as well.
    unsafe {
        mallopt(M_MMAP_THRESHOLD, FROM_HEAP_MAX_BYTES);
        mallopt(M_TRIM_THRESHOLD, KEPT_MAX_BYTES);
    }
}

/// Other allocators are as they are.
#[cfg(not(target_env = "gnu"))]
pub fn keep_large_buffers() {}
