//! The wire contract for one replica of each design, on embedded stores. `memory` stands
//! for `sticky` as well: a single replica is the same server.
//!
//! The tests of `launcher` run the same checks against three replicas behind the balancer,
//! on every kind of stores.

/// Makes a module with the checks for a design: those for all designs and `$suite`.
macro_rules! single_replica {
    ($module:ident: $design:literal, $suite:ident) => {
        mod $module {
            use crate::stores::{StoreKind, TestStores};

            api_conformance::conformance_suite!(crate::conformance::$module::start);
            api_conformance::$suite!(crate::conformance::$module::start);

            async fn start() -> anyhow::Result<api_conformance::fixture::Started> {
                TestStores::single_replica(StoreKind::Embedded, $design, &[]).await
            }
        }
    };
}

single_replica!(memory: "memory", session_suite);
single_replica!(replicated: "replicated", session_suite);
single_replica!(central: "central", session_suite);
single_replica!(token: "token", token_suite);
