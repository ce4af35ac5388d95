//! A socket that is bound before chitchat starts, so that the port is known if port 0 was
//! requested: a node must send the others its address.

use async_trait::async_trait;
use chitchat::transport::{Socket, Transport, UdpTransport};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

pub(crate) struct BoundSocket {
    socket: Mutex<Option<Box<dyn Socket>>>,
    address: SocketAddr,
}

impl BoundSocket {
    pub(crate) async fn at(listen: SocketAddr) -> anyhow::Result<Self> {
        let socket = UdpTransport.open(listen).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket: Mutex::new(Some(socket)), address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

#[async_trait]
impl Transport for BoundSocket {
    async fn open(&self, _known: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        socket.take().ok_or_else(|| anyhow::anyhow!("the socket is in use"))
    }
}
