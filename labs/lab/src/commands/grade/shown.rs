//! The result of a grading, in each form.

use super::{Form, GradeArgs, Runner};
use crate::commands::usage;
use anyhow::{Context, anyhow};
use console::Term;
use grader::format::{self, Colour, Submission};
use grader::{Record, Verdict};
use std::fs;
use std::path::Path;

/// Said to whoever wants more in a form than it holds.
pub(super) const ONLY_ONE: &str =
    "this form holds one exercise of one submission: name the exercise";

/// Says what came of it, where and in the form that was asked for.
pub(super) fn show(
    args: &GradeArgs,
    form: Form,
    records: &[Record],
) -> anyhow::Result<()> {
    let broken = records.iter().find(|record| record.verdict == Verdict::Broken);
    if let (Some(broken), true) = (broken, form.is_for_marks()) {
        // None of these can say so: they are told by a file that is not there.
        eprint!("{}", format::terminal(broken, Colour::No));
        return Ok(());
    }
    let text = rendered(args, form, records)?;
    match &args.out {
        None => print!("{text}"),
        Some(file) => {
            print!("{}", for_people(args, records));
            write(file, &text)?;
        }
    }
    if let (Form::Github, Some(file)) = (form, &args.runner.summary) {
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
        Form::Terminal => Ok(for_people(args, records)),
        Form::Json => json(serde_json::to_value(records)?),
        Form::Junit => format::junit(records),
        Form::Github => {
            let word = rand::random();
            let shown = format::shielded(&for_people(args, records), word);
            Ok(shown + &format::annotations(records))
        }
        Form::Classroom50 => json(format::classroom50(only(records)?, &submission(args))),
        Form::Gradescope => json(format::gradescope(only(records)?)),
        Form::Exercism => json(format::exercism(only(records)?)),
    }
}

/// These forms hold one work.
fn only(records: &[Record]) -> anyhow::Result<&Record> {
    let [record] = records else {
        return Err(usage(anyhow!("{ONLY_ONE}")));
    };
    Ok(record)
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

fn for_people(args: &GradeArgs, records: &[Record]) -> String {
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
            record.verdict.to_string(),
            format!("{} of {}", record.points, record.max_points),
            record.restored.join(", "),
            record.remarks.join("\n"),
        ]
    };
    let header =
        ["submission", "exercise", "verdict", "points", "changed and restored", ""];
    let table = crate::screen::table(&header, records.iter().map(row).collect());
    format!("{table}\n")
}

/// Writes a file, or says which one it could not.
pub(super) fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
