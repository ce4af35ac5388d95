//! The life of a session, on a clock that the test moves.

use super::*;
use tokio::time::advance;

const LIMITS: SessionLimits = SessionLimits {
    idle: Duration::from_secs(60),
    absolute: Duration::from_secs(150),
    max_live: 2,
};

fn alice() -> Username {
    Username::parse("alice").unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_use_starts_the_idle_time_anew() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    for _ in 0..2 {
        advance(Duration::from_secs(50)).await;
        assert_eq!(sessions.touch(&id), Ok(alice()));
    }
    assert_eq!(sessions.view(&id, "r1").unwrap().expires_in, 50, "150 s of life - 100");
}

#[tokio::test(start_paused = true)]
async fn silence_kills_a_session_and_the_next_use_finds_nothing() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    advance(Duration::from_secs(60)).await;
    assert_eq!(sessions.touch(&id), Err(NoSession::Expired));
    assert_eq!(sessions.touch(&id), Err(NoSession::Unknown));
}

#[tokio::test(start_paused = true)]
async fn old_age_kills_a_session_however_busy_it_is() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    for _ in 0..4 {
        advance(Duration::from_secs(30)).await;
        assert!(sessions.touch(&id).is_ok());
    }
    advance(Duration::from_secs(30)).await;
    assert_eq!(sessions.touch(&id), Err(NoSession::Expired));
}

#[tokio::test(start_paused = true)]
async fn the_cap_counts_the_living_and_not_the_dead_who_were_not_noticed() {
    let sessions = Sessions::new(LIMITS);
    for _ in 0..2 {
        assert!(sessions.start(alice()).is_ok());
    }
    assert!(sessions.start(alice()).is_err());
    advance(Duration::from_secs(60)).await;
    assert!(sessions.start(alice()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_sweep_forgets_those_who_never_come_back() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    advance(Duration::from_secs(60)).await;
    sessions.sweep();
    assert_eq!(sessions.touch(&id), Err(NoSession::Unknown));
}

#[tokio::test(start_paused = true)]
async fn growth_does_not_bring_back_a_session_that_died_of_silence() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    advance(Duration::from_secs(60)).await;
    sessions.add_file(&id, "late.txt");
    assert_eq!(sessions.touch(&id), Err(NoSession::Unknown));
}

#[tokio::test(start_paused = true)]
async fn growth_after_the_end_does_not_bring_a_session_back() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    sessions.add_file(&id, "first.txt");
    assert_eq!(sessions.view(&id, "r1").unwrap().files_uploaded, ["first.txt"]);
    sessions.end(&id).unwrap();
    sessions.add_file(&id, "late.txt");
    assert_eq!(sessions.touch(&id), Err(NoSession::Unknown));
    assert_eq!(sessions.end(&id), Err(NoSession::Unknown));
}

#[tokio::test]
async fn fifty_uploads_at_once_leave_fifty_names() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    std::thread::scope(|threads| {
        for n in 0..50 {
            let (sessions, id) = (&sessions, &id);
            threads.spawn(move || sessions.add_file(id, &n.to_string()));
        }
    });
    assert_eq!(sessions.view(&id, "r1").unwrap().files_uploaded.len(), 50);
}
