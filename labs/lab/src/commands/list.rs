//! `lab list`: the exercises and the progress.

use super::exercise::{FolderArgs, Workspace};
use crate::screen::{self, print_line};
use outcome::Document;
use serde_json::json;

/// List the exercises and your progress
///
/// It writes nothing: the first `cargo lab watch` or `run` copies the exercises.
#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: FolderArgs,

    /// Print JSON: docs/json.md
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ListArgs) -> anyhow::Result<()> {
    show(&args.place.find()?, args.json)
}

/// Prints the list.
pub(crate) fn show(workspace: &Workspace, as_json: bool) -> anyhow::Result<()> {
    let all = workspace.paths.all()?;
    let next = workspace.progress.next(&all).map(|manifest| manifest.id.clone());
    let (mut rows, mut list) = (Vec::new(), Vec::new());
    for manifest in &all {
        let progress = workspace.progress.of(&manifest.id);
        let is_next = next.as_ref() == Some(&manifest.id);
        let state = match (progress.solved, is_next) {
            (true, _) => "solved",
            (false, true) => "next",
            (false, false) => "",
        };
        rows.push(vec![
            manifest.short_id().to_owned(),
            manifest.title.clone(),
            format!("{} min", manifest.minutes),
            format!("{} of {}", progress.best, manifest.max_points()),
            state.to_owned(),
        ]);
        list.push(json!({
            "id": manifest.id,
            "title": manifest.title,
            "minutes": manifest.minutes,
            "best": progress.best,
            "max_points": manifest.max_points(),
            "solved": progress.solved,
            "next": is_next,
            "hints": progress.hints,
        }));
    }
    if as_json {
        let document = Document::new("lab-list", 1, json!({ "exercises": list }));
        print_line(serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    print_line(screen::table(&["", "exercise", "about", "points", ""], rows));
    let start = format!("Start with: {}", workspace.command("watch"));
    print_line(format_args!("\n{} {start}", place(workspace)));
    Ok(())
}

/// Where the student's files are. The first check copies them.
fn place(workspace: &Workspace) -> String {
    let folder = workspace.folder.display();
    match workspace.folder.is_dir() {
        true => format!("Your files are in {folder}."),
        false => format!("Your files will be in {folder}."),
    }
}
