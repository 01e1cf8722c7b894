//! One unit of release, seen from two sides that never meet: what it asks for (`Access`, the policy's half) and what
//! its sender controls (`Part`, the detectors' half). Everything borrows from the connection's buffer.

use std::borrow::Cow;

/// A borrowed view of one unit of release.
///
/// Every access must be granted, under every reading; any denial wins. Parts are inspected one by one, and their
/// evidence is weighed together with that of the exchange's earlier messages.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Who sent it.
    pub side: Side,
    /// What it asks for. Empty when an earlier message of the exchange has asked (a body after its head).
    pub accesses: &'a [Access<'a>],
    /// What its sender controls.
    pub parts: &'a [Part<'a>],
    /// Whether this is the last message of its side in the exchange.
    pub last: bool,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one who opened the connection.
    Client,
    /// The one who accepted it.
    Server,
}

/// One thing that is asked for, in canonical spelling: (GET, http://catalog/items/7).
///
/// A protocol gives one access for each plausible reading of the bytes; all of them must be granted.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    /// The protocol's word for what is done: `GET`, `SELECT`, `A`, `connect`.
    pub action: &'a str,
    /// The resource's scheme: `http`, `postgres`, `dns`, `tcp`.
    pub scheme: &'static str,
    /// Host or database, lower case, without a port: `catalog`, `[::1]`. Empty when the protocol names none.
    pub authority: &'a str,
    /// Canonical path. For HTTP: starts with a slash, percent-decoded but for `%2F`, `%25` and what is no UTF-8 text.
    pub path: Cow<'a, str>,
    /// What else is known about it; shared by all readings.
    pub facts: &'a [Fact<'a>],
}

impl Access<'_> {
    /// `http://catalog/items/7`, for records.
    pub fn resource(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.path)
    }
}

/// A named detail of an access, canonical: a query key, a header with its value, a column.
#[derive(Clone, Debug)]
pub struct Fact<'a> {
    /// What sort of detail it is.
    pub kind: FactKind,
    /// Its name; for headers in lower case.
    pub name: Cow<'a, str>,
    /// Its value, empty when the kind has none.
    pub value: Cow<'a, str>,
}

/// The sorts of detail that policies can ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FactKind {
    /// A request header.
    Header,
    /// A query parameter.
    Query,
    /// The protocol that an HTTP/1.1 `Upgrade` or an extended CONNECT asks for, as `name`. A rule must grant it.
    Upgrade,
    /// The target's form when it is not the origin form: `name` is `absolute`, `authority` or `asterisk`. A rule must
    /// grant `absolute`; the others follow from granting the method.
    TargetForm,
    /// The user of a database session, as `name`.
    User,
    /// A column that a statement may read, as `name`; `*` when it may read columns that it does not name.
    Column,
    /// A function that a statement calls, as `name`, with its schema unless that is the server's own.
    Function,
    /// An UPDATE or DELETE that does not say which rows. No name.
    Unbounded,
    /// The statement without its literals, as `name`.
    Fingerprint,
    /// The protocol that a connection was identified as, as `name`; none when nobody knows it. Of a request, what it speaks
    /// besides HTTP: `grpc`, `docker`.
    Protocol,
    /// What a ClientHello offers to go on with, as `name`: `h2`.
    Alpn,
    /// A ClientHello that hides the name it is for (Encrypted ClientHello). No name.
    Hidden,
    /// A ClientHello that says no name. No name.
    Nameless,
    /// What the path names, as `name`: `key`, `channel`, `database`, or `command` when it names nothing; the value is
    /// `pattern` when it stands for all that it may become.
    Object,
    /// What a command does to it, as `name`: `read`, `write`, `publish`, `subscribe`, `free` (comes with any grant), `named`
    /// (must be granted by its name).
    Class,
}

/// A piece of a message that its sender chose.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// Where it stands.
    pub place: Place,
    /// The name it has there: header name, query key, JSON path. Empty where there is none.
    pub name: Cow<'a, [u8]>,
    /// As it was on the wire.
    pub raw: &'a [u8],
    /// Decoded by the layers of `chain`, first layer first.
    pub canonical: Cow<'a, [u8]>,
    /// The decodings that led from `raw` to `canonical`.
    pub chain: Chain,
    /// Whether this is all of it.
    pub extent: Extent,
}

impl<'a> Part<'a> {
    /// A whole part whose canonical form is what stood on the wire.
    pub fn plain(place: Place, name: &'a [u8], raw: &'a [u8]) -> Self {
        Self {
            place,
            name: Cow::Borrowed(name),
            raw,
            canonical: Cow::Borrowed(raw),
            chain: Chain::EMPTY,
            extent: Extent::Whole,
        }
    }
}

/// Whether a part is all of its value, or a window of a longer one. Windows overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// The first window of a longer value.
    First,
    /// A later window; its start repeats the end of the one before.
    Next,
}

/// Where in a message a part stands. Signatures name groups of places ([`Place::group`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The request method.
    Method,
    /// The whole path, decoded once.
    Path,
    /// One path segment.
    PathSegment,
    /// The whole query string as it stands, decoded once; only where it is not made of pairs.
    Query,
    /// A query key.
    QueryName,
    /// A query value.
    QueryValue,
    /// A header's name.
    HeaderName,
    /// A header's value (cookies apart).
    HeaderValue,
    /// A cookie's name.
    CookieName,
    /// A cookie's value.
    CookieValue,
    /// A form field's name (urlencoded or multipart).
    FormName,
    /// A form field's value.
    FormValue,
    /// The file name of an upload.
    FileName,
    /// The content of an upload.
    FileContent,
    /// Text that stands in an upload of bytes that are mostly none: a picture, an archive, a program.
    FileBinary,
    /// An object key in JSON.
    JsonKey,
    /// A string, number or literal in JSON.
    JsonValue,
    /// Character data in XML.
    XmlText,
    /// An attribute's value in XML.
    XmlAttribute,
    /// An element's or attribute's name in XML.
    XmlName,
    /// A comment, processing instruction, or document type declaration with its entities in XML.
    XmlMarkup,
    /// A string of a protobuf message.
    MessageField,
    /// A GraphQL document.
    GraphQl,
    /// A whole body of text that has no finer structure.
    BodyText,
    /// A whole body of bytes that has no known structure.
    BodyOpaque,
    /// Text that stands in a body of bytes that are mostly none: a picture, an archive, a program.
    BodyBinary,
    /// The body of an answer.
    Response,
    /// A trailer's name.
    TrailerName,
    /// A trailer's value.
    TrailerValue,
    /// A whole SQL statement or script; the part's name is its dialect (`postgres`, `mysql`), empty when that is not known.
    SqlText,
    /// A value of a statement that may be a path or a program; the part's name is the statement's dialect.
    SqlValue,
    /// A name that is looked up.
    DnsName,
    /// A value on its way into a store of keys and values.
    StoredValue,
    /// A program that a server is to run: Lua.
    Script,
    /// Bytes of a connection that nobody takes apart.
    Chunk,
}

impl Place {
    /// The word that signatures, exceptions and records use: `path`, `query`, `header`, `cookie`, `form`, `file`,
    /// `json`, `xml`, `graphql`, `body`, `method`, `sql`, `dns`, `store`, `script`, `stream`.
    pub fn group(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path | Self::PathSegment => "path",
            Self::Query | Self::QueryName | Self::QueryValue => "query",
            Self::HeaderName | Self::HeaderValue | Self::TrailerName | Self::TrailerValue => "header",
            Self::CookieName | Self::CookieValue => "cookie",
            Self::FormName | Self::FormValue => "form",
            Self::FileName | Self::FileContent | Self::FileBinary => "file",
            Self::JsonKey | Self::JsonValue | Self::MessageField => "json",
            Self::XmlText | Self::XmlAttribute | Self::XmlName | Self::XmlMarkup => "xml",
            Self::GraphQl => "graphql",
            Self::BodyText | Self::BodyOpaque | Self::BodyBinary => "body",
            Self::SqlText | Self::SqlValue => "sql",
            Self::DnsName => "dns",
            Self::StoredValue => "store",
            Self::Script => "script",
            Self::Chunk => "stream",
            Self::Response => "response",
        }
    }

    /// Whether anything at all may stand there, so that only what is looked for there by name is an attack.
    pub fn is_anything(self) -> bool {
        matches!(self, Self::StoredValue | Self::Script | Self::Chunk)
    }

    /// Whether it is a piece of a binary: what stands there is no value that anything splices into a command.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::FileBinary | Self::BodyBinary)
    }

    /// The exact place, for records: `query-value`, `json-key`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path => "path",
            Self::PathSegment => "path-segment",
            Self::Query => "query",
            Self::QueryName => "query-name",
            Self::QueryValue => "query-value",
            Self::HeaderName => "header-name",
            Self::HeaderValue => "header-value",
            Self::CookieName => "cookie-name",
            Self::CookieValue => "cookie-value",
            Self::FormName => "form-name",
            Self::FormValue => "form-value",
            Self::FileName => "file-name",
            Self::FileContent => "file-content",
            Self::FileBinary => "file-binary",
            Self::JsonKey => "json-key",
            Self::JsonValue => "json-value",
            Self::XmlText => "xml-text",
            Self::XmlAttribute => "xml-attribute",
            Self::XmlName => "xml-name",
            Self::XmlMarkup => "xml-markup",
            Self::MessageField => "message-field",
            Self::GraphQl => "graphql",
            Self::BodyText => "body-text",
            Self::BodyOpaque => "body-opaque",
            Self::BodyBinary => "body-binary",
            Self::Response => "response",
            Self::TrailerName => "trailer-name",
            Self::TrailerValue => "trailer-value",
            Self::SqlText => "sql-text",
            Self::SqlValue => "sql-value",
            Self::DnsName => "dns-name",
            Self::StoredValue => "stored-value",
            Self::Script => "script",
            Self::Chunk => "stream-chunk",
        }
    }
}

/// One decoding that was undone on the way from the wire to a part's canonical bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// `%41`.
    Percent,
    /// `+` for a space, in forms and queries.
    Plus,
    /// `%u0041`.
    PercentU,
    /// `&#65;` and named entities.
    Html,
    /// `\u0041`, `\n` in JSON strings.
    JsonEscape,
    /// `\x41`, `\101` and other escapes of programming languages.
    Backslash,
    /// RFC 4648 §4.
    Base64,
    /// RFC 4648 §5.
    Base64Url,
    /// Pairs of hex digits.
    Hex,
    /// RFC 2152.
    Utf7,
    /// UTF-16 in either order.
    Utf16,
    /// UTF-8 longer than it need be.
    Overlong,
    /// ISO 8859 and Windows code pages.
    Latin,
    /// EBCDIC code pages.
    Ebcdic,
    /// gzip, deflate, brotli or zstd.
    Compressed,
    /// Quoted-printable in a multipart part.
    QuotedPrintable,
    /// A JSON document inside a string.
    Json,
    /// An XML document inside a string.
    Xml,
    /// The claims of a JSON Web Token.
    Jwt,
    /// A language's own serialisation.
    Serialized,
}

impl Layer {
    /// The word for records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Plus => "plus",
            Self::PercentU => "percent-u",
            Self::Html => "html",
            Self::JsonEscape => "json-escape",
            Self::Backslash => "backslash",
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
            Self::Hex => "hex",
            Self::Utf7 => "utf-7",
            Self::Utf16 => "utf-16",
            Self::Overlong => "overlong",
            Self::Latin => "latin",
            Self::Ebcdic => "ebcdic",
            Self::Compressed => "compressed",
            Self::QuotedPrintable => "quoted-printable",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Jwt => "jwt",
            Self::Serialized => "serialized",
        }
    }
}

/// The layers undone for one part, outermost first. `0 <= len <= Chain::MAX`.
///
/// Aligned so that it is copied as one word: every part carries one.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(align(8))]
pub struct Chain {
    layers: [Layer; Chain::MAX],
    len: u8,
}

impl Chain {
    /// How deep nesting is followed. Nothing honest nests deeper.
    pub const MAX: usize = 6;
    /// No layer.
    pub const EMPTY: Self = Self { layers: [Layer::Percent; Self::MAX], len: 0 };

    /// The chain of one layer.
    pub fn of(layer: Layer) -> Self {
        Self::EMPTY.then(layer).unwrap_or(Self::EMPTY)
    }

    /// The chain with one more layer inside, or nothing when it is full.
    #[must_use]
    pub fn then(mut self, layer: Layer) -> Option<Self> {
        *self.layers.get_mut(usize::from(self.len))? = layer;
        self.len += 1;
        Some(self)
    }

    /// The layers, outermost first.
    pub fn layers(&self) -> &[Layer] {
        self.layers.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.layers().iter().map(|layer| layer.name())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_holds_six_layers() {
        let mut chain = Chain::EMPTY;
        for _ in 0..Chain::MAX {
            chain = chain.then(Layer::Percent).unwrap();
        }
        assert_eq!(chain.layers().len(), Chain::MAX);
        assert!(chain.then(Layer::Html).is_none());
    }
}
