//! The inner loops against naive ones, and what must hold for any input.

mod convolutive;
mod laws;
mod naive;
mod reference;
