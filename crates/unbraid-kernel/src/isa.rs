//! The processor comes in; the instruction set to compute with goes out.

use std::fmt;

/// How to compute: which instruction set the inner loops use.
///
/// The same instruction set gives the same bits, on any number of threads. Different ones round
/// differently (they sum in another order).
///
/// # Examples
///
/// ```
/// use unbraid_kernel::Isa;
///
/// assert!(Isa::available().contains(&Isa::detect()));
/// assert!(Isa::Portable.is_available());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// Plain Rust that compiles everywhere; the compiler's own vectors (NEON on ARM).
    Portable,
    /// AVX2 with FMA: x86 processors since about 2013.
    Avx2,
    /// AVX-512 (F and DQ): Intel servers since 2017, AMD since Zen 4.
    Avx512,
}

impl Isa {
    /// The fastest instruction set of this processor.
    #[must_use]
    pub fn detect() -> Self {
        [Self::Avx512, Self::Avx2]
            .into_iter()
            .find(|isa| isa.is_available())
            .unwrap_or(Self::Portable)
    }

    /// All instruction sets of this processor, the fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        [Self::Avx512, Self::Avx2, Self::Portable]
            .into_iter()
            .filter(|isa| isa.is_available())
            .collect()
    }

    /// Whether this processor has the instruction set.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}
