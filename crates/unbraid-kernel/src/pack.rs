//! Templates come in as rows; the same templates go out in the two orders the inner loops read.

use crate::{Error, Isa, error::check_len};

/// Bins of one block: everything about a block of this many bins × the frames of a tile stays in
/// the first-level cache.
pub(crate) const BLOCK: usize = 64;

/// Floats of a cache line.
const LINE: usize = 16;

/// A growing buffer of `f32` that begins on a cache line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aligned {
    store: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// Exactly `len` values; allocates only when it has to grow. Old values are unspecified.
    pub(crate) fn resize(&mut self, len: usize) {
        if self.store.len() < len + LINE {
            self.store = vec![0.0; len + LINE];
            // A whole number of floats always reaches the next line, as a Vec<f32> is 4-aligned.
            self.start = self
                .store
                .as_ptr()
                .align_offset(LINE * size_of::<f32>())
                .min(LINE);
        }
        self.len = len;
    }

    pub(crate) fn get(&self) -> &[f32] {
        &self.store[self.start..self.start + self.len]
    }

    pub(crate) fn get_mut(&mut self) -> &mut [f32] {
        &mut self.store[self.start..self.start + self.len]
    }
}

/// How the second order is laid out for one instruction set and number of components.
///
/// A vector of `lanes` floats holds `lanes / split` components × `split` neighbouring bins, so
/// that few components still fill the registers of the projection onto the activations. The sums
/// over `split` are folded once per tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Floats of a vector.
    pub(crate) lanes: usize,
    /// Neighbouring bins in one vector: 1, 2 or 4.
    pub(crate) split: usize,
    /// Vectors that all components need.
    pub(crate) vectors: usize,
    /// Vectors handled together (a group has this many, the last one perhaps fewer).
    pub(crate) group: usize,
}

impl Layout {
    pub(crate) fn new(isa: Isa, components: usize) -> Self {
        let (lanes, group) = match isa {
            Isa::Avx512 => (16, 4),
            Isa::Avx2 | Isa::Portable => (8, 2),
        };
        let split = match (isa, lanes * group / components.max(1)) {
            (Isa::Avx512, 4..) => 4,
            (Isa::Avx512 | Isa::Avx2, 2..) => 2,
            _ => 1,
        };
        Self {
            lanes,
            split,
            vectors: (components * split).div_ceil(lanes),
            group,
        }
    }

    /// Floats of one row of sums, one row per frame.
    pub(crate) fn row(self) -> usize {
        self.vectors * self.lanes
    }

    /// Spread one component's row of a block over the packed block.
    fn spread<const SPLIT: usize>(self, component: usize, row: &[f32], packed: &mut [f32]) {
        let Self {
            lanes,
            vectors,
            group,
            ..
        } = self;
        let lane = component * SPLIT;
        let (index, in_group) = (lane / (lanes * group), lane % (lanes * group));
        let group_row = group.min(vectors - index * group) * lanes;
        let start = index * group * lanes * (BLOCK / SPLIT);
        let steps = packed[start..]
            .chunks_exact_mut(group_row)
            .zip(row.as_chunks::<SPLIT>().0);
        for (step, bins) in steps {
            step[in_group..in_group + SPLIT].copy_from_slice(bins);
        }
    }

    /// Floats of one packed block.
    fn block(self) -> usize {
        self.row() * (BLOCK / self.split)
    }
}

/// The templates of some components, packed for the inner loops.
///
/// Packing costs one pass over the templates, so it is done once per update of the templates, not
/// once per tile; one `Templates` serves all tiles and threads.
///
/// # Examples
///
/// ```
/// use unbraid_kernel::{Isa, Templates};
///
/// let mut templates = Templates::new(Isa::detect(), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)?;
/// assert_eq!((templates.components(), templates.bins()), (2, 3));
/// templates.repack(&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0])?;
/// assert_eq!(templates.sums(), [15.0, 6.0]);
/// # Ok::<(), unbraid_kernel::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Templates {
    isa: Isa,
    layout: Layout,
    components: usize,
    bins: usize,
    /// `[block][component][BLOCK]`, zero beyond the last bin.
    rows: Aligned,
    /// `[block][group][BLOCK / split][vectors of the group × lanes]`, zero beyond the last bin
    /// and component.
    columns: Aligned,
    sums: Vec<f32>,
}

impl Templates {
    /// Pack templates of shape components × bins for an instruction set.
    ///
    /// # Errors
    ///
    /// - [`Error::Isa`] if this processor does not have the instruction set.
    /// - [`Error::Length`] if `w` does not have `components · bins` values.
    pub fn new(isa: Isa, w: &[f32], components: usize, bins: usize) -> Result<Self, Error> {
        if !isa.is_available() {
            return Err(Error::Isa {
                expected: Isa::detect(),
                actual: isa,
            });
        }
        let layout = Layout::new(isa, components);
        let mut templates = Self {
            isa,
            layout,
            components,
            bins,
            rows: Aligned::default(),
            columns: Aligned::default(),
            sums: vec![0.0; components],
        };
        let blocks = bins.div_ceil(BLOCK);
        templates.rows.resize(blocks * components * BLOCK);
        templates.columns.resize(blocks * layout.block());
        templates.repack(w)?;
        Ok(templates)
    }

    /// Replace the values, keeping the shape; does not allocate.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `w` does not have components × bins values.
    pub fn repack(&mut self, w: &[f32]) -> Result<(), Error> {
        check_len("the templates", self.components * self.bins, w.len())?;
        if self.bins == 0 {
            return Ok(());
        }
        let (components, bins) = (self.components, self.bins);
        for (sum, row) in self.sums.iter_mut().zip(w.chunks_exact(bins)) {
            // Eight sums side by side, in f64: fast and exact enough for any number of bins.
            let (eights, rest) = row.as_chunks::<8>();
            let mut sums = [0.0; 8];
            for eight in eights {
                sums.iter_mut()
                    .zip(eight)
                    .for_each(|(sum, &x)| *sum += f64::from(x));
            }
            let rest: f64 = rest.iter().map(|&x| f64::from(x)).sum();
            *sum = (sums.iter().sum::<f64>() + rest) as f32;
        }
        let rows = self.rows.get_mut();
        let columns = self.columns.get_mut();
        for block in 0..bins.div_ceil(BLOCK) {
            let first = block * BLOCK;
            let width = BLOCK.min(bins - first);
            let column_block = &mut columns[block * self.layout.block()..][..self.layout.block()];
            for k in 0..components {
                let source = &w[k * bins + first..][..width];
                let row = &mut rows[(block * components + k) * BLOCK..][..BLOCK];
                row[..width].copy_from_slice(source);
                row[width..].fill(0.0);
                match self.layout.split {
                    4 => self.layout.spread::<4>(k, row, column_block),
                    2 => self.layout.spread::<2>(k, row, column_block),
                    _ => self.layout.spread::<1>(k, row, column_block),
                }
            }
        }
        Ok(())
    }

    /// The instruction set these are packed for.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Number of components.
    #[must_use]
    pub fn components(&self) -> usize {
        self.components
    }

    /// Number of bins.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// The sum of every template over its bins, length components.
    #[must_use]
    pub fn sums(&self) -> &[f32] {
        &self.sums
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// Block `block` in the first order: components × `BLOCK`.
    pub(crate) fn rows(&self, block: usize) -> &[f32] {
        &self.rows.get()[block * self.components * BLOCK..][..self.components * BLOCK]
    }

    /// Block `block` in the second order.
    pub(crate) fn columns(&self, block: usize) -> &[f32] {
        &self.columns.get()[block * self.layout.block()..][..self.layout.block()]
    }
}
