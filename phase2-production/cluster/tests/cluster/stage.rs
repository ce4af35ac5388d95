//! One cluster for each design, which the tests that break things share, one at a time.
//!
//! A cluster takes seconds to start, and a fault that is mended leaves nothing behind but
//! files of people whom nobody meets again: every test brings people of its own. Whatever
//! a test has broken and not mended, the next one finds mended.

mod connections;
mod leftovers;
mod record;
mod scene;
mod trial;

use cluster::Design;
pub(crate) use connections::Watch;
pub(crate) use record::Run;
pub(crate) use scene::Scene;
use std::sync::{LazyLock, Mutex, PoisonError};
use tokio::runtime::Runtime;
pub(crate) use trial::{Trial, logged_in};

/// The clusters outlive the test that started them, so their tasks must outlive its runtime.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("a runtime for the clusters"));

static SCENES: [Mutex<Option<Scene>>; 5] = [const { Mutex::new(None) }; 5];

/// The five designs, in the order of the concept page.
pub(crate) const DESIGNS: [Design; 5] =
    [Design::Memory, Design::Sticky, Design::Replicated, Design::Central, Design::Token];

/// Plays a test on the cluster of its design, with everything up.
pub(crate) fn on_stage(
    design: Design,
    play: impl AsyncFnOnce(&Scene) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let at = DESIGNS.iter().position(|known| *known == design).expect("one of the five");
    let mut slot = SCENES[at].lock().unwrap_or_else(PoisonError::into_inner);
    RUNTIME.block_on(async {
        if slot.is_none() {
            *slot = Some(Scene::start(design).await?);
        }
        let scene = slot.as_ref().expect("it was started");
        scene.mend().await?;
        scene.keep_what_fails(play).await
    })
}

/// Runs a test that has a cluster of its own.
pub(crate) fn alone<T>(
    play: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    RUNTIME.block_on(play)
}
