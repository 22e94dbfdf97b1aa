//! Knowledge comes in as constraints; the model Λ that explains the spectrogram goes out.
//!
//! Every part that is a product of templates and activations is stacked into one [`LowRank`], so
//! that one fused pass over the data serves them all: free components, fixed dictionaries, slowly
//! adapting ones, side by side. What unfolds the same way every time ([`Convolutive`]) and a [`Voice`] are types of their own.

mod bands;
mod column;
mod convolutive;
mod low_rank;
mod room;
mod split;
mod start;
mod voice;

pub use bands::Bands;
pub use column::{Column, Penalties, Update};
pub use convolutive::Convolutive;
pub(crate) use low_rank::sum;
pub use low_rank::{LowRank, Part};
pub use room::Room;
pub use start::Start;
pub(crate) use voice::ROWS;
pub use voice::Voice;
