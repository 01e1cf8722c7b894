//! Where metrics are counted and how they are read: a `metrics::Recorder` whose memory is fixed by what is registered,
//! however long nobody reads it. Histograms are buckets, never samples.
//!
//! Registering the same key twice gives a second cell, and what is read is the sum: each worker counts in cells of its
//! own, so that counting never moves a cache line between cores.

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Label, Metadata, Recorder, SharedString,
    Unit,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Upper bounds of a histogram's buckets, in seconds: from what judging a head costs to what a client waits at most.
pub(super) const BUCKETS: [f64; 20] = [
    1e-6, 2.5e-6, 5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.5,
    1.0, 5.0, 30.0,
];

/// Cells of one series; more registrations share the last. Workers are fewer.
const MAX_CELLS: usize = 256;
/// Series of one family; a label with more values than this is a mistake, and its series count together.
const MAX_SERIES: usize = 2048;

/// All registered metrics.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<BTreeMap<String, Family>>);

#[derive(Debug, Default)]
struct Family {
    help: String,
    series: BTreeMap<String, Vec<Cell>>,
}

#[derive(Clone, Debug)]
enum Cell {
    Counter(Arc<Count>),
    Gauge(Arc<Level>),
    Histogram(Arc<Buckets>),
}

/// A counter's cell, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Count(AtomicU64);

/// A gauge's cell: the bits of an `f64`.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Level(AtomicU64);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Buckets {
    counts: [AtomicU64; BUCKETS.len()],
    beyond: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Registry {
    /// Everything in the Prometheus text format (version 0.0.4).
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        for (name, family) in self.families().iter() {
            family.render(name, &mut out);
        }
        out
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<String, Family>> {
        // A panic while it was held leaves at worst a family without series.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self, name: &KeyName, help: &SharedString) {
        self.families().entry(name.as_str().to_owned()).or_default().help = help.to_string();
    }

    fn register(&self, key: &Key, cell: Cell) -> Cell {
        let mut families = self.families();
        let family = families.entry(key.name().to_owned()).or_default();
        let mut labels = labels(key.labels());
        if family.series.len() >= MAX_SERIES && !family.series.contains_key(&labels) {
            labels = "overflow=\"true\"".to_owned();
        }
        let cells = family.series.entry(labels).or_default();
        match cells.last() {
            Some(last) if cells.len() >= MAX_CELLS => last.clone(),
            _ => {
                cells.push(cell.clone());
                cell
            }
        }
    }
}

impl Recorder for Registry {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&key, &help);
    }

    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&key, &help);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&key, &help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.register(key, Cell::Counter(Arc::default())) {
            Cell::Counter(count) => Counter::from_arc(count),
            Cell::Gauge(_) | Cell::Histogram(_) => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.register(key, Cell::Gauge(Arc::default())) {
            Cell::Gauge(level) => Gauge::from_arc(level),
            Cell::Counter(_) | Cell::Histogram(_) => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.register(key, Cell::Histogram(Arc::default())) {
            Cell::Histogram(buckets) => Histogram::from_arc(buckets),
            Cell::Counter(_) | Cell::Gauge(_) => Histogram::noop(),
        }
    }
}

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }
}

impl GaugeFn for Level {
    fn increment(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The closure never declines, so neither does the update.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    fn decrement(&self, value: f64) {
        self.increment(-value);
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

impl HistogramFn for Buckets {
    fn record(&self, seconds: f64) {
        let at = BUCKETS.partition_point(|bound| *bound < seconds);
        self.counts.get(at).unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        // `as` saturates: a negative duration counts as none, an endless one as the longest.
        self.nanoseconds.fetch_add((seconds * 1e9) as u64, Ordering::Relaxed);
    }
}

impl Family {
    fn render(&self, name: &str, out: &mut String) {
        let Some(kind) = self.series.values().flatten().next().map(Cell::kind) else { return };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", escaped(&self.help));
        for (labels, cells) in &self.series {
            match cells.first() {
                Some(Cell::Histogram(_)) => render_buckets(name, labels, cells, out),
                _ => {
                    let _ = writeln!(out, "{name}{} {}", braced(labels), cells.iter().map(Cell::value).sum::<f64>());
                }
            }
        }
    }
}

impl Cell {
    fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }

    fn value(&self) -> f64 {
        match self {
            Self::Counter(count) => count.0.load(Ordering::Relaxed) as f64,
            Self::Gauge(level) => f64::from_bits(level.0.load(Ordering::Relaxed)),
            Self::Histogram(_) => 0.0,
        }
    }
}

fn render_buckets(name: &str, labels: &str, cells: &[Cell], out: &mut String) {
    let buckets = || {
        cells.iter().filter_map(|cell| match cell {
            Cell::Histogram(buckets) => Some(&**buckets),
            Cell::Counter(_) | Cell::Gauge(_) => None,
        })
    };
    let sum = |of: &dyn Fn(&Buckets) -> u64| buckets().map(of).sum::<u64>();
    let comma = if labels.is_empty() { "" } else { "," };
    let mut total = 0;
    for (at, bound) in BUCKETS.iter().enumerate() {
        total += sum(&|buckets| buckets.counts.get(at).map_or(0, |count| count.load(Ordering::Relaxed)));
        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {total}");
    }
    total += sum(&|buckets| buckets.beyond.load(Ordering::Relaxed));
    let seconds = sum(&|buckets| buckets.nanoseconds.load(Ordering::Relaxed)) as f64 / 1e9;
    let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {total}");
    let _ = writeln!(out, "{name}_sum{} {seconds}\n{name}_count{} {total}", braced(labels), braced(labels));
}

fn labels<'a>(labels: impl Iterator<Item = &'a Label>) -> String {
    let pairs: Vec<String> = labels.map(|label| format!("{}=\"{}\"", label.key(), escaped(label.value()))).collect();
    pairs.join(",")
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::Level as Verbosity;

    const ANY: Metadata<'static> = Metadata::new("test", Verbosity::INFO, None);

    #[test]
    fn cells_of_one_series_are_added_up() {
        let registry = Registry::default();
        let key = Key::from_parts("a_total", vec![Label::new("x", "1\"\n")]);
        registry.describe_counter("a_total".into(), None, "What it is.".into());
        registry.register_counter(&key, &ANY).increment(2);
        registry.register_counter(&key, &ANY).increment(3);
        assert_eq!(
            registry.render(),
            "# HELP a_total What it is.\n# TYPE a_total counter\na_total{x=\"1\\\"\\n\"} 5\n"
        );
    }

    #[test]
    fn gauge_goes_down_again() {
        let registry = Registry::default();
        let gauge = registry.register_gauge(&Key::from_name("g"), &ANY);
        gauge.increment(3);
        gauge.decrement(1);
        assert!(registry.render().ends_with("g 2\n"));
    }

    #[test]
    fn value_on_a_bound_falls_below_it() {
        let registry = Registry::default();
        let histogram = registry.register_histogram(&Key::from_name("h"), &ANY);
        [1e-6, 1.1e-6, 31.0].into_iter().for_each(|seconds| histogram.record(seconds));
        let text = registry.render();
        assert!(text.contains("h_bucket{le=\"0.000001\"} 1\nh_bucket{le=\"0.0000025\"} 2\n"), "{text}");
        assert!(text.contains("h_bucket{le=\"30\"} 2\nh_bucket{le=\"+Inf\"} 3\n"), "{text}");
        assert!(text.contains("h_count 3\n"));
    }

    #[test]
    fn series_of_a_family_are_bounded() {
        let registry = Registry::default();
        for number in 0..=MAX_SERIES + 1 {
            let key = Key::from_parts("a", vec![Label::new("n", number.to_string())]);
            registry.register_counter(&key, &ANY).increment(1);
        }
        assert_eq!(registry.families()["a"].series.len(), MAX_SERIES + 1);
        assert!(registry.render().contains("a{overflow=\"true\"} 2"));
    }
}
