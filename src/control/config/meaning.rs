//! The configuration as those who act on it want it: each module's own bounds, sources and sinks.

use super::{Direction, Identity, Limits, Protocol, RecordSinks};
use crate::document::ByteSize;
use crate::protocol::http2::flood;
use crate::protocol::{Carriage, PROTOCOLS, body, http1};
use crate::proxy::settings::Bounds;
use crate::proxy::tls::{self, Mode};
use crate::record::file::RotatedFile;
use crate::record::queue::Room;
use crate::record::sink::{Sink, Stdout};
use crate::{identity, record};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fs;
use std::io;

impl Protocol {
    /// The protocol's registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Tcp => "tcp",
            Self::Exchanges(name) => name,
        }
    }

    /// Where it cannot be spoken: the field, what it says, the remedy.
    pub(super) fn wrong(self, direction: Direction, tls: Mode) -> Vec<(&'static str, &'static str, &'static str)> {
        let mut wrong = Vec::new();
        if self == Self::Tcp && direction == Direction::Outbound {
            let remedy = "remove it: `redirected: true` carries what is granted, whatever it is";
            wrong.push(("protocol", "`tcp` on an outbound listener", remedy));
        }
        if self == Self::Tcp && tls == Mode::Permissive {
            let remedy = "write `strict` or `off`: a server that speaks first would wait for a client that does";
            wrong.push(("tls", "`permissive` with `protocol: tcp`", remedy));
        }
        wrong
    }

    /// Every protocol that a port can be declared to speak.
    fn all() -> impl Iterator<Item = Self> {
        let exchanges = PROTOCOLS.iter().filter(|protocol| matches!(protocol.carriage, Carriage::Exchanges(_)));
        [Self::Http, Self::Postgres, Self::Mysql, Self::Tcp]
            .into_iter()
            .chain(exchanges.map(|protocol| Self::Exchanges(protocol.name)))
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let known = Self::all().find(|protocol| protocol.name() == name);
        known.ok_or_else(|| D::Error::custom(format!("unknown protocol `{name}`")))
    }
}

impl JsonSchema for Protocol {
    fn schema_name() -> Cow<'static, str> {
        "Protocol".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Self::all().map(Self::name).collect();
        json_schema!({"type": "string", "enum": names, "description": "A protocol that a port can be declared to speak."})
    }
}

impl Limits {
    /// Bounds of the HTTP/1 codec.
    pub fn http1(&self) -> http1::Limits {
        http1::Limits {
            head_bytes: size(self.head_bytes),
            headers: usize::from(self.headers),
            target_bytes: size(self.target_bytes),
            header_bytes: size(self.header_bytes),
            trailer_bytes: size(self.trailer_bytes),
        }
    }

    /// Bounds of what HTTP/2 alone has.
    pub fn http2(&self) -> Bounds {
        let window = |bytes: ByteSize| u32::try_from(bytes.0).unwrap_or(u32::MAX).min(Bounds::MOST_WINDOW);
        Bounds {
            streams: self.http2_streams,
            stream_window: window(self.http2_stream_window),
            connection_window: window(self.http2_connection_window),
            frames: flood::Limits {
                control: self.http2_control_frames,
                resets: self.http2_resets,
                head_bytes: size(self.head_bytes) as u64,
                ..Default::default()
            },
            ping_after: self.http2_ping_interval.0,
            ping_answer: self.http2_ping_deadline.0,
        }
    }

    /// Bounds of bodies.
    pub fn body(&self) -> body::Limits {
        body::Limits { decoded_bytes: size(self.decoded_bytes), ..body::Limits::default() }
    }

    /// Bounds of TLS handshakes.
    pub fn tls(&self) -> tls::Limits {
        tls::Limits {
            first_byte: self.first_byte_deadline.0,
            handshake: self.handshake_deadline.0,
            at_once: self.handshakes as usize,
            per_second: self.handshakes_per_second,
            burst: self.handshakes_per_second,
            ..tls::Limits::default()
        }
    }

    /// Bounds of peers' certificates.
    pub fn certificates(&self) -> identity::Limits {
        identity::Limits {
            chain_length: usize::from(self.chain_length),
            chain_bytes: size(self.chain_bytes),
            rsa_bits: usize::from(self.rsa_bits_least)..=usize::from(self.rsa_bits_most),
        }
    }
}

impl Identity {
    /// Where certificates, key and bundles are.
    pub fn sources(&self) -> identity::Sources {
        let bundle =
            |trust: &super::Trust| identity::BundleFile { domain: trust.domain.clone(), path: trust.bundle.clone() };
        let named = |named: &super::NamedCertificate| identity::NamedFiles {
            name: named.name.clone(),
            certificate: named.certificate.clone(),
            key: named.key.clone(),
        };
        identity::Sources {
            named: self.named.iter().map(named).collect(),
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            bundles: self.trust.iter().map(bundle).collect(),
        }
    }
}

impl RecordSinks {
    /// Bounds of the record.
    ///
    /// # Errors
    /// When the key of the masks cannot be read, or is shorter than 32 bytes.
    pub fn settings(&self) -> io::Result<record::Settings> {
        let defaults = record::Settings::default();
        Ok(record::Settings {
            queue: Room { lines: self.queue_lines as usize, bytes: size(self.queue_bytes) },
            reserve: defaults.reserve,
            repeats: u64::from(self.repeats),
            repeat_window: self.repeat_window.0,
            lines_per_second: u64::from(self.lines_per_second),
            aggregate_interval: self.aggregate_interval.0,
            mask_key: self.mask_key.as_deref().map(|path| mask_key(&fs::read(path)?)).transpose()?,
        })
    }

    /// The sinks, opened. The file comes first: a standard output that is not read must not keep evidence from it.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub fn open(&self) -> io::Result<Vec<Box<dyn Sink>>> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if let Some(file) = &self.file {
            sinks.push(Box::new(RotatedFile::open(&file.path, file.max_bytes.0, file.keep)?));
        }
        if self.stdout {
            sinks.push(Box::new(Stdout::open()?));
        }
        Ok(sinks)
    }
}

fn mask_key(bytes: &[u8]) -> io::Result<[u8; 32]> {
    let key = bytes.first_chunk().ok_or_else(|| io::Error::other("the key of the masks is shorter than 32 bytes"))?;
    Ok(*key)
}

/// A size that no memory of ours could hold is as good as the largest.
fn size(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_modules() {
        let limits = Limits::default();
        let (http, ours) = (limits.http1(), http1::Limits::default());
        assert_eq!(
            (http.head_bytes, http.headers, http.target_bytes, http.header_bytes, http.trailer_bytes),
            (ours.head_bytes, ours.headers, ours.target_bytes, ours.header_bytes, ours.trailer_bytes)
        );
        assert_eq!(limits.tls(), tls::Limits::default());
        assert_eq!(limits.http2(), Bounds::default());
        assert_eq!(limits.body().decoded_bytes, body::Limits::default().decoded_bytes);
        assert_eq!(limits.certificates().rsa_bits, identity::Limits::default().rsa_bits);
    }

    #[test]
    fn mask_key_has_32_bytes() {
        assert!(mask_key(&[1; 31]).is_err());
        assert_eq!(mask_key(&[1; 33]).unwrap(), [1; 32]);
    }
}
