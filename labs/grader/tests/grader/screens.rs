//! A program writes what would clear a screen, move a cursor, or look like a verdict,
//! wherever its words come into a result. No format passes it on.

use crate::fixture::{RIGHT, Work, assignment_of_one_check};
use grader::format::{
    Colour, Submission, annotations, at_work, classroom50, exercism, gradescope, junit,
    shielded, summary, terminal,
};
use grader::{Exam, Outcome, Record, Stop, Suite, Verdict, grade, suite};
use serde_json::Value;

const TELLS: Suite = suite!("x-01-double": it_is_doubled);

/// As a Rust literal: clear the screen, return, new lines, another verdict, and writing
/// from the right.
const FORGED: &str =
    r"\u{1b}[2J\r\npass: 5 of 5 points, 0.1 s\r\n\u{9b}2J\u{202e}\u{2028}";

/// Says what came in every place in which a check can.
async fn it_is_doubled(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let came = exam.get(&server.url(), "/7").send().await?.text();
    exam.say(format!("  looked into Redis: {came}"));
    let many = came.repeat(500);
    Err(Stop::failed(format!("not {came}"), many, format!("see {came}")))
}

async fn failed() -> Record {
    let print = format!("println!(\"{FORGED}\"); eprintln!(\"{FORGED}\");");
    let answer = RIGHT.replace("before() {}", &format!("before() {{ {print} }}"));
    let answer = answer.replace(
        "(number.parse",
        &format!(
            "return \"{FORGED}\".into();\n#[allow(unreachable_code)]\n(number.parse"
        ),
    );
    let work = Work::with(&answer);
    let record = grade(assignment_of_one_check(work.path(), TELLS)).await;
    assert_eq!(record.verdict, Verdict::Fail, "{record:#?}");
    record
}

async fn refused() -> Record {
    let source = format!("{RIGHT}\ncompile_error!(\"{FORGED}\\n\\n{FORGED}\");");
    let record = Work::with(&source).graded().await;
    assert_eq!(record.verdict, Verdict::Fail, "{record:#?}");
    assert!(record.message.contains("pass: 5 of 5 points"), "or this shows nothing");
    record
}

/// Every text that a format is made of.
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
async fn nothing_that_a_terminal_obeys_gets_into_any_format() {
    for record in [failed().await, refused().await] {
        let shown = terminal(&record, Colour::No);
        is_harmless("terminal", &shown);
        is_harmless("terminal at work", &at_work(&record, Colour::No));
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
async fn no_line_of_a_program_looks_like_a_verdict() {
    for record in [failed().await, refused().await] {
        for shown in [terminal(&record, Colour::No), at_work(&record, Colour::No)] {
            let forged = shown.lines().find(|line| line.starts_with("pass:"));
            assert_eq!(forged, None, "{shown}");
            let last = shown.lines().last().unwrap();
            assert!(last.starts_with("fail: 0 of "), "{shown}");
        }
    }
}

#[tokio::test]
async fn what_a_program_says_is_cut_and_stays_where_it_belongs() {
    let record = failed().await;
    let check = &record.checks[0];
    let said = [&check.expected, &check.actual, &check.help];
    for line in said.into_iter().chain(&check.transcript) {
        assert!(!line.contains('\n') && line.chars().count() <= 1001, "{line}");
    }
    assert!(check.expected.starts_with("not  [2J"), "{}", check.expected);
    assert!(check.actual.ends_with('…'), "{}", check.actual);
}
