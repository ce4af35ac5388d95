//! One shared cluster for each design, which the fault tests use one at a time.
//!
//! A cluster takes seconds to start. After a repaired fault it has only the files of accounts
//! that no other test uses, because every test has its own accounts. Before each test, all
//! processes that are down or paused are restored.

mod connections;
mod orphans;
mod record;
mod test_cluster;
mod trial;

pub(crate) use connections::ConnectionCounter;
use launcher::Design;
pub(crate) use record::Run;
use std::sync::{LazyLock, Mutex, PoisonError};
pub(crate) use test_cluster::TestCluster;
use tokio::runtime::Runtime;
pub(crate) use trial::{Trial, logged_in};

/// The runtime of the shared clusters, which must outlive the runtime of a single test.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("a runtime for the clusters"));

static CLUSTERS: [Mutex<Option<TestCluster>>; 5] = [const { Mutex::new(None) }; 5];

/// The five designs, in the order of the concept page.
pub(crate) const DESIGNS: [Design; 5] =
    [Design::Memory, Design::Sticky, Design::Replicated, Design::Central, Design::Token];

/// Runs a test on the shared cluster of its design, after all its processes are up.
pub(crate) fn with_shared_cluster(
    design: Design,
    test: impl AsyncFnOnce(&TestCluster) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let at = DESIGNS.iter().position(|known| *known == design).expect("one of the five");
    let mut slot = CLUSTERS[at].lock().unwrap_or_else(PoisonError::into_inner);
    RUNTIME.block_on(async {
        if slot.is_none() {
            *slot = Some(TestCluster::start(design).await?);
        }
        let fixture = slot.as_ref().expect("it was started above");
        fixture.restore().await?;
        fixture.keep_history_on_failure(test).await
    })
}

/// Runs a test that starts its own cluster.
pub(crate) fn in_runtime<T>(
    test: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    RUNTIME.block_on(test)
}
