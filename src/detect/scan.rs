//! Literal signs that need no parsing.

use super::{Detector, Wake};
use crate::flow::{Found, Fuel, Hit, Part, Weight};

/// The registered detector.
pub(super) static SCAN: Scan = Scan;

/// Looks for literals.
#[derive(Debug)]
pub(super) struct Scan;

const LITERALS: &[&str] = &["/etc/passwd"];

impl Detector for Scan {
    fn name(&self) -> &'static str {
        "scan"
    }

    fn wakes(&self) -> Wake {
        Wake { literals: LITERALS, bytes: &[] }
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, _: &mut Fuel) {
        let range = 0..part.canonical.len();
        found.add(part, Hit { detector: "scan", signature: "scan-literal".into(), range, weight: Weight::CERTAIN });
    }
}
