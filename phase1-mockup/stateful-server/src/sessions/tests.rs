//! The life of a session, with a paused clock that the test advances.

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
async fn each_use_resets_the_idle_timeout() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    for _ in 0..2 {
        advance(Duration::from_secs(50)).await;
        assert_eq!(sessions.touch(&id), Ok(alice()));
    }
    assert_eq!(
        sessions.view(&id, "r1").unwrap().expires_in,
        50,
        "absolute timeout of 150 s - 100 s"
    );
}

#[tokio::test(start_paused = true)]
async fn idle_session_expires_and_is_then_unknown() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    advance(Duration::from_secs(60)).await;
    assert_eq!(sessions.touch(&id), Err(NoSession::Expired));
    assert_eq!(sessions.touch(&id), Err(NoSession::Unknown));
}

#[tokio::test(start_paused = true)]
async fn busy_session_expires_at_the_absolute_timeout() {
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
async fn session_limit_ignores_expired_sessions() {
    let sessions = Sessions::new(LIMITS);
    for _ in 0..2 {
        assert!(sessions.start(alice()).is_ok());
    }
    assert!(sessions.start(alice()).is_err());
    advance(Duration::from_secs(60)).await;
    assert!(sessions.start(alice()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn sweep_removes_expired_sessions() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    advance(Duration::from_secs(60)).await;
    sessions.sweep();
    assert_eq!(sessions.touch(&id), Err(NoSession::Unknown));
}

#[tokio::test(start_paused = true)]
async fn add_file_does_not_revive_an_expired_session() {
    let sessions = Sessions::new(LIMITS);
    let id = sessions.start(alice()).unwrap();
    advance(Duration::from_secs(60)).await;
    sessions.add_file(&id, "late.txt");
    assert_eq!(sessions.touch(&id), Err(NoSession::Unknown));
}

#[tokio::test(start_paused = true)]
async fn add_file_does_not_revive_an_ended_session() {
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
async fn concurrent_uploads_are_all_recorded() {
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
