//! The wire contract, check by check, over sessions.

use api_conformance::fixture::{Fixture, Started};

api_conformance::conformance_suite!(crate::conformance::anew);
api_conformance::session_suite!(crate::conformance::anew);

async fn anew() -> anyhow::Result<Started> {
    crate::start(&Fixture::new()?, &[]).await
}
