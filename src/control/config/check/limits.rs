//! Limits held against zero and against each other.

use super::Checker;
use crate::control::config::Config;
use crate::document::Document;

impl Checker<'_> {
    pub(super) fn limits(&mut self) {
        let limits = &self.document.value.limits;
        for (field, is_zero) in zeros(self.document) {
            if is_zero {
                self.error(&field, "zero", "more than zero", "no limit can be switched off; remove it for its default");
            }
        }
        let ordered = [
            ("target_bytes", limits.target_bytes, "head_bytes", limits.head_bytes),
            ("header_bytes", limits.header_bytes, "head_bytes", limits.head_bytes),
            ("inspect_bytes", limits.inspect_bytes, "held_bytes", limits.held_bytes),
        ];
        for (small, low, large, high) in ordered {
            if low > high {
                let expected = format!("at most {large}, which is {high}");
                self.error(&format!("limits.{small}"), &low.to_string(), &expected, "");
            }
        }
        if limits.rsa_bits_least > limits.rsa_bits_most {
            let expected = format!("at most rsa_bits_most, which is {}", limits.rsa_bits_most);
            self.error("limits.rsa_bits_least", &limits.rsa_bits_least.to_string(), &expected, "");
        }
    }
}

/// Times and sizes, and whether they are zero. Numbers are held to their least by the schema.
fn zeros(document: &Document<Config>) -> Vec<(String, bool)> {
    let Config { limits: l, record: r, watch_interval, .. } = &document.value;
    let sizes = [
        ("limits.head_bytes", l.head_bytes),
        ("limits.header_bytes", l.header_bytes),
        ("limits.target_bytes", l.target_bytes),
        ("limits.trailer_bytes", l.trailer_bytes),
        ("limits.inspect_bytes", l.inspect_bytes),
        ("limits.decoded_bytes", l.decoded_bytes),
        ("limits.held_bytes", l.held_bytes),
        ("limits.chain_bytes", l.chain_bytes),
        ("record.queue_bytes", r.queue_bytes),
    ];
    let times = [
        ("limits.first_byte_deadline", l.first_byte_deadline),
        ("limits.handshake_deadline", l.handshake_deadline),
        ("limits.header_deadline", l.header_deadline),
        ("limits.body_deadline", l.body_deadline),
        ("limits.idle_deadline", l.idle_deadline),
        ("limits.send_deadline", l.send_deadline),
        ("limits.connect_deadline", l.connect_deadline),
        ("limits.response_deadline", l.response_deadline),
        ("limits.response_body_deadline", l.response_body_deadline),
        ("limits.upstream_idle_deadline", l.upstream_idle_deadline),
        ("limits.drain_deadline", l.drain_deadline),
        ("record.repeat_window", r.repeat_window),
        ("record.aggregate_interval", r.aggregate_interval),
        ("watch_interval", *watch_interval),
    ];
    let open_for = document.value.circuit_breaker.iter().map(|breaker| ("circuit_breaker.open_for", breaker.open_for));
    let file = r.file.iter().map(|file| ("record.file.max_bytes", file.max_bytes));
    let sizes = sizes.into_iter().chain(file).map(|(field, size)| (field.to_owned(), size.0 == 0));
    sizes.chain(times.into_iter().chain(open_for).map(|(field, time)| (field.to_owned(), time.0.is_zero()))).collect()
}

#[cfg(test)]
mod tests {
    use crate::control::config::check::tests::{ONE, found};

    #[test]
    fn limits_cannot_be_zero() {
        let text = format!("{ONE}limits: {{head_bytes: 0, idle_deadline: 0s}}\n");
        let found = found(&text);
        assert!(found.contains(&"limits.head_bytes: zero".to_owned()));
        assert!(found.contains(&"limits.idle_deadline: zero".to_owned()));
    }

    #[test]
    fn limits_fit_into_each_other() {
        let text = format!("{ONE}limits: {{head_bytes: 4KiB, target_bytes: 4097, header_bytes: 4096}}\n");
        assert_eq!(found(&text), ["limits.target_bytes: 4097B"]);
    }
}
