//! Vectors come in; the phases of a sweep over one block go out, for every instruction set.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "x86_64")]
mod cells;
pub(crate) mod math;
#[cfg(target_arch = "x86_64")]
mod micro;
pub(crate) mod vector;
