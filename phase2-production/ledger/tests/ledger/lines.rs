//! The file: its first line says how to run it again, and nothing is lost in it.

use crate::story::{Story, sha};
use ledger::History;
use ledger::entry::Ended;

#[test]
fn a_history_is_read_as_it_was_written() {
    let story = Story::new()
        .log_in(0, "u0-1")
        .upload(0, "u0-1", "f1")
        .try_to_upload(1, "u1-1", Ended::Unknown)
        .delete(0, "f1", Ended::Ok)
        .listed(0, &[("f1", "u0-1", &sha("u0-1"))])
        .read(0, "f1", &sha("u0-1"), "alice")
        .uses(0, "u0-1", Ended::Fail)
        .refused(401, "session-unknown")
        .log_out(0, "u0-1", Ended::Ok)
        .fault("redis", 3, 5)
        .left("bytes without a row", 0);
    let mut history = story.history();
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
fn what_is_no_history_is_refused() {
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
