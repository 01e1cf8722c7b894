//! Answers that are told by how long they take: a text that asks for a piece of a value, run again and again with other literals, and some
//! of its runs take very much longer than the others. A server under load looks so, too: it is told, and nobody is refused for it.

use crate::behave::seen::Score;
use std::time::Duration;

/// A run is long from here on.
const LONG: Duration = Duration::from_millis(400);
/// A run is short that takes so many times less.
const TIMES: u32 = 8;
/// Long runs, and short ones, fading, from which on it is told.
const LIMIT: f32 = 4.5;
const MOST: f32 = 24.0;
const HALF_LIFE: Duration = Duration::from_secs(120);
/// Texts that are told apart.
const MOST_TEXTS: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Past {
    /// The one that ran last stands last.
    texts: Vec<Runs>,
}

#[derive(Debug, Default)]
struct Runs {
    text: u32,
    long: Score,
    short: Score,
    told: bool,
}

impl Past {
    pub(super) fn ran(&mut self, text: u32, took: Duration, now: Duration) -> Option<String> {
        let known = self.texts.iter().position(|runs| runs.text == text);
        let mut runs = known.map_or(Runs { text, ..Runs::default() }, |at| self.texts.remove(at));
        let kind = match () {
            () if took >= LONG => Some(&mut runs.long),
            () if took * TIMES <= LONG => Some(&mut runs.short),
            () => None,
        };
        kind.into_iter().for_each(|score| {
            score.add(1.0, MOST, now, HALF_LIFE);
        });
        let (long, short) = (runs.long.now(now, HALF_LIFE), runs.short.now(now, HALF_LIFE));
        let tells = !runs.told && long >= LIMIT && short >= LIMIT;
        runs.told |= tells;
        if self.texts.len() >= MOST_TEXTS {
            self.texts.remove(0);
        }
        self.texts.push(runs);
        tells.then(|| {
            format!(
                "score {long:.1} for runs of {} ms and more, {short:.1} for {} ms and less",
                LONG.as_millis(),
                (LONG / TIMES).as_millis()
            )
        })
    }
}
