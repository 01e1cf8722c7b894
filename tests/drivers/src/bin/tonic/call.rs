//! Calls of every kind, one after the other: each prints `NAME ok`, or `NAME` with the status that it ended with.

use crate::{MOST_BYTES, Order};
use prost::Message;
use std::fs;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

/// What a sidecar between the two must refuse.
const ATTACK: &str = "x' UNION SELECT password FROM users --";

type Codec = ProstCodec<Order, Order>;

pub async fn every_kind(url: &str, files: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    let mut calls = Calls(dial(url, files).await?);
    tell("unary", calls.unary("Get", Order::of("C-7")).await.map(|order| order == Order::of("C-7")));
    let large = Order { text: String::new(), content: vec![7; (4 << 20) - 5] };
    tell("4-mib", calls.unary("Get", large.clone()).await.map(|order| order == large));
    tell("gzip", calls.packed("Get", Order::of("some words, ".repeat(100))).await.map(|_| true));
    let (orders, bytes) = numbered(500);
    tell("client-stream", calls.collect(orders).await.map(|order| order == Order::of(bytes.to_string())));
    tell("server-stream", calls.list().await.map(|count| count == 100));
    tell("both-ways", calls.talk(&["one", "two", "three"]).await.map(|heard| heard == 3));
    tell("deadline", calls.wait(Duration::from_millis(400)).await.map(|_| false));
    tell("cancelled", calls.cancel().await.map(|_| true));
    tell("denied", calls.unary("Secret", Order::of("x")).await.map(|_| false));
    tell("attack", calls.unary("Get", Order::of(ATTACK)).await.map(|_| false));
    tell("attack-gzip", calls.packed("Get", Order::of(ATTACK.repeat(10))).await.map(|_| false));
    tell("attack-in-stream", calls.talk(&["first", "second", ATTACK, "fourth"]).await.map(|_| false));
    tell("unary-afterwards", calls.unary("Get", Order::of("still here")).await.map(|_| true));
    Ok(())
}

async fn dial(url: &str, files: &[&str]) -> Result<Channel, Box<dyn std::error::Error>> {
    let mut endpoint = Endpoint::from_shared(url.to_owned())?;
    if let [ca, certificate, key] = files {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(fs::read(ca)?))
            .identity(Identity::from_pem(fs::read(certificate)?, fs::read(key)?))
            .domain_name("localhost");
        endpoint = endpoint.tls_config(tls)?;
    }
    Ok(endpoint.connect().await?)
}

/// Orders, and their bytes.
fn numbered(count: usize) -> (Vec<Order>, usize) {
    let orders: Vec<Order> = (0..count).map(|number| Order::of(format!("order {number}"))).collect();
    let bytes = orders.iter().map(Message::encoded_len).sum();
    (orders, bytes)
}

fn tell(name: &str, outcome: Result<bool, Status>) {
    match outcome {
        Ok(true) => println!("{name} ok"),
        Ok(false) => println!("{name} another answer"),
        Err(status) => println!("{name} {:?} {}", status.code(), status.message()),
    }
}

struct Calls(Channel);

impl Calls {
    async fn ready(&self) -> Result<Grpc<Channel>, Status> {
        let mut grpc = Grpc::new(self.0.clone())
            .accept_compressed(Gzip)
            .max_decoding_message_size(MOST_BYTES)
            .max_encoding_message_size(MOST_BYTES);
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(grpc)
    }

    async fn unary(&mut self, method: &str, order: Order) -> Result<Order, Status> {
        let answer = self.ready().await?.unary(Request::new(order), path(method), Codec::default()).await?;
        Ok(answer.into_inner())
    }

    async fn packed(&mut self, method: &str, order: Order) -> Result<Order, Status> {
        let mut grpc = self.ready().await?.send_compressed(Gzip);
        Ok(grpc.unary(Request::new(order), path(method), Codec::default()).await?.into_inner())
    }

    async fn collect(&mut self, orders: Vec<Order>) -> Result<Order, Status> {
        let orders = tokio_stream::iter(orders);
        let mut grpc = self.ready().await?;
        Ok(grpc.client_streaming(Request::new(orders), path("Collect"), Codec::default()).await?.into_inner())
    }

    async fn list(&mut self) -> Result<usize, Status> {
        let mut grpc = self.ready().await?;
        let request = Request::new(Order::of("all"));
        let mut answers = grpc.server_streaming(request, path("List"), Codec::default()).await?.into_inner();
        let mut count = 0;
        while answers.message().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Each answer is awaited before the next message is sent. Gives how many were as they should be.
    async fn talk(&mut self, words: &[&str]) -> Result<usize, Status> {
        let (send, mut receive) = mpsc::channel::<Order>(1);
        let to_send = async_stream(move |cx| receive.poll_recv(cx));
        let mut grpc = self.ready().await?;
        // The first is sent before the head of the answer is awaited: a service may need it to begin.
        let first = words.first().copied().unwrap_or_default();
        let _ = send.send(Order::of(first)).await;
        let answers = grpc.streaming(Request::new(to_send), path("Talk"), Codec::default()).await?;
        let mut answers = answers.into_inner();
        let mut heard = 0;
        for (number, word) in words.iter().enumerate() {
            if number > 0 {
                let _ = send.send(Order::of(*word)).await;
            }
            heard += usize::from(answers.message().await? == Some(Order::of(*word)));
        }
        drop(send);
        while answers.next().await.transpose()?.is_some() {}
        Ok(heard)
    }

    async fn wait(&mut self, deadline: Duration) -> Result<Order, Status> {
        let mut request = Request::new(Order::of("with a deadline"));
        request.set_timeout(deadline);
        Ok(self.ready().await?.unary(request, path("Wait"), Codec::default()).await?.into_inner())
    }

    /// Gives a call up before its answer.
    async fn cancel(&mut self) -> Result<(), Status> {
        let mut grpc = self.ready().await?;
        let call = grpc.unary::<Order, Order, _>(Request::new(Order::of("given up")), path("Wait"), Codec::default());
        match tokio::time::timeout(Duration::from_millis(300), call).await {
            Ok(answered) => answered.map(|_| ()),
            Err(_) => Ok(()),
        }
    }
}

fn async_stream<T>(
    poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<T>> + Unpin,
) -> impl tokio_stream::Stream<Item = T> {
    struct Polled<F>(F);
    impl<T, F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<T>> + Unpin> tokio_stream::Stream
        for Polled<F>
    {
        type Item = T;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<T>> {
            (self.0)(cx)
        }
    }
    Polled(poll)
}

fn path(method: &str) -> PathAndQuery {
    format!("/shop.Orders/{method}").parse().expect("methods are named above")
}
