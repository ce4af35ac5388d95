//! The speed at which an upload becomes a durable file.
//!
//! `cargo bench -p benches --bench upload`
//!
//! Hashing alone, and then all that a server does between the last byte that it reads and
//! its 201: hash, write, and wait until the disk has it. The folder is a temporary one; where
//! that is memory (tmpfs), waiting for the disk costs nothing. `TMPDIR` names another one.

use anyhow::Context;
use benches::at_full_size;
use blobs::{Blobs, BlobsConfig};
use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use futures_util::stream::{self, Stream};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use upload_domain::display_name::DisplayName;
use upload_domain::file_store::FileStore;
use upload_domain::hex::hex;
use upload_domain::incoming::NewFile;
use upload_domain::username::Username;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Sizes of uploads in bytes; a run that measures nothing leaves out the last.
const SIZES: [usize; 3] = [KIB, MIB, 64 * MIB];

/// Bytes of one chunk.
const CHUNK: usize = 64 * KIB;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn main() -> ExitCode {
    benches::begin(env!("CARGO_CRATE_NAME"));
    let runtime = Runtime::new().expect("a runtime can be started");
    http_edge::program::exit_code(measure(&runtime))
}

fn measure(runtime: &Runtime) -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = tempfile::tempdir()?;
    println!("files: in {}", folder.path().display());
    let mut group = criterion.benchmark_group("upload");
    for size in &SIZES[..at_full_size(SIZES.len(), SIZES.len() - 1)] {
        let slow = *size > MIB;
        group.sample_size(if slow { 10 } else { 50 });
        group.throughput(Throughput::Bytes(*size as u64));
        hashing(&mut group, *size);
        phase_1(&mut group, runtime, *size, &folder.path().join("phase-1"))?;
        phase_2(&mut group, runtime, *size, &folder.path().join("phase-2"))?;
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// The upload in chunks, as it arrives.
fn hashing(group: &mut Group<'_>, size: usize) {
    let chunk = vec![b'x'; CHUNK];
    group.bench_function(BenchmarkId::new("sha256", size), |bencher| {
        bencher.iter(|| {
            let mut hash = Sha256::new();
            pieces(size).for_each(|length| hash.update(&chunk[..length]));
            black_box(hex(&hash.finalize()))
        });
    });
}

/// The work of both servers of Phase 1: a folder with the content and its description, which
/// one rename makes visible.
fn phase_1(
    group: &mut Group<'_>,
    runtime: &Runtime,
    size: usize,
    folder: &Path,
) -> anyhow::Result<()> {
    let store = FileStore::open(folder)?;
    let owner = Username::parse("alice").context("five letters")?;
    group.bench_function(BenchmarkId::new("file-phase-1", size), |bencher| {
        bencher.iter_custom(|times| {
            runtime.block_on(one_by_one(times, async |_| {
                let new = NewFile {
                    owner: owner.clone(),
                    name: DisplayName::from_client("large.bin"),
                    content_type: "application/octet-stream".to_owned(),
                    key: None,
                    limit: size as u64,
                };
                let began = Instant::now();
                let staged = store.stage(new, body(size)).await.expect("there is room");
                let published = staged.publish().await.expect("there is room");
                let took = began.elapsed();
                assert_eq!(published.meta.size, size as u64);
                let id = published.meta.file_id;
                store.delete(&owner, id).await.expect("it is there");
                took
            }))
        });
    });
    Ok(())
}

/// The work of the server of Phase 2 with a folder, without the row in the database.
fn phase_2(
    group: &mut Group<'_>,
    runtime: &Runtime,
    size: usize,
    folder: &Path,
) -> anyhow::Result<()> {
    let config = BlobsConfig::Local(folder.to_owned());
    let blobs = runtime.block_on(Blobs::open(config))?;
    group.bench_function(BenchmarkId::new("file-phase-2", size), |bencher| {
        bencher.iter_custom(|times| {
            runtime.block_on(one_by_one(times, async |number| {
                let key = format!("files/main/{number}");
                let began = Instant::now();
                let put = blobs.put(&key, body(size), size as u64).await;
                let took = began.elapsed();
                assert_eq!(put.expect("there is room").size, size as u64);
                blobs.delete(&key).await.expect("it is there");
                took
            }))
        });
    });
    Ok(())
}

/// The time of the uploads. Each file is removed before the next upload; the removal does not
/// count.
async fn one_by_one(times: u64, upload: impl AsyncFn(u64) -> Duration) -> Duration {
    let mut took = Duration::ZERO;
    for number in 0..times {
        took += upload(number).await;
    }
    took
}

/// An upload as a stream of its chunks.
fn body(size: usize) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin {
    static CONTENT: [u8; CHUNK] = [b'x'; CHUNK];
    stream::iter(pieces(size).map(|length| Ok(Bytes::from_static(&CONTENT[..length]))))
}

/// The lengths of the chunks.
fn pieces(size: usize) -> impl Iterator<Item = usize> {
    let whole = std::iter::repeat_n(CHUNK, size / CHUNK);
    whole.chain(Some(size % CHUNK).filter(|rest| *rest > 0))
}
