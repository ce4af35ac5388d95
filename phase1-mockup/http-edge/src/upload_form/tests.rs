//! Bodies as they come from the network: all at once, or not to their end.

use super::*;
use axum::http::Request;
use bytes::Bytes;
use futures_util::stream;
use std::io;

const HEAD: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"; \
     filename=\"a\"\r\n\r\n";
const END: &str = "\r\n--x--\r\n";

/// What the server reads from a connection at once, in bytes.
const FRAME: usize = 256 * 1024;

async fn form(frames: Vec<io::Result<Bytes>>, largest: u64) -> FormParts {
    let request = Request::post("/")
        .header(CONTENT_TYPE, "multipart/form-data; boundary=x")
        .body(Body::from_stream(stream::iter(frames)))
        .unwrap();
    let form = UploadForm::from_request(request, &()).await.unwrap();
    form.open(largest).unwrap()
}

#[tokio::test]
async fn a_file_whose_frames_are_all_there_at_once_is_read_to_its_end() {
    let whole = [HEAD.as_bytes(), &[b'a'; 16 * FRAME], END.as_bytes()].concat();
    let frames = whole.chunks(FRAME).map(|frame| Ok(Bytes::copy_from_slice(frame)));
    let mut parts = form(frames.collect(), 16 * FRAME as u64).await;
    let mut file = parts.file().await.expect("it is no longer than it may be");
    let mut came = 0;
    while let Some(chunk) = file.chunk().await.expect("all of it is there") {
        came += chunk.len();
    }
    drop(file);
    assert_eq!(came, 16 * FRAME);
    parts.finish().await.expect("it has an end");
}

/// A connection that was fast once is read in long pieces.
#[tokio::test]
async fn a_file_that_comes_in_one_long_frame_with_its_head_is_read_to_its_end() {
    let size = 2 * usize::try_from(OVERHEAD).unwrap();
    let whole = [HEAD.as_bytes(), &vec![b'a'; size], END.as_bytes()].concat();
    let mut parts = form(vec![Ok(Bytes::from(whole))], size as u64).await;
    let mut file = parts.file().await.expect("it is no longer than it may be");
    let mut came = 0;
    while let Some(chunk) = file.chunk().await.expect("all of it is there") {
        came += chunk.len();
    }
    drop(file);
    assert_eq!(came, size);
    parts.finish().await.expect("it has an end");
}

#[tokio::test]
async fn what_comes_before_the_file_is_bounded_also_in_one_long_frame() {
    let filler = "f".repeat(usize::try_from(OVERHEAD).unwrap());
    let whole = format!(
        "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n{filler}\r\n\
         {HEAD}all of it{END}"
    );
    let mut parts = form(vec![Ok(Bytes::from(whole))], 1_000_000).await;
    assert!(parts.file().await.is_err(), "more came before the file than may");
}

#[tokio::test]
async fn a_body_that_breaks_off_behind_the_last_boundary_is_broken() {
    for broken in [true, false] {
        let mut frames = vec![Ok(Bytes::from(format!("{HEAD}all of it{END}")))];
        frames.push(Ok(Bytes::from_static(b"what may follow a form")));
        if broken {
            frames.push(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut parts = form(frames, 1_000).await;
        let mut file = parts.file().await.expect("it has a file");
        while file.chunk().await.expect("all of it is there").is_some() {}
        drop(file);
        assert_eq!(parts.finish().await.is_err(), broken);
    }
}
