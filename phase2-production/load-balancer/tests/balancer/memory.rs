//! Bodies are streamed: 100 MB each way do not grow the balancer's memory, even with a slow
//! reader.

use crate::fixture::TestBalancer;
use crate::scripted::{OK, Scripted};
use crate::wire::Wire;
use std::process::Command;
use std::time::Duration;
use tokio::io::AsyncReadExt;

const SIZE: usize = 100 * 1024 * 1024;
static PART: [u8; 64 * 1024] = [b'x'; 64 * 1024];
const MAX_GROWTH_KB: u64 = 16 * 1024;

/// Runs the measurement in its own process, because the other tests use memory in this one.
#[test]
fn streaming_100_mb_each_way_does_not_grow_memory() {
    let measured = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "memory::measured_alone"])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&measured.stdout);
    assert!(measured.status.success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
}

#[tokio::test]
#[ignore = "run in its own process by the test above"]
async fn measured_alone() {
    let backend = slow_backend().await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    let up = growth(async {
        let mut client = Wire::connect(balancer.address).await;
        let length = format!("Content-Length: {SIZE}");
        client.send_head(&["POST /up HTTP/1.1", "Host: x", &length]).await;
        write_all(&mut client).await;
        assert!(client.read_head().await);
        assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
    })
    .await;
    let down = growth(async {
        let mut client = Wire::connect(balancer.address).await;
        client.send_head(&["GET /down HTTP/1.1", "Host: x"]).await;
        assert!(client.read_head().await);
        read_slowly(&mut client).await;
    })
    .await;
    println!("grew by {up} KiB up, {down} KiB down");
    assert!(up < MAX_GROWTH_KB && down < MAX_GROWTH_KB, "{up} up, {down} down");
}

/// Reads an upload slowly, and answers any other request with a download.
async fn slow_backend() -> Scripted {
    Scripted::start(|mut wire, _| async move {
        if wire.length() == Some(SIZE) {
            read_slowly(&mut wire).await;
            wire.send(OK).await;
        } else {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
            wire.send(head.as_bytes()).await;
            write_all(&mut wire).await;
        }
    })
    .await
}

async fn write_all(wire: &mut Wire) {
    for _ in 0..SIZE / PART.len() {
        wire.send(&PART).await;
    }
}

/// Reads nothing at first, so that all buffers on the way fill up, then everything.
async fn read_slowly(wire: &mut Wire) {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut part = PART;
    for read in 0..SIZE / PART.len() {
        wire.stream.read_exact(&mut part).await.unwrap();
        if read % 64 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The growth of this process's peak memory during `work`, in KiB.
async fn growth(work: impl Future<Output = ()>) -> u64 {
    // Resets the peak to the current resident memory (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = peak_kb();
    work.await;
    // The kernel's count is approximate, and can be a little lower than before.
    peak_kb().saturating_sub(before)
}

fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
