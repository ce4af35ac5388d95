//! `lab list`: which exercises there are, and how far somebody is.

use super::exercise::{Desk, Place};
use crate::screen;
use serde_json::json;

/// List the exercises, and how far you are
#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Place,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ListArgs) -> anyhow::Result<()> {
    show(&args.place.open()?, args.json)
}

/// Prints the list.
pub(crate) fn show(desk: &Desk, as_json: bool) -> anyhow::Result<()> {
    let all = desk.home.all()?;
    let next = desk.progress.next(&all).map(|manifest| manifest.id.clone());
    let (mut rows, mut list) = (Vec::new(), Vec::new());
    for manifest in &all {
        let standing = desk.progress.of(&manifest.id);
        let is_next = next.as_ref() == Some(&manifest.id);
        let state = match (standing.solved, is_next) {
            (true, _) => "solved",
            (false, true) => "next",
            (false, false) => "",
        };
        rows.push(vec![
            manifest.short_id().to_owned(),
            manifest.title.clone(),
            format!("{} min", manifest.minutes),
            format!("{} of {}", standing.best, manifest.max_points()),
            state.to_owned(),
        ]);
        list.push(json!({
            "id": manifest.id,
            "title": manifest.title,
            "minutes": manifest.minutes,
            "best": standing.best,
            "max_points": manifest.max_points(),
            "solved": standing.solved,
            "next": is_next,
            "hints": standing.hints,
        }));
    }
    if as_json {
        println!("{:#}", json!(list));
        return Ok(());
    }
    println!("{}", screen::table(&["", "exercise", "about", "points", ""], rows));
    println!("\nYour files are in {}. {}", desk.folder.display(), how_to_start(desk));
    Ok(())
}

/// The command; a folder that it would not find by itself is named in it.
fn how_to_start(desk: &Desk) -> String {
    let start = "Start with: cargo lab watch";
    if desk.is_found_by_itself() {
        return start.to_owned();
    }
    format!("{start} --in {}", desk.folder.display())
}
