//! Which service is taken, and what is said about it.

use backing_services::{Backing, Kind, What, database, offers, redis, s3};

#[tokio::test]
async fn what_is_taken_is_the_first_that_there_is_and_why_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let offers = offers(What::Database).await;
    let kinds: Vec<_> = offers.iter().map(|offer| offer.kind).collect();
    assert_eq!(kinds, Kind::ORDER);
    let first = offers.iter().find(|offer| offer.found.is_ok());
    let first = first.expect("SQLite is always there");
    let taken = database(Backing::Auto, dir.path()).await.unwrap();
    assert_eq!(taken.kind, first.kind);
    for before in offers.iter().take_while(|offer| offer.found.is_err()) {
        let reason = before.found.as_ref().unwrap_err();
        assert!(taken.why.contains(reason), "{} lacks {reason}", taken.why);
    }
}

#[tokio::test]
async fn what_was_asked_for_and_is_not_here_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let refused = s3(Backing::Container, dir.path()).await.unwrap_err().to_string();
    assert!(refused.contains("FILES_URL"), "{refused}");
    for (what, variable) in [(What::Redis, "REDIS_URL"), (What::Database, "DATABASE_URL")]
    {
        if std::env::var_os(variable).is_some() {
            continue;
        }
        let asked = match what {
            What::Redis => redis(Backing::Url, dir.path()).await,
            _ => database(Backing::Url, dir.path()).await,
        };
        let refused = asked.unwrap_err().to_string();
        assert!(refused.contains(&format!("{variable} is not set")), "{refused}");
    }
}
