//! Bodies stream: 100 MB through a balancer leaves its process as it was, however slow
//! the reader.

use crate::rig::Rig;
use crate::scripted::{OK, Scripted};
use crate::wire::Wire;
use std::process::Command;
use std::time::Duration;
use tokio::io::AsyncReadExt;

const SIZE: usize = 100 * 1024 * 1024;
static PART: [u8; 64 * 1024] = [b'x'; 64 * 1024];
const MAX_GROWTH_KB: u64 = 16 * 1024;

/// Memory is the whole process's, and the other tests live in this one.
#[test]
fn a_hundred_megabytes_each_way_leave_the_memory_as_it_was() {
    let measured = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "memory::measured_alone"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&measured.stdout);
    assert!(measured.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "run alone, in a process of its own, by the test above"]
async fn measured_alone() {
    let backend = slow_backend().await;
    let rig = Rig::start(&[], &[("r1", backend.address)]).await;
    let up = growth(async {
        let mut client = Wire::connect(rig.address).await;
        let length = format!("Content-Length: {SIZE}");
        client.send_head(&["POST /up HTTP/1.1", "Host: x", &length]).await;
        write_all(&mut client).await;
        assert!(client.read_head().await);
        assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
    })
    .await;
    let down = growth(async {
        let mut client = Wire::connect(rig.address).await;
        client.send_head(&["GET /down HTTP/1.1", "Host: x"]).await;
        assert!(client.read_head().await);
        read_slowly(&mut client).await;
    })
    .await;
    println!("grew by {up} KiB up, {down} KiB down");
    assert!(up < MAX_GROWTH_KB && down < MAX_GROWTH_KB, "{up} up, {down} down");
}

/// Takes the upload slowly, and answers anything else with a download.
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

/// Reads nothing for a while, so that all buffers on the way fill up, then all of it.
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

/// How far the peak of this process's memory rose above where it was, in KiB.
async fn growth(work: impl Future<Output = ()>) -> u64 {
    // Sets the peak to what is resident now (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = peak_kb();
    work.await;
    peak_kb() - before
}

fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
