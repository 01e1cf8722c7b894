//! # Podwall: a layer-7 firewall that rides in every pod
//!
//! ## The way of one message
//!
//! ```text
//! arrive → identify → decode → judge → release | refuse → record
//! ```
//!
//! ## The floors: imports go only downwards, neighbours never meet
//!
//! | floor | modules | what they are |
//! |---|---|---|
//! | 0 · words | [`flow`], [`canon`], [`document`] | values: the message, its canonical spellings, documents with line numbers |
//! | 1 · parts | [`protocol`], [`detect`], [`policy`], [`record`], `identity` | each knows the words, none knows another |
//! | 2 · engine | [`engine`] | policy and detectors become a judgement |
//! | 3 · services | `proxy`, `control` | sockets, reload, admin endpoint |
//! | 4 · program | [`cli`] | the commands |
//!
//! `tests/architecture.rs` holds every `crate::` path against this table. Without the feature `sidecar`, floors 1
//! (identity) and 3 are left out, and with them tokio, hyper and rustls.
#![cfg_attr(test, allow(clippy::string_slice))]

pub mod canon;
pub mod cli;
#[cfg(feature = "sidecar")]
pub mod control;
pub mod detect;
pub mod document;
pub mod engine;
pub mod flow;
#[cfg(feature = "sidecar")]
pub mod identity;
pub mod policy;
pub mod protocol;
#[cfg(feature = "sidecar")]
pub mod proxy;
pub mod record;
