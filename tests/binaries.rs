//! What is no text is no attack: noise, archives, pictures and programs pass through inspection as uploads do, window by
//! window, and are not denied; text that stands in them is found all the same.
//!
//! An optimised build looks at far more: `cargo test --profile quick --test binaries -- --nocapture`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)] // a test: what fails, fails it

use podwall::detect::Detectors;
use podwall::flow::{Evidence, Found, Fuel, Sensitivity};
use podwall::protocol::body::{Declared, Limits, Windows};
use std::fs;
use std::io::Write;

/// As many bytes as one read of a socket brings.
const PIECE: usize = 64 * 1024;

/// Noise of each kind.
const NOISE_BYTES: usize = if cfg!(debug_assertions) { 4 << 20 } else { 256 << 20 };

/// Real programs, all together.
const PROGRAM_BYTES: usize = if cfg!(debug_assertions) { 4 << 20 } else { 512 << 20 };

/// What an upload of these pieces is denied for: nothing, or each sign with its weight and its match.
fn signs(detectors: &Detectors, content_type: &str, pieces: impl Iterator<Item = Vec<u8>>) -> Vec<String> {
    let declared = Declared { content_type: Some(content_type.as_bytes()), content_encoding: None };
    let mut windows = Windows::new(&declared).unwrap();
    let mut found = Found::default();
    for piece in pieces {
        let mut fuel = Fuel::new(50_000 + 200 * piece.len() as u64);
        let parts = windows.feed(&piece, false, &Limits::default()).unwrap();
        detectors.inspect(&parts, &mut found, &mut fuel);
        assert!(!fuel.is_empty(), "{content_type}: out of fuel");
    }
    let denied = Sensitivity::Default.denies(found.total());
    let matched = |e: &Evidence| String::from_utf8_lossy(&e.excerpt.matched).into_owned();
    let told = |e: Evidence| format!("{} {} {:?}", e.hit.signature, e.hit.weight.0, matched(&e));
    if denied { found.take().into_iter().map(told).collect() } else { Vec::new() }
}

/// The same noise for the same seed: xorshift64*.
struct Noise(u64);

impl Noise {
    fn piece(&mut self, bytes: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes + 8);
        while out.len() < bytes {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            out.extend_from_slice(&self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
        }
        out.truncate(bytes);
        out
    }
}

#[test]
fn noise_is_no_attack() {
    let detectors = Detectors::default();
    for (seed, kind) in (1..).zip(["application/octet-stream", "image/png", "application/zip", "video/mp4", ""]) {
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let pieces = (0..NOISE_BYTES / PIECE).map(|_| noise.piece(PIECE));
        let found = signs(&detectors, kind, pieces);
        assert!(found.is_empty(), "{kind}: {found:#?}");
    }
}

#[test]
fn programs_are_no_attack() {
    let detectors = Detectors::default();
    let mut left = PROGRAM_BYTES;
    let mut denied = Vec::new();
    let mut files: Vec<_> = fs::read_dir("/usr/bin").unwrap().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let (mut count, mut bytes) = (0, 0);
    for path in files {
        let Ok(file) = fs::read(&path) else { continue };
        if !file.starts_with(b"\x7fELF") || file.len() > left {
            continue;
        }
        left -= file.len();
        count += 1;
        bytes += file.len();
        let found = signs(&detectors, "application/octet-stream", file.chunks(PIECE).map(<[u8]>::to_vec));
        if !found.is_empty() {
            denied.push(format!("{}: {found:#?}", path.display()));
        }
    }
    println!("{count} programs, {bytes} bytes, {} denied", denied.len());
    assert!(denied.is_empty(), "{}", denied.join("\n"));
}

#[test]
fn code_within_a_binary_is_found() {
    let detectors = Detectors::default();
    for code in ["<?php system($_GET['c']); ?>", "<?=`$_GET[0]`?>", "GIF89a<?php eval($_POST['x']);"] {
        for kind in ["image/png", "application/octet-stream", ""] {
            let mut noise = Noise(7);
            let pieces = [noise.piece(PIECE), [noise.piece(9_000), code.into(), noise.piece(9_000)].concat()];
            let found = signs(&detectors, kind, pieces.into_iter());
            assert!(!found.is_empty(), "{kind}: {code}");
        }
    }
}

#[test]
fn archives_are_no_attack() {
    let detectors = Detectors::default();
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/benign")).unwrap() {
        zipped.write_all(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
    }
    let zipped = zipped.finish().unwrap();
    for kind in ["application/gzip", "application/octet-stream", ""] {
        let found = signs(&detectors, kind, zipped.chunks(PIECE).map(<[u8]>::to_vec));
        assert!(found.is_empty(), "{kind}: {found:#?}");
    }
}
