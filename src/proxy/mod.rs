//! To be filled.

pub mod tls;
