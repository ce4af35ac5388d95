//! Adapts a wrong answer to a solution that was changed.

use super::patch::{changes, is_code, without_context};

/// The answer to the new solution that has the same mistake.
///
/// # Errors
/// When the answer and the new solution changed the same code: the text with conflict
/// markers.
pub(super) fn rebase(old: &str, new: &str, answer: &str) -> Result<String, String> {
    if code(&blocks(old).0) == code(&blocks(new).0) {
        return Ok(with_comments_of(old, new, answer));
    }
    diffy::merge(old, new, answer)
}

/// A line of code with the comments and empty lines before it.
struct Block<'a> {
    comments: &'a str,
    code: &'a str,
}

/// The blocks of a source, and the rest without code.
fn blocks(text: &str) -> (Vec<Block<'_>>, &str) {
    let (mut blocks, mut rest, mut comments) = (Vec::new(), text, 0);
    for line in text.split_inclusive('\n') {
        if is_code(line) {
            let (block, after) = rest.split_at(comments + line.len());
            let (comments_before, code) = block.split_at(comments);
            blocks.push(Block { comments: comments_before, code });
            (rest, comments) = (after, 0);
        } else {
            comments += line.len();
        }
    }
    (blocks, rest)
}

fn code(blocks: &[Block<'_>]) -> String {
    blocks.iter().map(|block| block.code).collect()
}

/// The answer, with the new comments wherever it has the old solution's comments. The two
/// solutions have the same code.
fn with_comments_of(old: &str, new: &str, answer: &str) -> String {
    let ((old, _), (new, end)) = (blocks(old), blocks(new));
    let (answer, _) = blocks(answer);
    let (old_code, answer_code) = (code(&old), code(&answer));
    let patch = without_context(&old_code, &answer_code);
    let (mut text, mut next, mut next_old) = (String::new(), 0, 0);
    let mut push = |block: &Block<'_>, at: Option<usize>| {
        let comments = block.comments.trim_start_matches('\n');
        let same = |at: &usize| old[*at].comments.trim_start_matches('\n') == comments;
        let comments = at
            .filter(same)
            .map_or(comments, |at| new[at].comments.trim_start_matches('\n'));
        let empty_lines =
            block.comments.bytes().take_while(|byte| *byte == b'\n').count();
        text.push_str(&block.comments[..empty_lines]);
        text.push_str(comments);
        text.push_str(block.code);
    };
    let end_of_code = (old.len(), 0, 0);
    let changes = changes(&patch)
        .map(|change| (change.start, change.deleted.len(), change.inserted.len()))
        .chain([end_of_code]);
    for (start, deleted, inserted) in changes {
        for at in next_old..start {
            push(&answer[next], Some(at));
            next += 1;
        }
        for number in 0..inserted {
            let replaced = (number < deleted).then_some(start + number);
            push(&answer[next], replaced);
            next += 1;
        }
        next_old = start + deleted;
    }
    text + end
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "// Old.\nfn one() {}\n\n// Old.\nfn two() {}\n";
    const NEW: &str =
        "// New\n// comment.\nfn one() {}\n\n// New.\nfn two() {}\n// End.\n";

    #[test]
    fn new_comments_replace_old_ones_beside_changed_code() {
        let answer = OLD.replace("two()", "zwei()");
        assert_eq!(rebase(OLD, NEW, &answer).unwrap(), NEW.replace("two()", "zwei()"));
        let answer = OLD.replace("fn two", "// Wrong.\nfn none() {}\nfn two");
        let expected = "// New\n// comment.\nfn one() {}\n\n// Old.\n// Wrong.\nfn none() {}\nfn two() {}\n// End.\n";
        assert_eq!(rebase(OLD, NEW, &answer).unwrap(), expected);
        let answer = OLD.replace("// Old.\nfn one() {}\n\n", "");
        assert_eq!(rebase(OLD, NEW, &answer).unwrap(), "// New.\nfn two() {}\n// End.\n");
    }

    #[test]
    fn changed_code_is_merged_and_conflicts_are_marked() {
        let answer = OLD.replace("two()", "zwei()");
        let new = NEW.replace("one()", "eins()");
        assert_eq!(rebase(OLD, &new, &answer).unwrap_err().matches("<<<<<<<").count(), 1);
        let new = OLD.replace("one()", "eins()");
        let expected = new.replace("two()", "zwei()");
        assert_eq!(rebase(OLD, &new, &answer).unwrap(), expected);
    }
}
