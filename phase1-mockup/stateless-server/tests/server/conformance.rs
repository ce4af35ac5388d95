//! The conformance suite, with tokens and with passwords.

use api_conformance::fixture::{Fixture, Started};
use client::AuthScheme;

mod with_a_token {
    api_conformance::conformance_suite!(crate::conformance::with_tokens);
    api_conformance::token_suite!(crate::conformance::with_tokens);
}

mod with_a_password {
    api_conformance::conformance_suite!(crate::conformance::with_passwords);
}

async fn with_tokens() -> anyhow::Result<Started> {
    crate::start(&Fixture::new()?, &[]).await
}

async fn with_passwords() -> anyhow::Result<Started> {
    let fixture = Fixture::new()?;
    fixture.start(crate::PROGRAM, AuthScheme::Basic, &[]).await
}
