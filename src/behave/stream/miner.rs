//! Miners: they log in to a pool in lines of JSON, and are given work in the same.

use super::{Chunk, Observer, Way, certain, contains};
use crate::behave::Sign;

const OBSERVER: &str = "miner";
/// What pools are asked (Stratum and its kin for Ethereum).
const LOGINS: &[&str] = &[
    "\"mining.subscribe\"",
    "\"mining.authorize\"",
    "\"mining.configure\"",
    "\"mining.submit\"",
    "\"mining.extranonce.subscribe\"",
    "\"eth_submitLogin\"",
    "\"eth_submitWork\"",
    "\"eth_submitHashrate\"",
];

/// Nothing is remembered: a login says so by itself.
#[derive(Debug, Default)]
pub struct Miner;

impl Observer for Miner {
    fn look(&mut self, chunk: &Chunk<'_>) -> Option<Sign> {
        // The beginning of a line without an end too: it must not leave in pieces.
        let lines = || chunk.lines.iter().copied().chain([chunk.rest, chunk.bytes]);
        if !lines().any(|line| line.trim_ascii_start().starts_with(b"{") && contains(line, "\"method\"")) {
            return None;
        }
        let (name, what) = match chunk.way {
            Way::Out if lines().any(is_login) => ("miner-login", "a miner logs in"),
            Way::In if lines().any(is_job) => ("miner-job", "a pool hands out work"),
            _ => return None,
        };
        Some(certain(OBSERVER, name, what.into()))
    }
}

/// Also the login of Monero's miners: a wallet, and what the miner is called.
fn is_login(line: &[u8]) -> bool {
    let named = || LOGINS.iter().any(|login| contains(line, login));
    let wallet = || contains(line, "\"login\"") && contains(line, "\"params\"");
    let proves = || contains(line, "\"pass\"") || contains(line, "\"agent\"") || contains(line, "\"algo\"");
    named() || wallet() && proves()
}

fn is_job(line: &[u8]) -> bool {
    let monero = contains(line, "\"job\"") && contains(line, "\"blob\"") && contains(line, "\"target\"");
    monero || contains(line, "\"mining.notify\"") || contains(line, "\"mining.set_difficulty\"")
}
