//! The result of a grading, in each format.

use super::{Form, GradeArgs, Runner};
use crate::commands::usage;
use crate::screen::{print, remark};
use anyhow::{Context, anyhow};
use console::Term;
use grader::Record;
use grader::format::{self, Colour, Submission};
use grader::record::{SCHEMA, VERSION};
use outcome::{Document, Outcome};
use serde_json::json;
use std::fs;
use std::path::Path;

/// The error for several exercises or submissions in a format for one.
pub(super) const ONLY_ONE: &str = "this format holds one exercise of one submission: name the exercise, and give the \
     submission with --in";

/// Writes the result to its place in its format.
pub(super) fn show(
    args: &GradeArgs,
    form: Form,
    records: &[Record],
) -> anyhow::Result<()> {
    let broken = records.iter().find(|record| record.outcome == Outcome::HarnessError);
    if let (Some(broken), true) = (broken, form.is_for_marks()) {
        // These formats cannot express a harness error. The missing file does.
        remark(format::terminal(broken, Colour::No).trim_end());
        return Ok(());
    }
    let text = rendered(args, form, records)?;
    match &args.out {
        None => print(text),
        Some(file) => {
            print(for_terminal(args, records));
            write(file, &text)?;
        }
    }
    let summary = args.runner.summary.as_ref();
    if let (Form::Github, Some(file)) =
        (form, summary.filter(|file| !file.as_os_str().is_empty()))
    {
        use std::io::Write;
        let file = fs::File::options().create(true).append(true).open(file);
        let mut file = file.context("cannot write the summary of the job")?;
        file.write_all(format::summary(records).as_bytes())?;
    }
    Ok(())
}

fn rendered(args: &GradeArgs, form: Form, records: &[Record]) -> anyhow::Result<String> {
    let json = |value: serde_json::Value| Ok(format!("{value:#}\n"));
    match form {
        Form::Terminal => Ok(for_terminal(args, records)),
        Form::Json => document(records),
        Form::Junit => format::junit(records),
        Form::Github => {
            let token = rand::random();
            let shown = format::shielded(&for_terminal(args, records), token);
            Ok(shown + &format::annotations(records))
        }
        Form::Classroom50 => json(format::classroom50(only(records)?, &submission(args))),
        Form::Gradescope => json(format::gradescope(only(records)?)),
        Form::Exercism => json(format::exercism(only(records)?)),
    }
}

/// The record of a format for one submission.
fn only(records: &[Record]) -> anyhow::Result<&Record> {
    let [record] = records else {
        return Err(usage(anyhow!("{ONLY_ONE}")));
    };
    Ok(record)
}

/// The JSON document of `lab grade` and `lab run`.
pub(crate) fn document(records: &[Record]) -> anyhow::Result<String> {
    let document = Document::new(SCHEMA, VERSION, json!({ "records": records }));
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

fn submission(args: &GradeArgs) -> Submission {
    let Runner { classroom, assignment, tag, commit, release, review, .. } = &args.runner;
    Submission {
        classroom: classroom.clone(),
        assignment: assignment.clone(),
        tag: tag.clone(),
        commit: commit.clone(),
        release: release.clone(),
        review: review.clone(),
    }
}

fn for_terminal(args: &GradeArgs, records: &[Record]) -> String {
    if args.submissions.is_some() {
        return table(records);
    }
    let terminal = args.format == Form::Terminal && Term::stdout().is_term();
    let colour = if terminal { Colour::Yes } else { Colour::No };
    let shown: Vec<_> = records.iter().map(|one| format::terminal(one, colour)).collect();
    shown.join("\n")
}

fn table(records: &[Record]) -> String {
    let row = |record: &Record| {
        vec![
            record.submission.clone().unwrap_or_default(),
            record.exercise.clone(),
            record.outcome.to_string(),
            format!("{} of {}", record.points, record.max_points),
            record.restored.join(", "),
            record.remarks.join("\n"),
        ]
    };
    let header =
        ["submission", "exercise", "outcome", "points", "changed and restored", ""];
    let table = crate::screen::table(&header, records.iter().map(row).collect());
    format!("{table}\n")
}

/// Replaces a file. The error names it.
pub(super) fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    outcome::file::replace(file, text)
        .with_context(|| format!("cannot write {}", file.display()))
}
