//! Bodies in one frame, in many, and incomplete ones.

use super::*;
use axum::http::Request;
use bytes::Bytes;
use futures_util::stream;
use std::io;

const HEAD: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"; \
     filename=\"a\"\r\n\r\n";
const END: &str = "\r\n--x--\r\n";

/// Bytes that the server reads from a connection at once.
const FRAME: usize = 256 * 1024;

async fn form(frames: Vec<io::Result<Bytes>>, max_size: u64) -> FormParts {
    let request = Request::post("/")
        .header(CONTENT_TYPE, "multipart/form-data; boundary=x")
        .body(Body::from_stream(stream::iter(frames)))
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
    while let Some(chunk) = file.chunk().await.expect("the file is complete") {
        received += chunk.len();
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
    while let Some(chunk) = file.chunk().await.expect("the file is complete") {
        received += chunk.len();
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
        while file.chunk().await.expect("the file is complete").is_some() {}
        drop(file);
        assert_eq!(parts.finish().await.is_err(), incomplete);
    }
}
