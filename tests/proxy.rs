//! The sidecar through its front door: real sockets before and behind it, and the record it leaves. Nothing is asserted
//! about time; what was too slow is told by the reason that the record gives.

#![cfg(feature = "sidecar")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::string_slice, clippy::indexing_slicing)]

#[path = "proxy/bench.rs"]
mod bench;
#[path = "proxy/client.rs"]
mod client;
#[path = "proxy/denied.rs"]
mod denied;
#[path = "proxy/forms.rs"]
mod forms;
#[path = "proxy/frames.rs"]
mod frames;
#[path = "proxy/handed.rs"]
mod handed;
#[path = "proxy/learn.rs"]
mod learn;
#[path = "proxy/limits.rs"]
mod limits;
#[path = "proxy/outbound.rs"]
mod outbound;
#[path = "proxy/rates.rs"]
mod rates;
#[path = "proxy/released.rs"]
mod released;
#[path = "proxy/reload.rs"]
mod reload;
#[path = "proxy/replayed.rs"]
mod replayed;
#[path = "proxy/responses.rs"]
mod responses;
#[path = "proxy/shadow.rs"]
mod shadow;
#[path = "proxy/slow.rs"]
mod slow;
#[path = "proxy/trust.rs"]
mod trust;
#[path = "proxy/upstream.rs"]
mod upstream;
#[path = "proxy/warm.rs"]
mod warm;
