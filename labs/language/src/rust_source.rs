//! Reads Rust source as tokens: the names that it defines, its tests, its string literals.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use std::str::FromStr;

/// The parts of a source file that the checks read.
#[derive(Debug, Default)]
pub(crate) struct RustSource {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) strings: Vec<StringLiteral>,
    /// The type of the `impl` block that is being read.
    owner: Option<String>,
}

/// A name that the file gives to something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) kind: DefinitionKind,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) is_public: bool,
    /// The type whose `impl` block contains it.
    pub(crate) owner: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefinitionKind {
    Type,
    Function,
    /// A function with an attribute whose path ends in `test`.
    Test,
    Field,
    Variant,
    Constant,
    Module,
}

#[derive(Debug)]
pub(crate) struct StringLiteral {
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Reads a file. A file that is not Rust (a fragment, say) has no definitions.
pub(crate) fn read(text: &str) -> RustSource {
    let mut source = RustSource::default();
    if let Ok(tokens) = TokenStream::from_str(text) {
        source.read(tokens);
    }
    source
}

impl RustSource {
    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut is_test = false;
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    at += self.attribute(&tokens[at + 1..], &mut is_test);
                }
                TokenTree::Ident(keyword) if keyword == "impl" => {
                    at += self.implementation(&tokens[at + 1..]);
                }
                TokenTree::Ident(_) => self.item_at(&tokens, at, &mut is_test),
                TokenTree::Group(group) => self.read(group.stream()),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    let text = string(&literal.to_string());
                    self.strings.extend(text.map(|text| StringLiteral { text, line }));
                }
                TokenTree::Punct(_) => {}
            }
            at += 1;
        }
    }

    /// Reads an attribute behind its `#`; returns the number of its tokens.
    fn attribute(&mut self, tokens: &[TokenTree], is_test: &mut bool) -> usize {
        let inner =
            matches!(tokens, [TokenTree::Punct(bang), ..] if bang.as_char() == '!');
        let Some(TokenTree::Group(attribute)) = tokens.get(usize::from(inner)) else {
            return 0;
        };
        *is_test |= path_ends_in_test(attribute);
        if !is_doc(attribute) {
            self.read(attribute.stream());
        }
        1 + usize::from(inner)
    }

    /// Reads an `impl` block behind its keyword; returns the number of its tokens.
    fn implementation(&mut self, tokens: &[TokenTree]) -> usize {
        let Some((owner, block, length)) = implementation(tokens) else { return 0 };
        let outer = self.owner.replace(owner);
        self.read(block);
        self.owner = outer;
        length
    }

    /// Defines the item whose keyword is at this token, if it is a keyword.
    fn item_at(&mut self, tokens: &[TokenTree], at: usize, is_test: &mut bool) {
        let [TokenTree::Ident(keyword), TokenTree::Ident(name), rest @ ..] =
            &tokens[at..]
        else {
            return;
        };
        self.item(&keyword.to_string(), name, *is_test, is_public(&tokens[..at]));
        if keyword == "fn" {
            *is_test = false;
        } else if keyword == "struct" || keyword == "union" {
            self.members(rest, DefinitionKind::Field);
        } else if keyword == "enum" {
            self.members(rest, DefinitionKind::Variant);
        }
    }

    fn item(&mut self, keyword: &str, name: &Ident, is_test: bool, is_public: bool) {
        let kind = match keyword {
            "struct" | "enum" | "trait" | "type" | "union" => DefinitionKind::Type,
            "fn" if is_test => DefinitionKind::Test,
            "fn" => DefinitionKind::Function,
            "const" | "static" if name != "fn" && name != "unsafe" && name != "async" => {
                DefinitionKind::Constant
            }
            "mod" => DefinitionKind::Module,
            _ => return,
        };
        self.define(name, kind, is_public);
    }

    fn define(&mut self, name: &Ident, kind: DefinitionKind, is_public: bool) {
        let line = name.span().start().line;
        let (name, owner) = (name.to_string(), self.owner.clone());
        self.definitions.push(Definition { name, kind, line, is_public, owner });
    }

    /// The fields or variants in the next braces, if those come before a `;`.
    fn members(&mut self, tokens: &[TokenTree], kind: DefinitionKind) {
        let body = tokens.iter().take_while(
            |token| !matches!(token, TokenTree::Punct(end) if end.as_char() == ';'),
        );
        let body = body.filter_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                Some(group)
            }
            _ => None,
        });
        let Some(body) = body.take(1).next() else { return };
        let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
        let mut first_of_member = true;
        let mut angle_brackets = 0_i32;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Punct(mark) => match mark.as_char() {
                    '<' => angle_brackets += 1,
                    '>' => angle_brackets = (angle_brackets - 1).max(0),
                    ',' if angle_brackets == 0 => first_of_member = true,
                    _ => {}
                },
                TokenTree::Ident(name) if first_of_member && name != "pub" => {
                    let public = is_public(&tokens[..at]);
                    self.define(name, kind, public || kind == DefinitionKind::Variant);
                    first_of_member = false;
                }
                TokenTree::Group(fields)
                    if kind == DefinitionKind::Variant
                        && fields.delimiter() == Delimiter::Brace =>
                {
                    self.members(std::slice::from_ref(token), DefinitionKind::Field);
                }
                _ => {}
            }
        }
    }
}

/// The type and the block of an `impl`, and the number of tokens up to the block's end.
/// [`None`] for `impl Trait` as a type, which has no block before the next `;`, `,` or `=`.
fn implementation(tokens: &[TokenTree]) -> Option<(String, TokenStream, usize)> {
    let mut owner = None;
    let mut angle_brackets = 0_i32;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Punct(mark) => match mark.as_char() {
                '<' => angle_brackets += 1,
                '>' => angle_brackets = (angle_brackets - 1).max(0),
                ';' | ',' | '=' if angle_brackets == 0 => return None,
                _ => {}
            },
            TokenTree::Ident(word) if angle_brackets == 0 && word == "for" => {
                owner = None
            }
            TokenTree::Ident(word) if angle_brackets == 0 && word == "where" => {
                angle_brackets = -1_000;
            }
            TokenTree::Ident(word) if angle_brackets == 0 => {
                owner = Some(word.to_string())
            }
            TokenTree::Group(block) if block.delimiter() == Delimiter::Brace => {
                return owner.map(|owner| (owner, block.stream(), at + 1));
            }
            _ => {}
        }
    }
    None
}

/// `#[test]`, `#[tokio::test(…)]`.
fn path_ends_in_test(attribute: &Group) -> bool {
    let path = attribute.stream().into_iter().take_while(|token| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(colon) => colon.as_char() == ':',
        _ => false,
    });
    matches!(path.last(), Some(TokenTree::Ident(name)) if name == "test")
}

/// Comments are read from the text, where they are lines.
fn is_doc(attribute: &Group) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc")
}

/// Whether `pub` (not `pub(crate)`) stands before the tokens' end, with qualifiers between.
fn is_public(before: &[TokenTree]) -> bool {
    let qualifier = |token: &&TokenTree| matches!(token, TokenTree::Ident(word) if ["async", "const", "unsafe", "extern"].iter().any(|name| word == name));
    let mut before = before.iter().rev().skip_while(qualifier);
    matches!(before.next(), Some(TokenTree::Ident(word)) if word == "pub")
}

/// The text of a string literal, without quotes and with line ends for `\n`.
fn string(literal: &str) -> Option<String> {
    let raw = literal.trim_start_matches('b').trim_start_matches('r').trim_matches('#');
    let text = raw.strip_prefix('"')?.strip_suffix('"')?;
    Some(text.replace("\\n", " ").replace("\\\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions(text: &str) -> Vec<(String, DefinitionKind)> {
        let definitions = read(text).definitions.into_iter();
        definitions.map(|definition| (definition.name, definition.kind)).collect()
    }

    #[test]
    fn definitions_are_found_with_their_kinds() {
        let text = "
            pub struct Session { pub id: Id<A, B>, created: u64 }
            enum State { Up, Down { since: u64 } }
            const MAX: usize = 1;
            mod inner { fn helper() { let local = 1; } }
            #[tokio::test(flavor = \"multi_thread\")]
            async fn session_expires() {}
            fn after_the_test() {}
        ";
        let expected = [
            ("Session", DefinitionKind::Type),
            ("id", DefinitionKind::Field),
            ("created", DefinitionKind::Field),
            ("State", DefinitionKind::Type),
            ("Up", DefinitionKind::Variant),
            ("Down", DefinitionKind::Variant),
            ("since", DefinitionKind::Field),
            ("MAX", DefinitionKind::Constant),
            ("inner", DefinitionKind::Module),
            ("helper", DefinitionKind::Function),
            ("session_expires", DefinitionKind::Test),
            ("after_the_test", DefinitionKind::Function),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        assert_eq!(definitions(text), expected);
    }

    #[test]
    fn strings_are_found_inside_macros_and_not_in_doc_comments() {
        let text = "/// a doc comment\nfn f() { println!(\"one text\"); }";
        let strings = read(text).strings;
        assert_eq!(strings.len(), 1);
        assert_eq!((strings[0].text.as_str(), strings[0].line), ("one text", 2));
    }
}
