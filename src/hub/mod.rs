//! Data sets and checkpoints from a hub: what is needed is fetched once, checked, and then found without the network.
//!
//! - [`fetch`] brings the official data of benchmarks into the data folder, in the layout that the tasks read, and notes
//!   the digest of every file in `digests.json` there. What comes from where is data: `benchmarks/sources.toml`.
//! - [`checkpoint`] gives the folder of a model named `organisation/name`, as its files lie in the hub's cache.
//!
//! Nothing here reads the environment: [`HubSettings::from_variables`] is given what the caller found there.

mod checkpoint;
mod client;
mod convert;
mod digests;
mod download;
mod error;
mod fetch;
mod name;
mod parquet_rows;
mod settings;
mod sources;

pub use checkpoint::checkpoint;
pub use digests::{DIGESTS_FILE, DigestRecord, Digests};
pub use error::{HubError, NeededFile};
pub use fetch::{FetchOptions, FetchReport, Fetched, FetchedFile, fetch};
pub use name::{RepoKind, RepoRef, looks_like_model};
pub use settings::{HubSettings, Token};
pub use sources::{ByHand, Conversion, Source, SourceFile, Sources};

/// Told how downloads go on.
pub trait Progress {
    /// A download of `size` bytes begins; `have` of them are here already.
    fn begin(&mut self, file: &str, have: u64, size: u64);
    /// This many bytes are here.
    fn advance(&mut self, have: u64);
    /// The download is complete.
    fn end(&mut self);
}

/// Nobody is told.
impl Progress for () {
    fn begin(&mut self, _file: &str, _have: u64, _size: u64) {}
    fn advance(&mut self, _have: u64) {}
    fn end(&mut self) {}
}
