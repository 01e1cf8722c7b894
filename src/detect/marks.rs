//! Which detectors the bytes of a part wake. The sets of bytes that detectors ask for are filed each under its rarest byte,
//! so that a part is held only against those whose rarest byte it has: most parts have few marks, and most sets many.

use super::{Classes, Detector};

/// The sets of bytes of some detectors, compiled for asking.
pub(super) struct Marks {
    /// The classes under which sets are filed.
    rarest: Classes,
    /// By the number of the class: each set with its detector's bit.
    filed: Vec<Vec<(u64, Classes)>>,
}

impl Marks {
    /// The sets of each detector, whose bit is that of its place.
    pub(super) fn of(detectors: &[&dyn Detector]) -> Self {
        let mut marks = Self { rarest: Classes::EMPTY, filed: vec![Vec::new(); Classes::COUNT] };
        for (index, detector) in detectors.iter().enumerate() {
            for set in detector.wakes().bytes.iter().map(|set| Classes::of(set)) {
                let rarest = set.rarest();
                marks.rarest = marks.rarest.or(rarest);
                let file = rarest.numbers().next().and_then(|number| marks.filed.get_mut(number));
                file.into_iter().for_each(|file| file.push((1 << index, set)));
            }
        }
        marks
    }

    /// The bits of the detectors of which a set occurs.
    #[inline]
    pub(super) fn wake(&self, classes: Classes) -> u64 {
        let files = classes.and(self.rarest).numbers().filter_map(|number| self.filed.get(number));
        files.flatten().fold(0, |awake, (bit, set)| awake | if classes.has(*set) { *bit } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::DETECTORS;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn filing_loses_no_set(text in "[a0 '\"=<>|&;(){}$%@#*\\[\\]\\\\`~\n\r\u{e9}\u{1}\u{0}+?!^/:,.-]{0,8}") {
            let classes = Classes::in_bytes(text.as_bytes());
            let asked = DETECTORS.iter().zip(0..).filter(|(detector, _)| {
                detector.wakes().bytes.iter().any(|set| classes.has(Classes::of(set)))
            });
            prop_assert_eq!(Marks::of(DETECTORS).wake(classes), asked.fold(0, |bits, (_, index)| bits | 1 << index));
        }
    }
}
