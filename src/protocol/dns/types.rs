//! Record types and classes: numbers with names (IANA "Domain Name System (DNS) Parameters").

use std::borrow::Cow;

/// A record type, or a type that only questions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Type(pub u16);

/// A class. Only [`Class::IN`] is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class(pub u16);

macro_rules! types {
    ($($name:ident = $number:literal $text:literal)*) => {
        impl Type {
            $(#[doc = concat!("`", $text, "`.")] pub const $name: Self = Self($number);)*
            const NAMES: &[(u16, &str)] = &[$(($number, $text)),*];
        }
    };
}

types! {
    A = 1 "A"
    NS = 2 "NS"
    MD = 3 "MD"
    MF = 4 "MF"
    CNAME = 5 "CNAME"
    SOA = 6 "SOA"
    MB = 7 "MB"
    MG = 8 "MG"
    MR = 9 "MR"
    NULL = 10 "NULL"
    WKS = 11 "WKS"
    PTR = 12 "PTR"
    HINFO = 13 "HINFO"
    MINFO = 14 "MINFO"
    MX = 15 "MX"
    TXT = 16 "TXT"
    RP = 17 "RP"
    AFSDB = 18 "AFSDB"
    RT = 21 "RT"
    SIG = 24 "SIG"
    KEY = 25 "KEY"
    PX = 26 "PX"
    AAAA = 28 "AAAA"
    LOC = 29 "LOC"
    SRV = 33 "SRV"
    NAPTR = 35 "NAPTR"
    KX = 36 "KX"
    CERT = 37 "CERT"
    DNAME = 39 "DNAME"
    OPT = 41 "OPT"
    DS = 43 "DS"
    SSHFP = 44 "SSHFP"
    RRSIG = 46 "RRSIG"
    NSEC = 47 "NSEC"
    DNSKEY = 48 "DNSKEY"
    NSEC3 = 50 "NSEC3"
    NSEC3PARAM = 51 "NSEC3PARAM"
    TLSA = 52 "TLSA"
    CDS = 59 "CDS"
    CDNSKEY = 60 "CDNSKEY"
    OPENPGPKEY = 61 "OPENPGPKEY"
    SVCB = 64 "SVCB"
    HTTPS = 65 "HTTPS"
    SPF = 99 "SPF"
    TKEY = 249 "TKEY"
    TSIG = 250 "TSIG"
    IXFR = 251 "IXFR"
    AXFR = 252 "AXFR"
    MAILB = 253 "MAILB"
    MAILA = 254 "MAILA"
    ANY = 255 "ANY"
    URI = 256 "URI"
    CAA = 257 "CAA"
}

impl Type {
    /// Its name; `TYPE65280` when it has none (RFC 3597 §5).
    pub fn name(self) -> Cow<'static, str> {
        match Self::NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => Cow::Borrowed(name),
            None => Cow::Owned(format!("TYPE{}", self.0)),
        }
    }

    /// The type of a name, in any letter case.
    pub fn parse(text: &str) -> Option<Self> {
        let known = Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        let number = || text.get(..4).filter(|word| word.eq_ignore_ascii_case("type")).and(text.get(4..)?.parse().ok());
        known.map(|(number, _)| *number).or_else(number).map(Self)
    }

    /// Whether it stands for no record of its own: transfers, ANY, OPT and kin (RFC 6895 §3.1).
    pub fn is_meta(self) -> bool {
        self == Self::OPT || (128..=255).contains(&self.0)
    }
}

impl Class {
    /// The Internet.
    pub const IN: Self = Self(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_written() {
        for of in [Type::A, Type::HTTPS, Type(65280)] {
            assert_eq!(Type::parse(&of.name()), Some(of));
        }
        assert_eq!(Type::parse("aaaa"), Some(Type::AAAA));
        assert_eq!(Type::parse("TYPE65536"), None);
        assert_eq!(Type::parse("tulip"), None);
    }
}
