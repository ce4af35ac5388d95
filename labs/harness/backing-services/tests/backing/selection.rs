//! The selected kind of service, and the reason for it.

use backing_services::{Backing, Kind, ServiceType, database, offers, redis, s3};

#[tokio::test]
async fn auto_selects_first_available_kind_and_states_reason() {
    let dir = tempfile::tempdir().unwrap();
    let offers = offers(ServiceType::Database).await;
    let kinds: Vec<_> = offers.iter().map(|offer| offer.kind).collect();
    assert_eq!(kinds, Kind::ORDER);
    let first = offers.iter().find(|offer| offer.found.is_ok());
    let first = first.expect("SQLite is always available");
    let selected = database(Backing::Auto, dir.path()).await.unwrap();
    assert_eq!(selected.kind, first.kind);
    for before in offers.iter().take_while(|offer| offer.found.is_err()) {
        let reason = before.found.as_ref().unwrap_err();
        assert!(selected.why.contains(reason), "{} lacks {reason}", selected.why);
    }
}

#[tokio::test]
async fn missing_requested_kind_is_an_error_with_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let error = s3(Backing::Container, dir.path()).await.unwrap_err().to_string();
    assert!(error.contains("FILES_URL"), "{error}");
    for (what, variable) in
        [(ServiceType::Redis, "REDIS_URL"), (ServiceType::Database, "DATABASE_URL")]
    {
        if std::env::var_os(variable).is_some() {
            continue;
        }
        let result = match what {
            ServiceType::Redis => redis(Backing::Url, dir.path()).await,
            _ => database(Backing::Url, dir.path()).await,
        };
        let error = result.unwrap_err().to_string();
        assert!(error.contains(&format!("{variable} is not set")), "{error}");
    }
}
