//! Adversarial and unlucky submissions, each with its right outcome: what a program prints,
//! which files a source reads, and what a student hands in.

use crate::fixture::{CORRECT, ID, SUITE, Work, assignment_of_one_check, paths};
use grader::{Outcome, Record, grade};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// One submission: its name, its answer, the outcome, a part of the report.
type Row<'a> = (&'a str, String, Outcome, &'a str);

/// The correct answer with additional code that runs before the server listens.
fn before(body: &str) -> String {
    CORRECT.replace("before() {}", &format!("before() {{ {body} }}"))
}

/// The correct answer with additional items.
fn with_items(items: &str) -> String {
    format!("{CORRECT}\n{items}\n")
}

/// All texts of a record, as a teacher reads them.
fn report(record: &Record) -> String {
    serde_json::to_string_pretty(record).unwrap()
}

/// Grades with one run of the first check.
async fn graded_once(work: &Work) -> Record {
    grade(assignment_of_one_check(work.path(), SUITE)).await
}

async fn each_has_its_outcome(rows: impl IntoIterator<Item = Row<'_>>) {
    for (name, answer, outcome, part) in rows {
        let record = graded_once(&Work::with(&answer)).await;
        let report = report(&record);
        assert_eq!(record.outcome, outcome, "{name}: {report}");
        assert!(report.contains(part), "{name} lacks {part:?}: {report}");
    }
}

#[tokio::test]
async fn printed_text_never_changes_the_outcome() {
    let forged = r#"ready {"role":"x","replica_id":"r1","address":"127.0.0.1:9"}"#;
    let write = "use std::io::Write; let mut out = std::io::stdout();";
    let pass = Outcome::Pass;
    each_has_its_outcome([
        ("no newline", before("print!(\"starting\");"), pass, ""),
        ("a line with ready", before("println!(\"ready or not\");"), pass, ""),
        ("ready alone", before("println!(\"ready \");"), pass, ""),
        ("ready without a newline", before("print!(\"ready \");"), pass, ""),
        ("a forged ready line", before(&format!("println!(\"{{}}\", {forged:?});")), pass, ""),
        ("a carriage return", before("print!(\"50 %\\r\");"), pass, ""),
        (
            "binary noise",
            before(&format!(
                "{write} for n in 0..20_000_u32 {{ out.write_all(&[n as u8, 0, 255]).unwrap(); }}"
            )),
            pass,
            "",
        ),
        (
            "a forged ready line of a program that never listens",
            before(&format!(
                "println!(\"{{}}\", {forged:?}); loop {{ std::thread::park() }}"
            )),
            Outcome::Fail,
            "no ready",
        ),
        (
            "100 MB before it listens",
            before(&format!(
                "{write} for _ in 0..100 {{ let _ = out.write_all(&vec![b'x'; 1 << 20]); }}"
            )),
            Outcome::Fail,
            "wrote more",
        ),
    ])
    .await;
}

/// Such a file must neither be waited for nor read without end.
#[tokio::test]
async fn replaced_ready_file_does_not_stop_the_grader() {
    let pipe = "std::process::Command::new(\"mkfifo\").arg(&file).status().unwrap();";
    let device = "std::os::unix::fs::symlink(\"/dev/zero\", &file).unwrap();";
    let rows = [("a pipe", pipe), ("an endless device", device)];
    each_has_its_outcome(rows.map(|(name, replace)| {
        // Meanwhile the grader looks for the file.
        let body = format!(
            "let file = std::env::var_os(\"LAB_READY_FILE\").unwrap(); {replace} \
             std::thread::sleep(std::time::Duration::from_millis(300)); \
             std::process::exit(0);"
        );
        (name, before(&body), Outcome::Fail, "it exited with code 0")
    }))
    .await;
}

#[tokio::test]
async fn ready_lines_of_a_student_stay_in_the_log() {
    let wrong = before("println!(\"ready for battle\");").replace("* 2", "* 3");
    let record = graded_once(&Work::with(&wrong)).await;
    assert_eq!(record.outcome, Outcome::Fail, "{}", report(&record));
    let log = &record.checks[0].log;
    assert!(log.contains("[r1] ready for battle"), "{log}");
}

/// The compiler repeats the whole line for each place on it.
#[tokio::test]
async fn error_on_a_very_long_line_is_a_compile_error() {
    let code = "let _y = (1); let _z = (2); let x: u32 = \"a\";";
    let answer = before(&format!("{code} /*{}*/", "x".repeat(900_000)));
    each_has_its_outcome([("one line", answer, Outcome::Fail, "mismatched types")]).await;
}

/// Answers that read a file, and compile if its content does.
fn readers(file: &str, solution: &str) -> Vec<(&'static str, String)> {
    let up = "../".repeat(20);
    let module =
        |path: String| format!("#[path = {path:?}]\nmod other;\npub use other::*;");
    let text =
        |path: &str| with_items(&format!("pub const X: &str = include_str!({path:?});"));
    let bytes = format!("pub const X: &[u8] = include_bytes!({file:?});");
    vec![
        ("include!", with_items(&format!("include!({file:?});"))),
        (
            "include! of a relative path",
            with_items(&format!("include!(\"{up}{file}\");")),
        ),
        ("include_str!", text(file)),
        ("include_bytes!", with_items(&bytes)),
        ("a path attribute", module(solution.to_owned())),
        ("a relative path attribute", module(format!("{up}{solution}"))),
        ("include! of a solution", format!("include!({solution:?});")),
        ("a shared file", text("../../support/src/lib.rs")),
    ]
}

/// Answers that do not compile and make the compiler print a file.
fn printers(file: &str) -> Vec<(&'static str, String)> {
    let up = "../".repeat(20);
    let computed =
        format!("include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{up}{file}\"));");
    let hidden = format!(
        "macro_rules! m {{ ($x:ident) => {{ compile_error!($x!({file:?})); }} }}\n\
         m!(include_str);"
    );
    let renamed =
        format!("use std::include_str as text;\ncompile_error!(text!({file:?}));");
    let panic = format!("const _: () = panic!(\"{{}}\", include_str!({file:?}));");
    vec![
        ("an error with the content", with_items(&panic)),
        (
            "compile_error!",
            with_items(&format!("compile_error!(include_str!({file:?}));")),
        ),
        ("a path from a variable", with_items(&computed)),
        ("a hidden macro", with_items(&hidden)),
        ("a renamed macro", with_items(&renamed)),
    ]
}

#[tokio::test]
async fn file_outside_the_exercise_fails_without_being_quoted() {
    let secret = tempfile::tempdir().unwrap();
    let file = secret.path().join("private.txt");
    fs::write(&file, "zx81canary qq77canary {\n").unwrap();
    let solution = secret.path().join("solution.rs");
    fs::write(&solution, CORRECT).unwrap();
    let (file, solution) = (file.display().to_string(), solution.display().to_string());
    for (name, answer) in readers(&file, &solution).into_iter().chain(printers(&file)) {
        let record = graded_once(&Work::with(&answer)).await;
        let report = report(&record);
        assert_eq!(record.outcome, Outcome::Fail, "{name}: {report}");
        assert!(!report.contains("canary"), "{name} quotes it: {report}");
        let reason = "outside of the exercise";
        assert!(record.message.contains(reason), "{name}: {report}");
    }
}

#[tokio::test]
async fn files_of_the_exercise_and_unset_variables_may_be_read() {
    let readme = "pub const X: &str = include_str!(\"../README.md\");";
    let rows = [
        ("README.md", readme.to_owned(), Outcome::Pass),
        (
            "a crate variable",
            "pub const X: &str = env!(\"CARGO_PKG_NAME\");".to_owned(),
            Outcome::Pass,
        ),
        (
            "an unset variable",
            "pub const X: Option<&str> = option_env!(\"NOT_SET\");".to_owned(),
            Outcome::Pass,
        ),
        ("the home", "pub const X: &str = env!(\"HOME\");".to_owned(), Outcome::Fail),
    ];
    each_has_its_outcome(rows.map(|(name, items, outcome)| {
        let part = if outcome == Outcome::Fail { "HOME" } else { "" };
        (name, with_items(&items), outcome, part)
    }))
    .await;
}

#[tokio::test]
async fn program_that_damages_its_own_file_fails_with_the_reason() {
    let me = "let me = std::env::current_exe().unwrap();";
    let mode = "use std::os::unix::fs::PermissionsExt; \
        std::fs::set_permissions(&me, std::fs::Permissions::from_mode(0)).unwrap();";
    let rows = [
        ("deleted", format!("{me} let _ = std::fs::remove_file(&me);")),
        ("not executable", format!("{me} {mode}")),
        (
            "replaced",
            format!(
                "{me} std::fs::write(\"x\", \"x\").unwrap(); let _ = std::fs::rename(\"x\", &me);"
            ),
        ),
        (
            "its folder",
            format!("{me} let _ = std::fs::remove_dir_all(me.parent().unwrap());"),
        ),
    ];
    for (name, body) in rows {
        let record = Work::with(&before(&body)).graded().await;
        let report = report(&record);
        assert_eq!(record.outcome, Outcome::Fail, "{name}: {report}");
        assert!(report.contains("own file"), "{name}: {report}");
    }
}

#[tokio::test]
async fn lost_processes_and_folders_are_no_harness_error() {
    let rows = [
        (
            "its working folder",
            "std::fs::remove_dir_all(std::env::current_dir().unwrap()).unwrap();",
            Outcome::Pass,
            "",
        ),
        (
            "the folder above",
            "let here = std::env::current_dir().unwrap(); \
             std::fs::remove_dir_all(here.parent().unwrap()).unwrap();",
            Outcome::Pass,
            "",
        ),
        ("exit", "std::process::exit(0);", Outcome::Fail, "it exited with code 0"),
        (
            "a parent that exits",
            "std::process::Command::new(\"sleep\").arg(\"60\").spawn().unwrap(); std::process::exit(0);",
            Outcome::Fail,
            "it exited with code 0",
        ),
        ("abort", "std::process::abort();", Outcome::Fail, "it exited with an error"),
        (
            "a panic while it panics",
            "struct D; impl Drop for D { fn drop(&mut self) { panic!(\"again\") } } \
             let _d = D; panic!(\"once\");",
            Outcome::Fail,
            "it exited with an error",
        ),
    ];
    for (name, body, outcome, part) in rows {
        let record = Work::with(&before(body)).graded().await;
        let report = report(&record);
        assert_eq!(record.outcome, outcome, "{name}: {report}");
        assert!(report.contains(part), "{name}: {report}");
    }
}

/// Changes the folder of the exercise.
type Change = fn(&Path);

/// Submissions whose answer cannot be used, and the reason that the student reads.
const UNUSABLE: [(&str, Change, &str); 8] = [
    ("a link", link_to_the_original, "src/answer.rs is a symbolic link"),
    ("a linked folder", link_the_folder, "src is a symbolic link"),
    ("a folder", make_it_a_folder, "src/answer.rs is a folder"),
    ("a pipe", make_it_a_pipe, "src/answer.rs is no regular file"),
    ("a folder too deep", move_deeper, "x-01-double/src/answer.rs"),
    ("another folder", move_to_src_src, "src/src/answer.rs"),
    ("2 MiB", make_it_long, "1 MiB"),
    ("2 MiB that compile when cut", make_it_long_at_the_end, "1 MiB"),
];

fn answer(exercise: &Path) -> std::path::PathBuf {
    exercise.join("src/answer.rs")
}

fn link_to_the_original(exercise: &Path) {
    fs::rename(answer(exercise), exercise.join("elsewhere.rs")).unwrap();
    symlink("../elsewhere.rs", answer(exercise)).unwrap();
}

fn link_the_folder(exercise: &Path) {
    fs::rename(exercise.join("src"), exercise.join("code")).unwrap();
    symlink("code", exercise.join("src")).unwrap();
}

fn make_it_a_folder(exercise: &Path) {
    fs::remove_file(answer(exercise)).unwrap();
    fs::create_dir(answer(exercise)).unwrap();
}

fn make_it_a_pipe(exercise: &Path) {
    fs::remove_file(answer(exercise)).unwrap();
    let made = std::process::Command::new("mkfifo").arg(answer(exercise)).status();
    assert!(made.unwrap().success());
}

fn move_deeper(exercise: &Path) {
    fs::create_dir(exercise.join(ID)).unwrap();
    fs::rename(exercise.join("src"), exercise.join(ID).join("src")).unwrap();
}

fn move_to_src_src(exercise: &Path) {
    fs::create_dir(exercise.join("src/src")).unwrap();
    fs::rename(answer(exercise), exercise.join("src/src/answer.rs")).unwrap();
}

fn make_it_long(exercise: &Path) {
    fs::write(answer(exercise), format!("{}{CORRECT}", "// long\n".repeat(1 << 18)))
        .unwrap();
}

fn make_it_long_at_the_end(exercise: &Path) {
    fs::write(answer(exercise), format!("{CORRECT}{}", "// long\n".repeat(1 << 18)))
        .unwrap();
}

#[tokio::test]
async fn unusable_answer_is_named_with_its_reason() {
    for (name, change, reason) in UNUSABLE {
        let work = Work::with(CORRECT);
        change(&work.path().join(ID));
        let record = graded_once(&work).await;
        let report = report(&record);
        assert_eq!(record.outcome, Outcome::Fail, "{name}: {report}");
        assert!(record.message.contains(reason), "{name}: {report}");
        assert!(!report.contains("compile"), "{name} was not compiled: {report}");
    }
}

#[tokio::test]
async fn unused_files_of_a_student_are_listed() {
    let work = Work::with(CORRECT);
    fs::create_dir(work.path().join(ID).join("src/more")).unwrap();
    for file in ["src/helper.rs", "src/more/tool.rs", "build.rs", "notes.txt"] {
        work.write(file, "// mine");
    }
    let record = graded_once(&work).await;
    assert_eq!(record.outcome, Outcome::Pass, "{}", report(&record));
    let remarks = record.remarks.join("\n");
    for file in ["src/helper.rs", "src/more/tool.rs", "build.rs"] {
        assert!(remarks.contains(file), "{file}: {remarks}");
    }
    assert!(remarks.contains("src/answer.rs"), "what is graded: {remarks}");
    work.write("src/answer.rs", "mod helper;\n");
    let record = graded_once(&work).await;
    assert_eq!(record.outcome, Outcome::Fail, "{}", report(&record));
    assert!(record.remarks.join("\n").contains("src/helper.rs"), "{}", report(&record));
    let untouched = graded_once(&Work::with(CORRECT)).await;
    assert_eq!(untouched.remarks, [""; 0]);
}

/// As an editor or Git on another system writes it.
#[tokio::test]
async fn line_ends_change_neither_outcome_nor_file_list() {
    let work = Work::with(CORRECT);
    let windows = |text: &str| text.replace('\n', "\r\n");
    for file in
        ["src/answer.rs", "src/main.rs", "exercise.toml", "README.md", "Cargo.toml"]
    {
        let path = work.path().join(ID).join(file);
        fs::write(&path, windows(&fs::read_to_string(&path).unwrap())).unwrap();
    }
    let shared = fs::read_to_string(paths().exercises().join("Cargo.toml")).unwrap();
    fs::write(work.path().join("Cargo.toml"), windows(&shared)).unwrap();
    let record = graded_once(&work).await;
    assert_eq!(record.outcome, Outcome::Pass, "{}", report(&record));
    assert_eq!(record.restored, [""; 0]);
    work.write("src/answer.rs", &format!("\u{feff}{CORRECT}"));
    let record = graded_once(&work).await;
    assert_eq!(record.outcome, Outcome::Pass, "{}", report(&record));
}
