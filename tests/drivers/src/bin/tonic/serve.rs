//! `shop.Orders` as a tonic service. Says `listening PORT`, then `received TEXT` for every message and `deadline VALUE`
//! for every `grpc-timeout` that it is given.

use crate::{MOST_BYTES, Order};
use prost::Message;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{ClientStreamingService, Grpc, ServerStreamingService, StreamingService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

pub async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    println!("listening {}", incoming.local_addr()?.port());
    Ok(Server::builder().serve_with_incoming(Orders, incoming).await?)
}

#[derive(Clone)]
struct Orders;

type Answers = Pin<Box<dyn Stream<Item = Result<Order, Status>> + Send>>;

impl Service<http::Request<Body>> for Orders {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if let Some(timeout) = request.headers().get("grpc-timeout") {
            println!("deadline {timeout:?}");
        }
        let mut grpc = Grpc::new(ProstCodec::<Order, Order>::default())
            .accept_compressed(Gzip)
            .send_compressed(Gzip)
            .max_decoding_message_size(MOST_BYTES)
            .max_encoding_message_size(MOST_BYTES);
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/shop.Orders/Get" => grpc.unary(Get, request).await,
                "/shop.Orders/Wait" => grpc.unary(Wait, request).await,
                "/shop.Orders/Collect" => grpc.client_streaming(Collect, request).await,
                "/shop.Orders/List" => grpc.server_streaming(List, request).await,
                "/shop.Orders/Talk" => grpc.streaming(Talk, request).await,
                _ => Status::new(Code::Unimplemented, "no such method").into_http(),
            })
        })
    }
}

fn keep(order: Order) -> Order {
    println!("received {}", order.text);
    order
}

struct Get;

impl UnaryService<Order> for Get {
    type Response = Order;
    type Future = BoxFuture<Response<Order>, Status>;

    fn call(&mut self, request: Request<Order>) -> Self::Future {
        Box::pin(async { Ok(Response::new(keep(request.into_inner()))) })
    }
}

/// Never answers; says so when the call is given up.
struct Wait;

struct Waiting;

impl Drop for Waiting {
    fn drop(&mut self) {
        println!("cancelled");
    }
}

impl UnaryService<Order> for Wait {
    type Response = Order;
    type Future = BoxFuture<Response<Order>, Status>;

    fn call(&mut self, request: Request<Order>) -> Self::Future {
        Box::pin(async {
            let _waiting = Waiting;
            keep(request.into_inner());
            std::future::pending().await
        })
    }
}

struct Collect;

impl ClientStreamingService<Order> for Collect {
    type Response = Order;
    type Future = BoxFuture<Response<Order>, Status>;

    fn call(&mut self, request: Request<Streaming<Order>>) -> Self::Future {
        Box::pin(async {
            let (mut orders, mut bytes) = (request.into_inner(), 0);
            while let Some(order) = orders.message().await? {
                bytes += keep(order).encoded_len();
            }
            Ok(Response::new(Order::of(bytes.to_string())))
        })
    }
}

struct List;

impl ServerStreamingService<Order> for List {
    type Response = Order;
    type ResponseStream = Answers;
    type Future = BoxFuture<Response<Answers>, Status>;

    fn call(&mut self, request: Request<Order>) -> Self::Future {
        keep(request.into_inner());
        let answers: Answers = Box::pin(tokio_stream::iter(0..100).map(|n| Ok(Order::of(format!("item {n}")))));
        Box::pin(async { Ok(Response::new(answers)) })
    }
}

struct Talk;

impl StreamingService<Order> for Talk {
    type Response = Order;
    type ResponseStream = Answers;
    type Future = BoxFuture<Response<Answers>, Status>;

    fn call(&mut self, request: Request<Streaming<Order>>) -> Self::Future {
        let answers: Answers = Box::pin(request.into_inner().map(|order| order.map(keep)));
        Box::pin(async { Ok(Response::new(answers)) })
    }
}
