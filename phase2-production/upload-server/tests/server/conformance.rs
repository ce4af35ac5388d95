//! The wire contract, check by check, for one replica of each design on the stores of one
//! machine. `memory` stands for `sticky` as well: by itself, it is the same server.
//!
//! Three replicas behind the balancer, on every kind of stores, are held to the same checks
//! by the tests of `cluster`.

/// A module of the checks that a design has to pass: those for all, and `$suite`.
macro_rules! alone {
    ($module:ident: $design:literal, $suite:ident) => {
        mod $module {
            use crate::on::{Stores, World};

            api_conformance::conformance_suite!(crate::conformance::$module::start);
            api_conformance::$suite!(crate::conformance::$module::start);

            async fn start() -> anyhow::Result<api_conformance::fixture::Started> {
                World::alone(Stores::Embedded, $design, &[]).await
            }
        }
    };
}

alone!(memory: "memory", session_suite);
alone!(replicated: "replicated", session_suite);
alone!(central: "central", session_suite);
alone!(token: "token", token_suite);
