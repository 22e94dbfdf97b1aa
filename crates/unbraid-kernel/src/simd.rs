//! Vectors come in; the phases of a sweep over one block go out, for every instruction set.

/// The phases of a sweep with one kind of vector, compiled for the instruction set it needs.
#[cfg(target_arch = "x86_64")]
macro_rules! phases {
    ($features:literal, $vector:ty) => {
        use crate::pack::Layout;
        use crate::phase::{Block, Fields, Model, Phases};
        use crate::simd::{cells, micro};

        pub(crate) static PHASES: Phases = Phases {
            product,
            model_fields,
            fields,
            project_activations,
            project_templates,
        };

        #[target_feature(enable = $features)]
        unsafe fn product(block: &Block, model: &Model<'_>, out: &mut [f32]) {
            // SAFETY: this function's own contract, that the processor has the instruction set.
            unsafe { micro::product::<$vector>(block, model, out) }
        }

        #[target_feature(enable = $features)]
        unsafe fn model_fields(
            block: &Block,
            model: &Model<'_>,
            fields: &Fields<'_>,
            pull: &mut [f32],
            push: &mut [f32],
        ) -> f64 {
            // SAFETY: as above.
            unsafe { cells::model_fields::<$vector>(block, model, fields, pull, push) }
        }

        #[target_feature(enable = $features)]
        unsafe fn fields(
            block: &Block,
            fields: &Fields<'_>,
            pull: &mut [f32],
            push: &mut [f32],
        ) -> f64 {
            // SAFETY: as above.
            unsafe { cells::fields::<$vector>(block, fields, pull, push) }
        }

        #[target_feature(enable = $features)]
        unsafe fn project_activations(
            block: &Block,
            layout: Layout,
            columns: &[f32],
            field: &[f32],
            sums: &mut [f32],
        ) {
            // SAFETY: as above.
            unsafe { micro::project_activations::<$vector>(block, layout, columns, field, sums) }
        }

        #[target_feature(enable = $features)]
        unsafe fn project_templates(block: &Block, h: &[f32], field: &[f32], out: &mut [f32]) {
            // SAFETY: as above.
            unsafe { micro::project_templates::<$vector>(block, h, field, out) }
        }
    };
}

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
