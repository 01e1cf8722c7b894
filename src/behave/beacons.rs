//! Signals of life that open a connection for each beat: the first bytes of connections to one destination are held
//! against each other as the beats within one connection are (`stream::beacon`). Shared by all workers, bounded, told the time.

use super::Sign;
use super::store::Store;
use super::stream::beacon::{LARGEST, Pace};
use std::net::IpAddr;
use std::time::Duration;

/// Destinations remembered at once. Each takes some 500 bytes with its name: 1 MiB altogether.
const DESTINATIONS: usize = 2048;
/// What is only told is told again after so long.
const AGAIN: Duration = Duration::from_secs(3600);

/// Who calls whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// A name, or an address where none led there.
    pub destination: Box<str>,
    /// The port that is called.
    pub port: u16,
    /// The address that calls.
    pub caller: IpAddr,
}

/// What is remembered of all routes.
#[derive(Debug)]
pub struct Beacons(Store<Route, Past>);

#[derive(Debug, Default)]
struct Past {
    pace: Pace,
    told: Option<Duration>,
}

impl Default for Beacons {
    fn default() -> Self {
        Self(Store::new(DESTINATIONS))
    }
}

impl Beacons {
    /// The first bytes of a connection are to leave. What the connections of its route show so far.
    pub fn begins(&self, route: &Route, bytes: &[u8], now: Duration) -> Option<Sign> {
        self.0.with(route, now, |past| past.pace.leave(bytes, now)).map(|rhythm| {
            let connections = format!("{} connections", rhythm.count + 1);
            rhythm.sign(&connections)
        })
    }

    /// A connection has ended on which so much left: when it was more than a beat, the route is one of work.
    pub fn ended(&self, route: &Route, bytes: u64, now: Duration) {
        if bytes > LARGEST as u64 {
            self.0.with(route, now, |past| past.pace.reset());
        }
    }

    /// Whether a sign that does not suffice is to be told: once in an hour for a route.
    pub fn tells(&self, route: &Route, now: Duration) -> bool {
        self.0.with(route, now, |past| {
            let due = past.told.is_none_or(|told| now.saturating_sub(told) >= AGAIN);
            if due {
                past.told = Some(now);
            }
            due
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn route(destination: &str) -> Route {
        Route { destination: destination.into(), port: 7000, caller: Ipv4Addr::LOCALHOST.into() }
    }

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn connections_of_one_route_are_one_beacon() {
        let beacons = Beacons::default();
        let mut signs = (0..12).filter_map(|n| {
            let sign = beacons.begins(&route("a.example"), b"hello\n", at(n * 60));
            beacons.ended(&route("a.example"), 6, at(n * 60));
            sign
        });
        let sign = signs.next().unwrap();
        assert_eq!(sign.figures, "8 signals of 6 bytes, every 60.0 s (60.0 to 60.0), over 9 connections");
        // It goes on as long as they do.
        assert_eq!(signs.count(), 3);
    }

    #[test]
    fn routes_are_told_apart() {
        let beacons = Beacons::default();
        for n in 0..12 {
            let sign = beacons.begins(&route(if n % 2 == 0 { "a.example" } else { "b.example" }), b"x", at(n * 60));
            assert_eq!(sign, None);
        }
    }

    #[test]
    fn connection_that_carries_more_is_no_beat() {
        let beacons = Beacons::default();
        for n in 0..20 {
            assert_eq!(beacons.begins(&route("a.example"), b"x", at(n * 60)), None);
            beacons.ended(&route("a.example"), if n % 5 == 4 { LARGEST as u64 + 1 } else { 1 }, at(n * 60));
        }
    }

    #[test]
    fn what_does_not_suffice_is_told_once_in_an_hour() {
        let beacons = Beacons::default();
        let told = [0, 60, 3599, 3600, 3700].map(|second| beacons.tells(&route("a.example"), at(second)));
        assert_eq!(told, [true, false, false, true, false]);
    }
}
