//! Files that come to be on whichever replica: one look a second for all who listen here.
//!
//! The records are asked about organisations and not about sockets, [`TOGETHER`] in one
//! transaction, so however many sockets there are costs them nothing. A look sees one
//! organisation at a time: what a socket is told has passed its owner's row level security.

use crate::app::AppState;
use crate::clock::now;
use crate::error::Error;
use crate::files::store::scope_of;
use api_contract::events::Event;
use records::ends::LATEST_MS;
use records::files::{self, AT_ONCE, Arrival};
use records::{Member, OrgId, RecordsError, Scope};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::MissedTickBehavior;
use upload_domain::file_id::FileId;
use upload_domain::username::Username;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Organisations in one transaction, which has to end long before the longest that may be.
const TOGETHER: usize = 100;

/// News that wait for one socket. One that has still more to hear is closed, and its client
/// reads the list of files instead.
const BACKLOG: usize = 1_000;

/// News that a socket is told before its proof is looked at again.
const A_FEW: usize = 50;

/// The sockets of one person.
type Sockets = Vec<Sender<Arrival>>;

type ByOwner = HashMap<OrgId, HashMap<Username, Sockets>>;

/// Who listens on this replica.
#[derive(Default)]
pub(super) struct Listeners(Mutex<ByOwner>);

impl Listeners {
    fn join(&self, who: &Member) -> Receiver<Arrival> {
        let (tell, hear) = channel(BACKLOG);
        let mut all = self.lock();
        let people = all.entry(who.organisation.clone()).or_default();
        people.entry(who.username.clone()).or_default().push(tell);
        hear
    }

    /// Organisations with somebody who listens. Sockets that are gone are forgotten.
    fn organisations(&self) -> Vec<OrgId> {
        let mut all = self.lock();
        all.retain(|_, people| {
            people.retain(|_, sockets| {
                sockets.retain(|socket| !socket.is_closed());
                !sockets.is_empty()
            });
            !people.is_empty()
        });
        all.keys().cloned().collect()
    }

    /// Tells all sockets of its owner, and lets go of those that do not keep up.
    fn tell(&self, organisation: &OrgId, file: &Arrival) {
        let mut all = self.lock();
        let people = all.get_mut(organisation);
        if let Some(sockets) = people.and_then(|people| people.get_mut(&file.owner)) {
            sockets.retain(|socket| socket.try_send(file.clone()).is_ok());
        }
    }

    /// Every change under it is one step: a panic cannot leave half of one behind.
    fn lock(&self) -> MutexGuard<'_, ByOwner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far one organisation has been heard of.
struct Heard {
    since: i64,
    /// What was found before and will be found again.
    known: HashSet<FileId>,
}

impl Heard {
    fn at(now: i64) -> Self {
        Self { since: now - LATEST_MS, known: HashSet::new() }
    }

    /// Takes what a look found that began at `began`; returns what was not known.
    fn take(&mut self, found: Vec<Arrival>, began: i64) -> Vec<Arrival> {
        let settled = began - LATEST_MS;
        // Where there is more than one answer holds, the next goes on from its end.
        self.since = match found.last() {
            Some(last) if found.len() >= AT_ONCE => last.at.min(settled),
            _ => settled,
        };
        let again = found.iter().filter(|file| file.at >= self.since);
        let again = again.map(|file| file.file_id).collect();
        let known = std::mem::replace(&mut self.known, again);
        found.into_iter().filter(|file| !known.contains(&file.file_id)).collect()
    }
}

/// Looks for ever, and tells who listens.
pub(crate) async fn look_for_all(app: &AppState) {
    let mut all = HashMap::new();
    let mut look = tokio::time::interval(EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let listening = app.events.listeners().organisations();
        all.retain(|organisation, _| listening.contains(organisation));
        for together in listening.chunks(TOGETHER) {
            metrics::counter!("upload_server_event_polls_total").increment(1);
            // Records that do not answer lose nothing: the next look finds it.
            if let Err(error) = look_at(app, together, &mut all).await {
                tracing::warn!(%error, "news have to wait");
            }
        }
    }
}

async fn look_at(
    app: &AppState,
    together: &[OrgId],
    all: &mut HashMap<OrgId, Heard>,
) -> Result<(), RecordsError> {
    let began = now();
    let asked = together.iter().map(|organisation| {
        let heard = all.entry(organisation.clone()).or_insert_with(|| Heard::at(began));
        (organisation.clone(), heard.since)
    });
    let asked: Vec<_> = asked.collect();
    let found = app.records.look(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            let mut found = Vec::new();
            for (organisation, since) in asked {
                let files = files::arrivals(tx, &organisation, None, since).await?;
                found.push((organisation, files));
            }
            Ok(found)
        })
    });
    for (organisation, files) in found.await? {
        let Some(heard) = all.get_mut(&organisation) else { continue };
        for file in heard.take(files, began) {
            app.events.listeners().tell(&organisation, &file);
        }
    }
    Ok(())
}

/// What one socket hears.
pub(super) struct News {
    arrivals: Receiver<Arrival>,
    /// Was there when the socket was opened: no news, though a look may find it yet.
    old: HashSet<FileId>,
}

impl News {
    /// Everything that is there now is no news.
    ///
    /// # Errors
    /// When the records do not answer.
    pub(super) async fn since_now(app: &AppState, owner: &Member) -> Result<Self, Error> {
        // First of all: what comes while the records are asked must not be missed.
        let arrivals = app.events.listeners().join(owner);
        let (scope, owner, since) = (scope_of(owner), owner.clone(), now() - LATEST_MS);
        let there = app.records.look(scope, move |tx| {
            Box::pin(async move {
                let whose = Some(&owner.username);
                files::arrivals(tx, &owner.organisation, whose, since).await
            })
        });
        let old = there.await?.into_iter().map(|file| file.file_id).collect();
        Ok(Self { arrivals, old })
    }

    /// What has come to be since, oldest first. [`None`] when there was more than this
    /// socket listened to. Nothing is lost when it is dropped while it waits.
    pub(super) async fn next(&mut self) -> Option<Vec<Event>> {
        let mut arrivals = Vec::new();
        if self.arrivals.recv_many(&mut arrivals, A_FEW).await == 0 {
            return None;
        }
        let new = arrivals.into_iter().filter(|file| !self.old.contains(&file.file_id));
        let event = |file: Arrival| Event::FileStored {
            file_id: file.file_id.to_string(),
            name: file.name.into(),
        };
        Some(new.map(event).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::Role;
    use std::slice;
    use upload_domain::display_name::DisplayName;

    fn member(organisation: &str, username: &str) -> Member {
        Member {
            organisation: OrgId::parse(organisation).unwrap(),
            username: Username::parse(username).unwrap(),
            role: Role::Member,
        }
    }

    fn file(owner: &Member, at: i64) -> Arrival {
        Arrival {
            at,
            file_id: FileId::new(),
            owner: owner.username.clone(),
            name: DisplayName::from_client("a.txt"),
        }
    }

    #[test]
    fn a_file_is_news_once_although_it_is_found_again_and_again() {
        let alice = member("t1", "alice");
        let (first, late) = (file(&alice, 50_000), file(&alice, 49_000));
        let mut heard = Heard::at(50_000);
        assert_eq!(heard.take(vec![first.clone()], 51_000), slice::from_ref(&first));
        let again = vec![late.clone(), first.clone()];
        assert_eq!(heard.take(again.clone(), 52_000), [late]);
        assert_eq!(heard.take(again, 53_000), []);
        assert_eq!(heard.take(Vec::new(), 70_000), []);
        assert!(heard.known.is_empty(), "what is remembered does not grow");
    }

    #[test]
    fn where_there_is_too_much_for_one_look_the_next_goes_on_from_there() {
        let alice = member("t1", "alice");
        let many = (0..AT_ONCE).map(|n| file(&alice, i64::try_from(n).unwrap()));
        let mut heard = Heard::at(LATEST_MS);
        assert_eq!(heard.take(many.collect(), 1_000_000).len(), AT_ONCE);
        assert_eq!(heard.since, i64::try_from(AT_ONCE).unwrap() - 1);
        assert_eq!(heard.known.len(), 1);
    }

    #[test]
    fn news_reach_their_owner_alone_and_who_does_not_listen_is_let_go() {
        let (all, alice) = (Listeners::default(), member("t1", "alice"));
        let (mut hers, mut bobs) = (all.join(&alice), all.join(&member("t1", "bob")));
        let mut elsewhere = all.join(&member("t2", "alice"));
        let one = file(&alice, 1);
        all.tell(&alice.organisation, &one);
        assert_eq!(hers.try_recv(), Ok(one));
        assert!(bobs.try_recv().is_err() && elsewhere.try_recv().is_err());
        drop((bobs, elsewhere));
        assert_eq!(all.organisations(), slice::from_ref(&alice.organisation));
        for at in 0..=BACKLOG {
            all.tell(&alice.organisation, &file(&alice, i64::try_from(at).unwrap()));
        }
        assert_eq!(all.organisations(), [], "there is room for so many and no more");
        let heard = std::iter::from_fn(|| hers.try_recv().ok()).count();
        assert_eq!(heard, BACKLOG);
    }
}
