//! A TCP proxy: whoever connects to it can be cut off, held up, or led to another server.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy on a port of its own, for as long as the runtime lives.
pub(super) struct Proxy {
    pub(super) port: u16,
    target: watch::Sender<u16>,
    held: watch::Sender<bool>,
    cuts: watch::Sender<u64>,
    connections: Arc<AtomicU64>,
}

impl Proxy {
    /// Leads to this port of 127.0.0.1.
    pub(super) async fn start(target: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (target, (held, cuts)) =
            (watch::Sender::new(target), (watch::Sender::new(false), watch::Sender::new(0)));
        let connections = Arc::<AtomicU64>::default();
        tokio::spawn({
            let (target, held, cuts) = (target.subscribe(), held.subscribe(), cuts.clone());
            let connections = connections.clone();
            async move {
                loop {
                    // An error is of that one connection, which is gone.
                    let Ok((client, _)) = listener.accept().await else { continue };
                    // First, so that no connection to the server before outlives a cut.
                    let mut cut = cuts.subscribe();
                    let (port, held) = (*target.borrow(), held.clone());
                    let connections = connections.clone();
                    tokio::spawn(async move {
                        connections.fetch_add(1, Ordering::SeqCst);
                        tokio::select! {
                            _ = connect(client, port, held) => {}
                            _ = cut.changed() => {}
                        }
                        connections.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Ok(Self { port, target, held, cuts, connections })
    }

    /// Ends all connections, and what they hold with them. Gives how many there were.
    pub(super) fn cut(&self) -> u64 {
        let connections = self.connections.load(Ordering::SeqCst);
        self.cuts.send_modify(|cuts| *cuts += 1);
        connections
    }

    /// Leads to another server from now on, also those who are connected.
    pub(super) fn lead(&self, target: u16) {
        if self.target.send_replace(target) != target {
            self.cut();
        }
    }

    /// Keeps what comes, until it is let go.
    pub(super) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }
}

/// Goes on until either side ends.
async fn connect(client: TcpStream, port: u16, held: watch::Receiver<bool>) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        ended = pump(from_client, to_server, held.clone()) => ended,
        ended = pump(from_server, to_client, held) => ended,
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut held: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut bytes = vec![0; 1 << 14];
    loop {
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        if held.wait_for(|held| !held).await.is_err() {
            return Ok(());
        }
        to.write_all(&bytes[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Answers each byte with this one.
    async fn server(answer: u8) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    while client.read_u8().await.is_ok() && client.write_u8(answer).await.is_ok() {}
                });
            }
        });
        port
    }

    async fn asked(client: &mut TcpStream) -> io::Result<u8> {
        client.write_u8(0).await?;
        client.read_u8().await
    }

    #[tokio::test]
    async fn it_leads_cuts_and_holds() {
        let proxy = Proxy::start(server(1).await).await.unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        assert_eq!(asked(&mut client).await.unwrap(), 1);
        proxy.hold(true);
        let soon = tokio::time::timeout(Duration::from_millis(50), asked(&mut client)).await;
        assert!(soon.is_err(), "it is held");
        proxy.hold(false);
        assert_eq!(client.read_u8().await.unwrap(), 1);
        assert_eq!(proxy.cut(), 1);
        assert!(asked(&mut client).await.is_err());
        proxy.lead(server(2).await);
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        assert_eq!(asked(&mut client).await.unwrap(), 2);
    }
}
