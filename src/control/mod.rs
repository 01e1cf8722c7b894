//! Floor 3: what the platform engineer sees of a sidecar: the bootstrap configuration, the watch over files that may
//! change, and the endpoint that tells how it fares.

pub mod admin;
pub mod config;
pub mod judging;
pub mod life;
pub mod socket;
pub mod status;
pub mod translate;
pub mod watch;
