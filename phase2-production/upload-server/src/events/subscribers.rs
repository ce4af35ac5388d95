//! The connections that wait for events, by organisation and account.

use records::files::RecentFile;
use records::{Member, OrgId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use upload_domain::username::Username;

/// Events queued for one connection. A slower connection is closed, and its client reads
/// the list of files instead.
const MAX_QUEUED_EVENTS: usize = 1_000;

/// The connections of one account.
type Sockets = Vec<Sender<RecentFile>>;

type ByOwner = HashMap<OrgId, HashMap<Username, Sockets>>;

/// The connections that wait for events on this replica.
#[derive(Default)]
pub(super) struct Subscribers(Mutex<ByOwner>);

impl Subscribers {
    pub(super) fn subscribe(&self, member: &Member) -> Receiver<RecentFile> {
        let (sender, receiver) = channel(MAX_QUEUED_EVENTS);
        let mut all = self.lock();
        let accounts = all.entry(member.organisation.clone()).or_default();
        accounts.entry(member.username.clone()).or_default().push(sender);
        receiver
    }

    /// Organisations with at least one connection. Removes closed connections.
    pub(super) fn organisations(&self) -> Vec<OrgId> {
        let mut all = self.lock();
        all.retain(|_, accounts| {
            accounts.retain(|_, sockets| {
                sockets.retain(|socket| !socket.is_closed());
                !sockets.is_empty()
            });
            !accounts.is_empty()
        });
        all.keys().cloned().collect()
    }

    /// Sends an event to all connections of the file's owner, and drops those that do not
    /// keep up.
    pub(super) fn notify(&self, organisation: &OrgId, file: &RecentFile) {
        let mut all = self.lock();
        let accounts = all.get_mut(organisation);
        if let Some(sockets) = accounts.and_then(|accounts| accounts.get_mut(&file.owner))
        {
            sockets.retain(|socket| socket.try_send(file.clone()).is_ok());
        }
    }

    /// Every change under the lock is one step, so a panic leaves no partial change.
    fn lock(&self) -> MutexGuard<'_, ByOwner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::fixture::{file, member};
    use std::slice;

    #[test]
    fn events_reach_only_their_owner_and_slow_connections_are_dropped() {
        let (all, alice) = (Subscribers::default(), member("t1", "alice"));
        let (mut alices, mut bobs) =
            (all.subscribe(&alice), all.subscribe(&member("t1", "bob")));
        let mut elsewhere = all.subscribe(&member("t2", "alice"));
        let one = file(&alice, 1);
        all.notify(&alice.organisation, &one);
        assert_eq!(alices.try_recv(), Ok(one));
        assert!(bobs.try_recv().is_err() && elsewhere.try_recv().is_err());
        drop((bobs, elsewhere));
        assert_eq!(all.organisations(), slice::from_ref(&alice.organisation));
        for at in 0..=MAX_QUEUED_EVENTS {
            all.notify(&alice.organisation, &file(&alice, i64::try_from(at).unwrap()));
        }
        assert_eq!(all.organisations(), [], "a slow connection was kept");
        let cursor = std::iter::from_fn(|| alices.try_recv().ok()).count();
        assert_eq!(cursor, MAX_QUEUED_EVENTS);
    }
}
