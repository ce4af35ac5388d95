//! An upload that is cut at a random point goes on at another replica, and what arrives is
//! what was sent.

use crate::stage::{DESIGNS, Scene, logged_in, on_stage};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use cluster::Design;
use cluster::orders::Order;
use fault_proxy::{Direction, FaultProxy, Toxic};
use ledger::content::Content;
use ledger::entry::{Ended, Said};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// Some of the pieces that the server keeps at a time (1 MiB).
const SIZE: usize = 6_000_000;
const SEED: u64 = 11;

/// How long the other replica may take to know how much is there.
const PATIENCE: Duration = Duration::from_secs(20);

fn cut_after(bytes: u64, proxy: &FaultProxy) {
    // What the server has not read when the connection is reset is lost to it.
    proxy.add(Direction::ToServer, Toxic::Bandwidth { bytes_per_second: 6_000_000 });
    proxy.add(Direction::ToServer, Toxic::LimitData { bytes });
}

/// The connection ends after a random number of bytes and its replica is killed; another
/// one says how much is there, and takes the rest.
async fn cut_and_go_on(scene: &Scene, seed: u64) -> anyhow::Result<()> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let trial = scene.trial("an_upload_that_is_cut", seed, 1);
    let doors = scene.doors().await?;
    let target = doors[0].trim_start_matches("http://");
    let proxy = FaultProxy::start(target.parse()?, seed).await?;
    let mut before = trial.person(0, &format!("http://{}", proxy.address()));
    let held = logged_in(&mut before).await?;
    let content = Content::new(0, &before.account.username, 1, SIZE, &mut dice);
    let pieces = before.begin_pieces(&held, content.clone()).await.1;
    let pieces = pieces.context("the upload begins")?;
    let cut_at = dice.random_range(SIZE / 2..SIZE * 19 / 20);
    cut_after(cut_at as u64, &proxy);
    let (came, _) = before.send_piece(&held, &pieces, 0, SIZE).await;
    ensure!(came.ended == Ended::Unknown, "it was not cut: {came:?}");
    let mut after = before.at(&doors[1]);
    let held = match scene.design {
        // Uploads are files' business: she logs in again and goes on all the same.
        Design::Memory | Design::Sticky => logged_in(&mut after).await?,
        _ => held,
    };
    let some = async || {
        let offset = after.ask_offset(&held, &pieces).await.1.offset;
        anyhow::Ok(offset.filter(|offset| *offset > 0))
    };
    eventually(PATIENCE, "some bytes are kept", &some).await?;
    scene.order("r1", Order::Kill).await?;
    let offset = eventually(PATIENCE, "the offset", &some).await?;
    ensure!(offset <= cut_at, "{offset} of at most {cut_at} bytes are there");
    let (came, standing) = after.send_piece(&held, &pieces, offset, SIZE).await;
    ensure!(came.ended == Ended::Ok, "the rest was refused: {came:?}");
    after.download(&held, &standing.file.context("it has become a file")?).await;
    let back = trial.recorder.history().entries.pop().context("it was read")?;
    let Said::Bytes { sha256, .. } = back.said else {
        anyhow::bail!("it cannot be read: {back:?}");
    };
    ensure!(sha256 == content.sha256, "seed {seed}: other bytes came back");
    println!("{:?}: cut at {cut_at}, went on from {offset} of {SIZE}", scene.design);
    Ok(())
}

#[test]
fn an_upload_that_is_cut_goes_on_at_another_replica_in_every_design() -> anyhow::Result<()>
{
    for (at, design) in DESIGNS.into_iter().enumerate() {
        on_stage(design, async |scene| cut_and_go_on(scene, SEED + at as u64).await)?;
    }
    Ok(())
}
