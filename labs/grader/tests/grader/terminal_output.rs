//! A program's output cannot clear the screen, move the cursor or imitate a result, in
//! any format.

use crate::fixture::{CORRECT, Work, assignment_of_one_check};
use grader::format::{
    Colour, Submission, annotations, classroom50, exercism, gradescope, junit, shielded,
    summary, terminal, terminal_brief,
};
use grader::{
    CheckContext, CheckError, CheckResult, Outcome, Record, Suite, grade, suite,
};
use serde_json::Value;

const ECHOES_THE_REPLY: Suite = suite!("x-01-double": it_is_doubled);

/// A Rust literal: clear screen, carriage return, line feeds, a forged result, and a
/// right-to-left override.
const FORGED: &str =
    r"\u{1b}[2J\r\npass: 5 of 5 points, 0.1 s\r\n\u{9b}2J\u{202e}\u{2028}";

/// A check that puts the program's reply into every text of a result.
async fn it_is_doubled(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let reply = ctx.get(&server.url(), "/7").send().await?.text();
    ctx.note(format!("  looked into Redis: {reply}"));
    let many = reply.repeat(500);
    Err(CheckError::failed(format!("not {reply}"), many, format!("see {reply}")))
}

async fn failed() -> Record {
    let print = format!("println!(\"{FORGED}\"); eprintln!(\"{FORGED}\");");
    let answer = CORRECT.replace("before() {}", &format!("before() {{ {print} }}"));
    let answer = answer.replace(
        "(number.parse",
        &format!(
            "return \"{FORGED}\".into();\n#[allow(unreachable_code)]\n(number.parse"
        ),
    );
    let work = Work::with(&answer);
    let record = grade(assignment_of_one_check(work.path(), ECHOES_THE_REPLY)).await;
    assert_eq!(record.outcome, Outcome::Fail, "{record:#?}");
    record
}

async fn refused() -> Record {
    let source = format!("{CORRECT}\ncompile_error!(\"{FORGED}\\n\\n{FORGED}\");");
    let record = Work::with(&source).graded().await;
    assert_eq!(record.outcome, Outcome::Fail, "{record:#?}");
    assert!(record.message.contains("pass: 5 of 5 points"), "precondition of this test");
    record
}

/// All strings in a JSON value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn is_harmless(format: &str, text: &str) {
    let harmful =
        |c: char| c.is_control() && c != '\n' || ['\u{202e}', '\u{2028}'].contains(&c);
    let found = text.chars().find(|c| harmful(*c));
    assert_eq!(found, None, "{format}: {text:?}");
}

#[tokio::test]
async fn no_format_passes_on_control_characters() {
    for record in [failed().await, refused().await] {
        let shown = terminal(&record, Colour::No);
        is_harmless("terminal", &shown);
        is_harmless("terminal at work", &terminal_brief(&record, Colour::No));
        let notes = annotations(std::slice::from_ref(&record));
        is_harmless("github", &(shielded(&shown, 1) + &notes));
        is_harmless("summary", &summary(std::slice::from_ref(&record)));
        is_harmless("junit", &junit(std::slice::from_ref(&record)).unwrap());
        let values = [
            ("json", serde_json::to_value(&record).unwrap()),
            ("classroom50", classroom50(&record, &Submission::default())),
            ("gradescope", gradescope(&record)),
            ("exercism", exercism(&record)),
        ];
        for (format, value) in values {
            texts(&value).iter().for_each(|text| is_harmless(format, text));
        }
    }
}

#[tokio::test]
async fn program_output_cannot_imitate_the_result_line() {
    for record in [failed().await, refused().await] {
        for shown in [terminal(&record, Colour::No), terminal_brief(&record, Colour::No)]
        {
            let forged = shown.lines().find(|line| line.starts_with("pass:"));
            assert_eq!(forged, None, "{shown}");
            let last = shown.lines().last().unwrap();
            assert!(last.starts_with("fail: 0 of "), "{shown}");
        }
    }
}

#[tokio::test]
async fn program_output_is_cut_and_stays_on_one_line() {
    let record = failed().await;
    let check = &record.checks[0];
    let said = [&check.expected, &check.actual, &check.help];
    for line in said.into_iter().chain(&check.transcript) {
        assert!(!line.contains('\n') && line.chars().count() <= 1001, "{line}");
    }
    assert!(check.expected.starts_with("not  [2J"), "{}", check.expected);
    assert!(check.actual.ends_with('…'), "{}", check.actual);
}
