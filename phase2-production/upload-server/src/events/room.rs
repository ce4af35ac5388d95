//! Who has a socket here: counted, so that there are not too many, and told when the
//! process ends. hyper's own drain does not see them: for it, a connection that was
//! upgraded is over.

use super::news::Listeners;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use upload_domain::username::Username;

/// Sockets that one caller may have on one replica.
const PER_CALLER: usize = 8;

/// Sockets on one replica.
const ALTOGETHER: usize = 2_000;

/// The sockets of this process. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Room>);

#[derive(Default)]
struct Room {
    taken: Mutex<HashMap<Username, usize>>,
    listeners: Listeners,
    conversations: TaskTracker,
    ending: CancellationToken,
}

/// The right to one socket; given back when it is dropped.
pub(crate) struct Seat {
    room: Events,
    of: Username,
}

impl Events {
    /// One more socket for this caller; `None` if there are as many as there may be.
    pub(crate) fn take_seat(&self, caller: &Username) -> Option<Seat> {
        let mut taken = self.taken();
        let altogether: usize = taken.values().sum();
        let own = taken.get(caller).copied().unwrap_or_default();
        if own >= PER_CALLER || altogether >= ALTOGETHER {
            return None;
        }
        taken.insert(caller.clone(), own + 1);
        metrics::gauge!("upload_server_event_websockets").increment(1.0);
        Some(Seat { room: self.clone(), of: caller.clone() })
    }

    /// Who is to be told what has come to be.
    pub(super) fn listeners(&self) -> &Listeners {
        &self.0.listeners
    }

    /// Holds a conversation, so that the end of the process waits for it.
    pub(super) fn run(
        self,
        conversation: impl Future<Output = ()>,
    ) -> impl Future<Output = ()> {
        self.0.conversations.track_future(conversation)
    }

    /// Ends when the process does not want conversations any more.
    pub(super) async fn ending(&self) {
        self.0.ending.cancelled().await;
    }

    /// Tells everybody that this replica stops; they find another one.
    pub(crate) fn end(&self) {
        self.0.ending.cancel();
    }

    /// Waits until everybody has been told, at most for `patience`.
    pub(crate) async fn ended(&self, patience: Duration) {
        self.end();
        self.0.conversations.close();
        let told = tokio::time::timeout(patience, self.0.conversations.wait());
        if told.await.is_err() {
            tracing::warn!("some sockets are still open at the drain deadline");
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Username, usize>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        if let Some(own) = taken.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.of);
            }
        }
        metrics::gauge!("upload_server_event_websockets").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_has_so_many_sockets_and_leaves_room_for_others() {
        let (room, name) = (Events::default(), |text| Username::parse(text).unwrap());
        let mut seats: Vec<_> =
            (0..PER_CALLER).map(|_| room.take_seat(&name("alice")).unwrap()).collect();
        assert!(room.take_seat(&name("alice")).is_none());
        assert!(room.take_seat(&name("bob")).is_some());
        seats.pop();
        assert!(room.take_seat(&name("alice")).is_some());
        drop(seats);
        assert!(room.taken().is_empty());
    }
}
