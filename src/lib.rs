//! # Podwall: a layer-7 firewall that rides in every pod
//!
//! ## The way of one message
//!
//! ```text
//! arrive → identify → decode → judge → release | refuse → record
//! ```
//!
//! 1. **arrive** (`proxy::listen`, `proxy::tls`): a socket becomes a [`flow::Connection`] with a proved [`flow::Peer`].
//!    Outbound, it is also held against the names that led to its address, and its first bytes say what is spoken
//!    (`proxy::egress`, [`protocol::identify`]); what nobody takes apart is carried as bytes and overheard (`proxy::stream`,
//!    `proxy::raw`, [`behave::stream`]).
//! 2. **decode** ([`protocol`]): bytes become a [`flow::Message`]: what it asks for (accesses), what its sender controls
//!    (parts). Malformed is a refusal that names the rule broken.
//! 3. **judge** ([`engine`]): every access must be granted under every reading ([`policy`]); the evidence of all parts is
//!    weighed together ([`detect`]). Pure: time and counters come in the [`flow::Scene`].
//! 4. **release or refuse** (`proxy::http1`, which serves streams of HTTP/2 too; `proxy::postgres`, `proxy::mysql`, whose sessions
//!    over plain sockets `proxy::reactor` drives; `proxy::exchange` for any protocol of questions and answers, as Redis): what was
//!    judged goes on, unchanged; what was denied is answered with a status and the event's id, and not a byte of it goes on.
//! 5. **record** ([`record`]): one masked line, handed over without waiting.
//!
//! ## The floors: imports go only downwards, neighbours never meet
//!
//! | floor | modules | what they are |
//! |---|---|---|
//! | 0 · words | [`flow`], [`canon`], [`document`] | values: the message, its canonical spellings, documents with places |
//! | 1 · parts | [`protocol`], [`detect`], [`policy`], [`behave`], [`record`], `identity` | each knows the words, none knows another |
//! | 2 · engine | [`engine`] | policy and detectors become a judgement |
//! | 3 · services | `proxy`, `control` | sockets, reload, admin endpoint |
//! | 4 · program | [`cli`] | the commands |
//!
//! `tests/architecture.rs` holds every `crate::` path against this table. Without the feature `sidecar`, floors 1
//! (identity) and 3 are left out, and with them tokio, hyper and rustls.
//!
//! ## Where to add what
//!
//! | what | where |
//! |---|---|
//! | a detector | one file in `detect/`, one line in [`detect::DETECTORS`] |
//! | a signature | an entry in `signatures/`; no Rust |
//! | a protocol of questions and answers | a folder in `protocol/` with its `Carriage`, one line in [`protocol::PROTOCOLS`] |
//! | a command | one file in `cli/`, one line in [`cli::COMMANDS`] |
//! | a reason to refuse | a constant beside the check that gives it |
//! | a protocol told apart, and judged as a whole | a function and a line in `protocol::identify`, its name in [`policy::spoken::NAMED`] |
//! | a limit | `control::config::Limits`, `proxy::settings::Limits`, a test at n and n+1 |
#![cfg_attr(test, allow(clippy::string_slice))]

pub mod behave;
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
