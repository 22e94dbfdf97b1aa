//! What a recipe found comes in; stems go out, and the reasons.

use serde::{Deserialize, Serialize};

use crate::factorize::Factorization;
use crate::group::{Grouping, Source};
use crate::knowledge::onsets::Onset;
use crate::knowledge::{Melody, Score};
use crate::sharing::Sharing;
use crate::stems::StemBlocks;
use crate::{Audio, Error};

/// What explains a recording, and how it is shared out among the sources: the result of every recipe.
#[derive(Debug)]
pub struct Separation {
    /// The sources, in the order of their stems.
    pub sources: Vec<Source>,
    /// The components, and where each went and why, where the recipe has components.
    pub components: Option<(Factorization, Grouping)>,
    /// When drums were struck, where the recipe hears it.
    pub onsets: Vec<Onset>,
    /// The music that was heard, where the recipe hears some.
    pub heard: Heard,
    /// What the user should know.
    pub notes: Vec<String>,
    /// How each block is shared out: one share per source, and one more for a residual.
    pub sharing: Box<dyn Sharing>,
}

/// Music that a recipe heard: what a person can correct, and give back as knowledge.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Heard {
    /// The notes of an instrument.
    pub score: Option<Score>,
    /// The pitch of a singer.
    pub melody: Option<Melody>,
}

impl Heard {
    /// Go on with what was heard in the next piece of a recording, whose times count from `begin_secs`; up to `from_secs`
    /// what was heard before counts.
    pub fn go_on(&mut self, next: Self, begin_secs: f64, from_secs: f64) {
        if let Some(next) = next.score {
            let score = self.score.get_or_insert_default();
            score.go_on(&next.later(begin_secs), from_secs);
        }
        if let Some(next) = next.melody {
            let melody = self.melody.get_or_insert_default();
            melody.go_on(&next.between(-begin_secs, f64::INFINITY), from_secs);
        }
    }
}

impl Separation {
    /// The stems, block by block, in the order of [`Separation::sources`]; with a residual, it comes last.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if this is not the recording that was separated.
    pub fn stems<'a>(&'a self, audio: &'a Audio) -> Result<StemBlocks<'a>, Error> {
        StemBlocks::new(audio, self.sharing.as_ref())
    }
}
