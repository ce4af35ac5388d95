//! `lab watch`: checks an exercise after each change of its files.
//!
//! It polls the modification times and lengths of files, because notifications of the
//! system are missing over SSH, in containers and in WSL. Keys are read as lines, so that
//! any terminal works.

use super::exercise::{ExerciseArgs, Workspace};
use super::{hint, list, run};
use crate::screen::{print, print_line};
use console::Term;
use grader::Manifest;
use grader::renamed::exercise_folder;
use outcome::Outcome;
use std::collections::VecDeque;
use std::fs;
use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// Time between two polls of the files.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Check an exercise each time you save a file
#[derive(clap::Args, Debug, Default)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    which: ExerciseArgs,

    /// Check only on the key r, for file systems without modification times
    #[arg(long)]
    manual_run: bool,
}

pub(crate) async fn run(args: WatchArgs) -> ExitCode {
    super::judged(watch(&args).await.map(|()| Outcome::Pass))
}

async fn watch(args: &WatchArgs) -> anyhow::Result<()> {
    let (mut workspace, mut manifest) = args.which.find()?;
    let mut keys = Keys::read();
    loop {
        let before = snapshot(&workspace, &manifest);
        let outcome = match checked(&mut workspace, &manifest, &mut keys).await? {
            Checked::Done(outcome) => outcome,
            Checked::Again => continue,
            Checked::Quit => return Ok(()),
        };
        loop {
            prompt(outcome, args.manual_run);
            let key = tokio::select! {
                key = keys.next() => key,
                () = changed(&workspace, &manifest, &before), if !args.manual_run => {
                    Some("r".to_owned())
                }
            };
            match key.as_deref() {
                None | Some("q") => return Ok(()),
                Some("r" | "") => break,
                Some("h") => {
                    print(format_args!(
                        "\n{}",
                        hint::next(&mut workspace, &manifest, None, "h")?
                    ));
                }
                Some("l") => list::show(&workspace, false)?,
                Some("n") => {
                    if let Some(next) = next_after(&workspace, &manifest)? {
                        manifest = next;
                        break;
                    }
                }
                Some(key) => print_line(format_args!("\n{key}?")),
            }
        }
    }
}

/// The next exercise, after this one is solved. Prints the reason if there is none.
fn next_after(
    workspace: &Workspace,
    manifest: &Manifest,
) -> anyhow::Result<Option<Manifest>> {
    if !workspace.progress.of(&manifest.id).solved {
        let other = workspace.command("watch ID");
        print_line(format_args!("\nSolve this one first. For another: {other}"));
        return Ok(None);
    }
    let next = workspace.next()?;
    if next.is_none() {
        print_line("\nEvery exercise is solved");
    }
    Ok(next)
}

/// How a check ended.
enum Checked {
    Done(Outcome),
    /// The check must start again.
    Again,
    Quit,
}

/// Checks an exercise. The keys for quit and restart end the check at once; other keys are
/// kept for later. Without input, the check runs to its end.
async fn checked(
    workspace: &mut Workspace,
    manifest: &Manifest,
    keys: &mut Keys,
) -> anyhow::Result<Checked> {
    let mut check = std::pin::pin!(check(workspace, manifest));
    loop {
        let key = tokio::select! {
            outcome = &mut check => return Ok(Checked::Done(outcome?)),
            Some(key) = keys.fresh() => key,
        };
        match key.as_str() {
            "q" => return Ok(Checked::Quit),
            "r" => return Ok(Checked::Again),
            "" => {}
            _ => keys.keep(key),
        }
    }
}

async fn check(
    workspace: &mut Workspace,
    manifest: &Manifest,
) -> anyhow::Result<Outcome> {
    let terminal = Term::stdout();
    if terminal.is_term() {
        let _terminal_is_gone = terminal.clear_screen();
    }
    print_line(format_args!("checking {} … (q and Enter to stop)\n", manifest.id));
    let record = run::check(workspace, manifest, None).await?;
    print(run::shown(workspace, manifest, &record));
    Ok(record.outcome)
}

/// Prints the keys that are possible now.
fn prompt(outcome: Outcome, manual: bool) {
    let next = if outcome == Outcome::Pass { "n next, " } else { "" };
    let waiting = if manual { "" } else { "; or save a file" };
    print_line(format_args!("\n{next}r run, h hint, l list, q quit, and Enter{waiting}"));
}

/// The lines from the keyboard.
struct Keys {
    lines: mpsc::UnboundedReceiver<String>,
    kept: VecDeque<String>,
}

impl Keys {
    fn read() -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            // Bytes: a line that is no text is an unknown key, and not the end.
            for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                if sender.send(line.trim().to_owned()).is_err() {
                    return;
                }
            }
        });
        Self { lines, kept: VecDeque::new() }
    }

    /// The next key, kept ones first; [`None`] at the end of the input.
    async fn next(&mut self) -> Option<String> {
        match self.kept.pop_front() {
            Some(key) => Some(key),
            None => self.fresh().await,
        }
    }

    /// The next new key.
    async fn fresh(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Keeps a key for later.
    fn keep(&mut self, key: String) {
        self.kept.push_back(key);
    }
}

type Snapshot = Vec<(SystemTime, u64)>;

/// Resolves when a file differs from its state before the check, so that a change during a
/// check is noticed after it.
async fn changed(workspace: &Workspace, manifest: &Manifest, before: &Snapshot) {
    while snapshot(workspace, manifest) == *before {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn snapshot(workspace: &Workspace, manifest: &Manifest) -> Snapshot {
    let mut seen = Vec::new();
    scan(&exercise_folder(&workspace.folder, &manifest.id), &mut seen);
    seen
}

fn scan(folder: &Path, seen: &mut Snapshot) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(about) = entry.metadata() else {
            continue;
        };
        let hidden = entry.file_name().to_str().is_none_or(|name| name.starts_with('.'));
        if about.is_dir() && !hidden && entry.file_name() != "target" {
            scan(&entry.path(), seen);
        } else if about.is_file() && !hidden {
            seen.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len()));
        }
    }
}
