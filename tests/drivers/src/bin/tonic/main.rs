//! tonic through the sidecar: `tonic serve` is a service, `tonic call URL [CA CERT KEY]` makes calls of every kind.
//! Messages are written by hand, so that no protoc is needed.

mod call;
mod serve;

/// Field 1 is a string, field 3 bytes.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Order {
    /// What is ordered.
    #[prost(string, tag = "1")]
    pub text: String,
    /// Any bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub content: Vec<u8>,
}

impl Order {
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), content: Vec::new() }
    }
}

/// Larger than the 4 MiB that the tests send, which is what tonic takes unless told otherwise.
const MOST_BYTES: usize = 8 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve"] => serve::serve().await,
        ["call", url, files @ ..] => call::every_kind(url, files).await,
        _ => Err("usage: tonic serve | tonic call URL [CA CERT KEY]".into()),
    }
}
