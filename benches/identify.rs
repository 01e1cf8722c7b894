//! What it costs to identify a protocol by the first message of one side, over every capture of real programs, and what a
//! request speaks inside of HTTP by its head. `cargo bench --bench identify`; prints nanoseconds, the best of several runs of
//! each, then their median and the worst.

#![allow(clippy::unwrap_used)] // a bench: what fails, fails it

use podwall::flow::Side;
use podwall::protocol::head::spoken::Shape;
use podwall::protocol::http1::{Limits, RequestHead};
use podwall::protocol::identify::identify;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

const ROUNDS: u32 = 20_000;

fn main() {
    let captures = files("tests/data/identify").into_iter().map(|(name, bytes)| {
        let side = if name.contains(".server.") { Side::Server } else { Side::Client };
        let cost = nanoseconds(|| identify(side, black_box(&bytes)));
        (cost, name)
    });
    show("first message", captures.collect());
    let heads = files("tests/data/identify/heads").into_iter().map(|(name, bytes)| {
        let decoded = RequestHead::decode(&bytes, &Limits::default()).unwrap().unwrap();
        let request = decoded.view(&bytes).request();
        let cost = nanoseconds(|| Shape::of(black_box(request.head())).speaks().next());
        (cost, name)
    });
    show("head", heads.collect());
}

fn files(folder: impl AsRef<Path>) -> Vec<(String, Vec<u8>)> {
    let paths = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file());
    paths
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect()
}

fn nanoseconds<T>(once: impl Fn() -> T) -> f64 {
    let run = || {
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            black_box(once());
        }
        begun.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
    };
    (0..5).map(|_| run()).fold(f64::MAX, f64::min)
}

fn show(what: &str, mut costs: Vec<(f64, String)>) {
    costs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (median, worst) = (costs.get(costs.len() / 2).unwrap(), costs.last().unwrap());
    println!("{what:<14} median {:>6.0} ns  worst {:>6.0} ns ({})", median.0, worst.0, worst.1);
}
