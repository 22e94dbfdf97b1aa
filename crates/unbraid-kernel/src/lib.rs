//! A tile of a spectrogram, its activations and the templates come in; the gradients of the
//! β-divergence for both factors go out, in one pass over the tile.
//!
//! This is the inner loop of a non-negative matrix factorization: everything that touches every
//! bin of every frame. It is single-threaded and deterministic; callers run tiles in parallel.
//!
//! ```text
//! model      Λ = floor + base + h·w          frames × bins
//! pull       v · Λ^(β−2)                     what the data asks for
//! push       Λ^(β−1)                         what the model already gives
//! pull_h[f,k] = Σ over bins   w[k,b] · pull[f,b]       push_h likewise
//! pull_w[k,b] = Σ over frames h[f,k] · pull[f,b]       push_w likewise
//! ```
//!
//! The multiplicative update of either factor is then `x ← x · (pull_x / push_x)^γ`
//! (Févotte and Idier 2011, equations 18 and 42–45). The constant `floor` is part of the model, so
//! that the theorems of majorization–minimization hold for it unchanged.
//!
//! | letter | name | shape |
//! |---|---|---|
//! | `v` | spectrogram of one channel, ≥ 0 | frames × bins, bins contiguous |
//! | `h` | activations | frames × components |
//! | `w` | templates | components × bins, packed once into [`Templates`] |
//! | `base` | model of everything that is not `h·w`, ≥ 0 | frames × bins |
//!
//! # Examples
//!
//! One exact multiplicative update of the activations:
//!
//! ```
//! use unbraid_kernel::{Kernel, Objective, Scratch, Templates, Tile};
//!
//! let (frames, bins, components) = (2, 3, 1);
//! let v = [1.0, 2.0, 3.0, 2.0, 4.0, 6.0];
//! let mut h = vec![1.0, 1.0];
//! let w = [1.0, 2.0, 3.0];
//!
//! let kernel = Kernel::new(1.0, 1e-9)?;
//! let templates = Templates::new(kernel.isa(), &w, components, bins)?;
//! let (mut pull, mut push) = (vec![0.0; frames * components], vec![0.0; frames * components]);
//! let mut scratch = Scratch::default();
//!
//! let tile = Tile::new(&v, &h, &templates, None, frames)?;
//! let before =
//!     kernel.gradient_activations(&tile, &mut pull, &mut push, Objective::Compute, &mut scratch)?;
//! for ((x, pull), push) in h.iter_mut().zip(&pull).zip(&push) {
//!     *x *= pull / push;
//! }
//! let tile = Tile::new(&v, &h, &templates, None, frames)?;
//! let after = kernel.divergence(&tile, &mut scratch);
//! assert!(before > 0.8 && after.abs() < 1e-5);
//! # Ok::<(), unbraid_kernel::Error>(())
//! ```
//!
//! # References
//!
//! - C. Févotte, J. Idier, *Algorithms for nonnegative matrix factorization with the
//!   β-divergence*, Neural Computation 23(9), 2011, doi:`10.1162/NECO_a_00168`.

pub mod convolutive;
mod error;
mod isa;
mod kernel;
mod pack;
mod peak;
mod phase;
mod portable;
mod simd;
mod tile;

pub use error::Error;
pub use isa::Isa;
pub use kernel::{Kernel, Objective};
pub use pack::Templates;
pub use peak::{fused_multiply_adds, half_precision_multiply_adds};
pub use tile::{Scratch, Tile};
