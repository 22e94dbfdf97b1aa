//! Numbers come in; the element-wise formulas of all divergences go out.

pub(crate) mod math;
pub(crate) mod vector;
