//! The file format of histories.

use crate::builder::{HistoryBuilder, sha};
use workload::History;
use workload::entry::OperationOutcome;

#[test]
fn history_roundtrips_through_its_file() {
    let builder = HistoryBuilder::new()
        .log_in(0, "u0-1")
        .upload(0, "u0-1", "f1")
        .upload_with_outcome(1, "u1-1", OperationOutcome::Info)
        .delete(0, "f1", OperationOutcome::Ok)
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", &sha("u0-1"), "alice")
        .view_session(0, "u0-1", OperationOutcome::Fail)
        .refused(401, "session-unknown")
        .log_out(0, "u0-1", OperationOutcome::Ok)
        .fault("redis", 3, 5)
        .orphans("bytes without a row", 0);
    let mut history = builder.history();
    history.header = history.header.with("kills", &10);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    history.write(&path).unwrap();
    assert_eq!(History::read(&path).unwrap(), history);
    let text = std::fs::read_to_string(&path).unwrap();
    let first = text.lines().next().unwrap();
    assert!(
        first.contains(r#""seed":7"#) && first.contains(r#""kills":"10""#),
        "{first}"
    );
    json_schemas::assert_valid(&serde_json::from_str(first).unwrap());
    let each_is_json = |line| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert!(text.lines().all(each_is_json));
}

#[test]
fn invalid_history_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    for text in [
        "",
        "{}",
        r#"{"schema":"lab-history","version":99,"program_version":"1","seed":1,"users":[],"parameters":{}}"#,
    ] {
        std::fs::write(&path, text).unwrap();
        assert!(History::read(&path).is_err(), "{text}");
    }
}
