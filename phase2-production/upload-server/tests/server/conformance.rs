//! The wire contract, check by check: every design, on the stores of one machine and on
//! the real ones, by itself and as three replicas behind the balancer. The checks keep no
//! cookies, so behind a balancer with affinity they would be strangers: `sticky` has a
//! test with a browser of its own.

/// A module of the checks that a design with sessions has to pass.
macro_rules! sessions {
    ($module:ident, $start:expr) => {
        mod $module {
            use crate::on::{Stores, World};

            api_conformance::conformance_suite!(crate::conformance::$module::start);
            api_conformance::session_suite!(crate::conformance::$module::start);

            async fn start() -> anyhow::Result<api_conformance::fixture::Started> {
                let start: fn() -> _ = $start;
                start().await
            }
        }
    };
}

/// The same for tokens.
macro_rules! tokens {
    ($module:ident, $start:expr) => {
        mod $module {
            use crate::on::{Stores, World};

            api_conformance::conformance_suite!(crate::conformance::$module::start);
            api_conformance::token_suite!(crate::conformance::$module::start);

            async fn start() -> anyhow::Result<api_conformance::fixture::Started> {
                let start: fn() -> _ = $start;
                start().await
            }
        }
    };
}

sessions!(memory_alone, || World::alone(Stores::Embedded, "memory", &[]));
sessions!(replicated_alone, || World::alone(Stores::Embedded, "replicated", &[]));
sessions!(replicated_behind_the_balancer, || World::behind(
    Stores::Embedded,
    "replicated"
));
sessions!(sticky_alone, || World::alone(Stores::Embedded, "sticky", &[]));
sessions!(central_embedded, || World::alone(Stores::Embedded, "central", &[]));
sessions!(central_behind_the_balancer, || World::behind(Stores::Real, "central"));
tokens!(token_embedded, || World::alone(Stores::Embedded, "token", &[]));
tokens!(token_behind_the_balancer, || World::behind(Stores::Real, "token"));
