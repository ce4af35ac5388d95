//! The conformance suite, with sessions.

use api_conformance::fixture::{Fixture, Started};

api_conformance::conformance_suite!(crate::conformance::new_server);
api_conformance::session_suite!(crate::conformance::new_server);

async fn new_server() -> anyhow::Result<Started> {
    crate::start(&Fixture::new()?, &[]).await
}
