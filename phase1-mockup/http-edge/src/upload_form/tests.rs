//! Bodies in one frame, in many, incomplete ones, and one that stalls.

use super::*;
use crate::min_rate_body::MinRateBody;
use axum::http::Request;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::CONNECTION;
use std::io;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const HEAD: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"; \
     filename=\"a\"\r\n\r\n";
const END: &str = "\r\n--x--\r\n";

/// Bytes that the server reads from a connection at once.
const FRAME: usize = 256 * 1024;

async fn form(frames: Vec<io::Result<Bytes>>, max_size: u64) -> FormParts {
    form_of(Body::from_stream(stream::iter(frames)), max_size).await
}

async fn form_of(body: Body, max_size: u64) -> FormParts {
    let request = Request::post("/")
        .header(CONTENT_TYPE, "multipart/form-data; boundary=x")
        .body(body)
        .unwrap();
    let form = UploadForm::from_request(request, &()).await.unwrap();
    form.open(max_size).unwrap()
}

#[tokio::test]
async fn file_with_all_frames_buffered_is_read_completely() {
    let whole = [HEAD.as_bytes(), &[b'a'; 16 * FRAME], END.as_bytes()].concat();
    let frames = whole.chunks(FRAME).map(|frame| Ok(Bytes::copy_from_slice(frame)));
    let mut parts = form(frames.collect(), 16 * FRAME as u64).await;
    let mut file = parts.file().await.expect("it is within the limit");
    let mut received = 0;
    while let Some(chunk) = file.next().await {
        received += chunk.expect("the file is complete").len();
    }
    drop(file);
    assert_eq!(received, 16 * FRAME);
    parts.finish().await.expect("the form is complete");
}

/// The server reads long frames from a fast connection.
#[tokio::test]
async fn file_in_one_long_frame_is_read_completely() {
    let size = 2 * usize::try_from(MAX_OVERHEAD).unwrap();
    let whole = [HEAD.as_bytes(), &vec![b'a'; size], END.as_bytes()].concat();
    let mut parts = form(vec![Ok(Bytes::from(whole))], size as u64).await;
    let mut file = parts.file().await.expect("it is within the limit");
    let mut received = 0;
    while let Some(chunk) = file.next().await {
        received += chunk.expect("the file is complete").len();
    }
    drop(file);
    assert_eq!(received, size);
    parts.finish().await.expect("the form is complete");
}

#[tokio::test]
async fn parts_before_file_are_limited_in_one_frame() {
    let filler = "f".repeat(usize::try_from(MAX_OVERHEAD).unwrap());
    let whole = format!(
        "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n{filler}\r\n\
         {HEAD}all of it{END}"
    );
    let mut parts = form(vec![Ok(Bytes::from(whole))], 1_000_000).await;
    assert!(parts.file().await.is_err(), "the part before the file exceeds the limit");
}

#[tokio::test]
async fn incomplete_body_after_last_boundary_is_malformed() {
    for incomplete in [true, false] {
        let mut frames = vec![Ok(Bytes::from(format!("{HEAD}all of it{END}")))];
        frames.push(Ok(Bytes::from_static(b"an epilogue")));
        if incomplete {
            frames.push(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut parts = form(frames, 1_000).await;
        let mut file = parts.file().await.expect("it has a file");
        while let Some(chunk) = file.next().await {
            chunk.expect("the file is complete");
        }
        drop(file);
        assert_eq!(parts.finish().await.is_err(), incomplete);
    }
}

/// The parser searches all that it keeps after each chunk.
#[tokio::test]
async fn number_of_chunks_outside_file_is_limited() {
    for begun in ["", "--x\r\nX: "] {
        let read = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&read);
        let bytes = begun.bytes().chain(iter::repeat_n(b'a', 100_000));
        let chunks = bytes.map(move |byte| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, io::Error>(Bytes::from(vec![byte]))
        });
        let mut parts = form_of(Body::from_stream(stream::iter(chunks)), 1_000).await;
        let refused = parts.file().await.expect_err("it has too many chunks");
        assert_eq!(refused.kind(), ProblemKind::UploadTooLarge, "{begun:?}");
        assert!(read.load(Ordering::Relaxed) < 1_100, "{begun:?}: {read:?} chunks");
    }
}

/// Short TCP segments before the file, and as short ones as possible in a file.
#[tokio::test]
async fn honest_form_in_short_chunks_is_read() {
    let field = |at: usize| {
        format!("--x\r\nContent-Disposition: form-data; name=\"f{at}\"\r\n\r\nx\r\n")
    };
    let fields: String = (1..MAX_PARTS).map(field).collect();
    for (before, length) in [(fields.as_str(), 10), ("", 1)] {
        let whole = format!("{before}{HEAD}{}{END}", "a".repeat(3_000));
        let chunks = whole.as_bytes().chunks(length);
        let chunks = chunks.map(|chunk| Ok(Bytes::copy_from_slice(chunk)));
        let mut parts = form(chunks.collect(), 3_000).await;
        let mut file = parts.file().await.expect("it is within the limit");
        let mut received = 0;
        while let Some(chunk) = file.next().await {
            received += chunk.expect("the file is complete").len();
        }
        drop(file);
        assert_eq!(received, 3_000);
        parts.finish().await.expect("the form is complete");
    }
}

#[tokio::test(start_paused = true)]
async fn stalled_form_returns_408_and_closes() {
    for begun in ["--x\r\nContent-", HEAD] {
        let begun = Bytes::from_static(begun.as_bytes());
        let begun = stream::iter([Ok::<_, io::Error>(begun)]);
        let body = Body::from_stream(begun.chain(stream::pending()));
        let mut parts = form_of(Body::new(MinRateBody::new(body)), 1_000).await;
        let refused = parts.file().await.expect_err("no more arrives");
        let reply = refused.into_named_response("request-1");
        assert_eq!(reply.status(), 408);
        assert_eq!(reply.headers()[CONNECTION], "close");
    }
}
