//! Both indexes, by id and by owner, hold the same sessions however these end.

use super::*;
use records::{OrgId, Role};

const LIMITS: SessionLimits = SessionLimits {
    idle: Duration::from_secs(60),
    absolute: Duration::from_secs(600),
    max_live: 6,
    max_per_user: 3,
};

fn member(name: &str) -> Member {
    Member {
        organisation: OrgId::parse("main").unwrap(),
        username: Username::parse(name).unwrap(),
        role: Role::Member,
    }
}

/// The ids of one account, oldest first. Checks that both indexes agree.
fn of(memory: &Memory, name: &str) -> Vec<SessionId> {
    let live = memory.lock();
    let indexed: usize = live.by_owner.values().map(Vec::len).sum();
    assert_eq!(indexed, live.sessions.len());
    assert!(live.by_owner.values().all(|ids| !ids.is_empty()), "empty entry");
    for (owner, ids) in &live.by_owner {
        assert!(ids.iter().all(|id| live.sessions[id].member.username == *owner));
    }
    live.of(&Username::parse(name).unwrap()).to_vec()
}

#[tokio::test(start_paused = true)]
async fn owner_index_matches_live_sessions() {
    let memory = Memory::new(LIMITS);
    let (alice, bob) = (member("alice"), member("bob"));
    let first: Vec<_> = (0..3).map(|_| memory.start(&alice).unwrap()).collect();
    let bobs = memory.start(&bob).unwrap();
    assert!(of(&memory, "alice") == first && of(&memory, "bob") == [bobs.clone()]);

    let fourth = memory.start(&alice).unwrap();
    assert_eq!(memory.peek(&first[0]).unwrap_err(), SessionError::Unknown, "the oldest");
    memory.end(&first[1]).unwrap();
    assert!(of(&memory, "alice") == [first[2].clone(), fourth]);

    memory.end_all_of(&alice.username);
    assert!(of(&memory, "alice").is_empty() && of(&memory, "bob") == [bobs.clone()]);

    tokio::time::advance(LIMITS.idle).await;
    assert_eq!(memory.touch(&bobs).unwrap_err(), SessionError::Expired);
    assert!(of(&memory, "bob").is_empty(), "removed by the request");
    memory.start(&bob).unwrap();
    tokio::time::advance(LIMITS.idle).await;
    memory.sweep();
    assert!(of(&memory, "bob").is_empty(), "removed by the sweep");
    memory.start(&bob).unwrap();
    memory.end_of_process();
    assert!(of(&memory, "bob").is_empty());
}

#[tokio::test(start_paused = true)]
async fn expired_sessions_free_slots_and_live_ones_stay() {
    let memory = Memory::new(LIMITS);
    let start = |name: &str| memory.start(&member(name));
    for number in 0..6 {
        start(&format!("user-{number}")).unwrap();
    }
    assert_eq!(start("alice").err(), Some(SessionError::TooMany));
    assert!(of(&memory, "alice").is_empty());
    tokio::time::advance(LIMITS.idle).await;
    let alice = start("alice").unwrap();
    assert!(of(&memory, "alice") == [alice] && of(&memory, "user-0").is_empty());
}
