//! A model comes in; the same model with a component in several, or several in one, goes out.

use ndarray::{Array1, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::LowRank;
use crate::Error;

impl LowRank {
    /// Let one component become several that add up to about the same, told apart by a little noise.
    ///
    /// The first takes its place, the others come last.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a component that does not exist, or fewer than two new ones.
    pub fn split(&self, component: usize, into: usize) -> Result<Self, Error> {
        self.component("split", component)?;
        if into < 2 {
            return Err(Error::config("split", into, "into at least 2"));
        }
        let new = into - 1;
        let chosen: Vec<usize> = (0..self.components())
            .chain(std::iter::repeat_n(component, new))
            .collect();
        let mut split = self.select(&chosen);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let share = 1.0 / into as f32;
        for k in std::iter::once(component).chain(self.components()..chosen.len()) {
            split.activations.column_mut(k).mapv_inplace(|h| h * share);
            // From a half to one and a half of what it was.
            split
                .templates
                .row_mut(k)
                .mapv_inplace(|w| w * (0.5 + (rng.next_u32() >> 8) as f32 / (1 << 24) as f32));
        }
        split.normalize();
        Ok(split)
    }

    /// Let several components become one: its template and pan gains are their means by loudness, its activations
    /// the sum.
    ///
    /// The first of them keeps its place; components behind the others move up.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a component that does not exist or is named twice, or fewer than two.
    pub fn merge(&self, components: &[usize]) -> Result<Self, Error> {
        for (at, &component) in components.iter().enumerate() {
            self.component("merge", component)?;
            if components[..at].contains(&component) {
                return Err(Error::config("merge", component, "named once"));
            }
        }
        let Some((&first, _)) = components
            .split_first()
            .filter(|(_, rest)| !rest.is_empty())
        else {
            let requirement = "at least two components";
            return Err(Error::config("merge", components.len(), requirement));
        };
        // What one unit of activation stands for, and how much of it there is.
        let sum = |k: usize| -> f32 { self.templates.row(k).sum() };
        let loud: Vec<f32> = components
            .iter()
            .map(|&k| sum(k) * self.activations.column(k).sum())
            .collect();
        let total: f32 = loud.iter().sum();
        let mut merged = self.clone();
        let mut template = Array1::<f32>::zeros(self.bins());
        let mut gains = Array1::<f32>::zeros(self.channels());
        let mut activations = Array1::<f32>::zeros(self.frames());
        for (&k, loud) in components.iter().zip(&loud) {
            let share = if total > 0.0 {
                loud / total
            } else {
                1.0 / components.len() as f32
            };
            let unit = if sum(k) > 0.0 { 1.0 / sum(k) } else { 0.0 };
            template.scaled_add(share * unit, &self.templates.row(k));
            gains.scaled_add(share, &self.pan_gains.column(k));
            activations.scaled_add(sum(k), &self.activations.column(k));
        }
        merged.templates.row_mut(first).assign(&template);
        merged.pan_gains.column_mut(first).assign(&gains);
        merged.activations.column_mut(first).assign(&activations);
        let kept: Vec<usize> = (0..self.components())
            .filter(|k| *k == first || !components.contains(k))
            .collect();
        Ok(merged.select(&kept))
    }

    fn component(&self, field: &'static str, component: usize) -> Result<(), Error> {
        if component < self.components() {
            return Ok(());
        }
        let requirement = format!("below the number of components ({})", self.components());
        Err(Error::config(field, component, requirement))
    }

    /// A model of some components, each as often as it is named. It is one part, as components of several may mix.
    fn select(&self, components: &[usize]) -> Self {
        let name = self
            .parts()
            .first()
            .map_or("free", |part| part.name.as_str());
        let columns: Vec<_> = components.iter().map(|&k| self.columns[k]).collect();
        Self::of_parts(
            name,
            self.templates.select(Axis(0), components),
            self.activations
                .select(Axis(1), components)
                .as_standard_layout()
                .into_owned(),
            self.pan_gains
                .select(Axis(1), components)
                .as_standard_layout()
                .into_owned(),
            columns,
        )
    }
}
