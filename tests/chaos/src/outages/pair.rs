//! A primary and its replica, and the proxies through which they are reached: one for each process,
//! and one for the replica.

use std::path::Path;

use super::proxy::Proxy;
use super::redis::Server;
use crate::Fault;
use crate::register::PROCESSES;

pub(super) struct Pair {
    servers: [Server; 2],
    /// Which of the two is the primary.
    first: usize,
    /// Those of the processes.
    pub(super) doors: Vec<Proxy>,
    /// That of the replica.
    pub(super) link: Proxy,
}

impl Pair {
    pub(super) async fn start(folder: &Path) -> Result<Self, Fault> {
        let servers =
            [Server::start(folder.join("one")).await?, Server::start(folder.join("two")).await?];
        let port = servers[0].port;
        let mut doors = Vec::new();
        for _ in 0..PROCESSES {
            doors.push(Proxy::start(port).await?);
        }
        let mut pair = Self { servers, first: 0, doors, link: Proxy::start(port).await? };
        pair.mend().await?;
        Ok(pair)
    }

    pub(super) fn primary(&self) -> &Server {
        &self.servers[self.first]
    }

    pub(super) fn replica(&self) -> &Server {
        &self.servers[1 - self.first]
    }

    pub(super) fn primary_mut(&mut self) -> &mut Server {
        &mut self.servers[self.first]
    }

    pub(super) fn replica_mut(&mut self) -> &mut Server {
        &mut self.servers[1 - self.first]
    }

    /// Makes the replica a primary, of what it has. Who was the primary goes on, alone, and nobody is
    /// led anywhere yet.
    pub(super) async fn promote(&mut self) -> Result<(), Fault> {
        let () = self.replica().ask(&["REPLICAOF", "NO", "ONE"]).await?;
        self.first = 1 - self.first;
        Ok(())
    }

    /// Leads these processes to the primary.
    pub(super) fn lead(&self, processes: impl IntoIterator<Item = usize>) {
        processes.into_iter().for_each(|process| self.doors[process].lead(self.primary().port));
    }

    /// Makes a pair of the two again, whatever was done to them: the primary, and a replica that has
    /// all of it.
    pub(super) async fn mend(&mut self) -> Result<(), Fault> {
        self.primary_mut().run().await?;
        self.replica_mut().run().await?;
        self.link.lead(self.primary().port);
        self.link.hold(false);
        self.replica().follow(self.link.port).await
    }
}
